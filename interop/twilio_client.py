"""An application on `twilio`. Set-up: {"endpoint", "user", "password", "account"}. Orders: create, fetch, list, validate,
cancel, redact, delete."""

from datetime import datetime

from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from lines import orders, say, setup

client = Client(setup["user"], setup["password"], setup["account"])
client.api.base_url = setup["endpoint"]


def tell(event, message):
    fields = ("sid", "status", "to", "from_", "body", "num_segments", "error_code", "price", "price_unit",
              "account_sid", "direction", "messaging_service_sid")
    told = {name: getattr(message, name) for name in fields}
    say(event, created=message.date_created.isoformat(), sent=bool(message.date_sent), **told)


def act(order):
    if order["do"] == "create":
        fields = dict(order["fields"])
        if "send_at" in fields:
            fields["send_at"] = datetime.fromisoformat(fields["send_at"])
        tell("created", client.messages.create(**fields))
    elif order["do"] == "fetch":
        tell("fetched", client.messages(order["sid"]).fetch())
    elif order["do"] == "list":
        found = client.messages.list(**order["fields"])
        say("listed", sids=[message.sid for message in found])
    elif order["do"] == "cancel":
        tell("cancelled", client.messages(order["sid"]).update(status="canceled"))
    elif order["do"] == "redact":
        tell("redacted", client.messages(order["sid"]).update(body=""))
    elif order["do"] == "delete":
        say("deleted", done=client.messages(order["sid"]).delete())
    elif order["do"] == "validate":
        validator = RequestValidator(setup["password"])
        say("validated", fits=validator.validate(order["url"], order["params"], order["signature"]))


for order in orders():
    try:
        act(order)
    except TwilioRestException as error:
        say("refused", status=error.status, code=error.code)
