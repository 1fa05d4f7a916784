"""A message centre on `smppy`, which binds transceivers only and gives messages no ids. Set-up: {"password"}. Orders:
inbound, drop. Its reader takes one PDU of each read: who speaks to it must wait for an answer before the next one.
"""

import asyncio
import sys
import threading

from smpp.pdu.pdu_types import AddrNpi, AddrTon
from smppy import Application

from lines import orders, say, setup

clients = []


class Centre(Application):
    async def handle_bound_client(self, client):
        right = client.password == setup["password"]
        say("bound" if right else "refused", login=client.system_id)
        if not right:
            return None
        clients.append(client)
        return client

    async def handle_unbound_client(self, client):
        clients.remove(client)
        say("closed")

    async def handle_sms_received(self, client, source_number, dest_number, text):
        say("submit", text=text, to=dest_number, **{"from": source_number})


async def carry_out(order):
    client = clients[-1]
    if order["do"] == "drop":
        for client in clients:
            client._protocol._transport.abort()
        clients.clear()
    elif order["do"] == "inbound":
        client.addr_ton, client.addr_npi = AddrTon.INTERNATIONAL, AddrNpi.ISDN
        await client.send_sms(order["from"], order["to"], order["text"])


def obey(loop):
    for order in orders():
        asyncio.run_coroutine_threadsafe(carry_out(order), loop)
    loop.call_soon_threadsafe(loop.stop)


def main():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    server = Centre(name="peer").create_server(loop=loop, host="127.0.0.1", port=setup.get("port", 0))
    say("listening", port=server.sockets[0].getsockname()[1])
    threading.Thread(target=obey, args=(loop,), daemon=True).start()
    loop.run_forever()


main()
sys.exit(0)
