"""A customer on `pycmpp` (CMPP 2.1). It knows no DELIVER: what it lacks is added through its table of handlers. Set-up:
{"port", "login", "password"}. Order: send.
"""

import os
import struct
import threading

from pycmpp.cmpp import Cmpp
from pycmpp.cmpp_defines import CMPP_DELIVER_REQ, CMPP_DELIVER_RESP
from pycmpp.handlers import BaseHandler, CmppConnectRespHandler, CmppSubmitRespHandler
from pycmpp.response import ConnectResponseInstance, SubmitResponseInstance

from lines import orders, say, setup


class Connected(CmppConnectRespHandler):
    def __call__(self):
        resp = ConnectResponseInstance()
        resp.resolve(self.message)
        say("refused" if resp.status else "bound", status=resp.status, version=resp.version)


class Answered(CmppSubmitRespHandler):
    def __call__(self):
        resp = SubmitResponseInstance()
        resp.resolve(self.message)
        say("answer", status=resp.status, id=resp.msg_id)


class Delivered(BaseHandler):
    """DELIVER of CMPP 2.0: 8 Msg_Id, 21 Dest_Id, 10 Service_Id, 3 octets, 21 Src_terminal_Id, 1, 1, content."""

    command_id = CMPP_DELIVER_REQ

    def __call__(self):
        number = lambda octets: octets.rstrip(b"\0").decode()
        body = self.message[12:]
        msg_id, to = body[:8], number(body[8:29])
        udhi, coding = body[40], body[41]
        sender, is_report, length = number(body[42:63]), body[63], body[64]
        content = body[65:65 + length]
        if is_report:
            report = struct.unpack("!Q", content[:8])[0]
            say("report", id=report, stat=number(content[8:15]), phone=number(content[35:56]), to=to)
        else:
            text = content[6:] if udhi else content
            say("deliver", text=text.decode("utf-16-be" if coding == 8 else "ascii"), to=to, **{"from": sender},
                part=content[5] if udhi else 1, parts=content[4] if udhi else 1)
        sequence = self.message[8:12]
        self.cmpp.send(struct.pack("!LL", 21, CMPP_DELIVER_RESP) + sequence + msg_id + b"\0")


def main():
    client = Cmpp("127.0.0.1", setup["port"], setup["login"], setup["password"], "", delivery=1)
    for handler in (Connected, Answered, Delivered):
        client.handlers[handler.command_id] = handler
    threading.Thread(target=client.run, daemon=True).start()
    for order in orders():
        client.submit(order["text"], order["to"])
    os._exit(0)


main()
