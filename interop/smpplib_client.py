"""A customer on `smpplib`. Set-up: {"port", "login", "password"}. Orders: send, drop, connect."""

import queue
import re
import socket
import threading

import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm

from lines import orders, say, setup

BAD_PEER = (smpplib.exceptions.ConnectionError, OSError)


def delivered(pdu):
    text = pdu.short_message or b""
    header = pdu.esm_class & smpplib.consts.SMPP_GSMFEAT_UDHI
    part, parts = (text[5], text[4]) if header else (1, 1)
    body = text[6:] if header else text
    text = body.decode("utf-16-be" if pdu.data_coding == 8 else "ascii")
    found = re.search(r"id:(\S+) .*stat:(\S+)", text)
    say(
        "deliver", text=text, part=part, parts=parts, esm_class=pdu.esm_class,
        to=pdu.destination_addr.decode(), **{"from": pdu.source_addr.decode()},
        id=found.group(1) if found else None, stat=found.group(2) if found else None,
    )
    return smpplib.consts.SMPP_ESME_ROK


def connect():
    client = smpplib.client.Client("127.0.0.1", setup["port"], timeout=10, allow_unknown_opt_params=True)
    client.set_message_sent_handler(
        lambda pdu: say("answer", status=pdu.status, id=(pdu.message_id or b"").decode()))
    client.set_message_received_handler(delivered)
    client.set_error_pdu_handler(lambda pdu: say("answer", status=pdu.status, id=None))
    client.connect()
    try:
        client.bind_transceiver(system_id=setup["login"], password=setup["password"])
        say("bound")
    except smpplib.exceptions.PDUError as error:
        say("refused", status=error.args[1])
    return client


def send(client, order):
    parts, coding, esm_class = smpplib.gsm.make_parts(order["text"])
    for part in parts:
        client.send_message(
            source_addr_ton=0, source_addr_npi=0, source_addr=order["from"],
            dest_addr_ton=1, dest_addr_npi=1, destination_addr=order["to"],
            short_message=part, data_coding=coding, esm_class=esm_class, registered_delivery=True)


def main():
    waiting = queue.Queue()
    threading.Thread(target=lambda: [waiting.put(order) for order in orders()] + [waiting.put(None)]).start()
    client = connect()
    while True:
        try:
            order = waiting.get(timeout=0.05)
            if order is None:
                return
            if order["do"] == "send":
                send(client, order)
            elif order["do"] == "drop":
                client._socket.shutdown(socket.SHUT_RDWR)
                client.state = smpplib.consts.SMPP_CLIENT_STATE_OPEN
                client.disconnect()
                client = None
            elif order["do"] == "connect":
                client = connect()
        except queue.Empty:
            pass
        try:
            if client:
                client.poll()
        except BAD_PEER:
            say("closed")
            client = None


main()
