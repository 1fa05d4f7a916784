"""An application on `alibabacloud-dysmsapi20170525`. Set-up: {"endpoint", "id", "secret", "algorithm"?, "ahead"?, "nonce"?}.

`ahead` and `nonce` make requests that the SDK would never make: seconds by which the clock is wrong, and a nonce that is
used for every request. Orders: {"do": the name of a method of the client, "fields": of its request}.
"""

from datetime import datetime, timedelta, timezone

from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_tea_openapi import utils_models
from alibabacloud_tea_openapi.utils import Utils

from lines import orders, say, setup

config = utils_models.Config(
    access_key_id=setup["id"], access_key_secret=setup["secret"], endpoint=setup["endpoint"], protocol="http",
    signature_algorithm=setup.get("algorithm"))
client = Client(config)

if "ahead" in setup:
    shifted = lambda: (datetime.now(timezone.utc) + timedelta(seconds=setup["ahead"])).strftime("%Y-%m-%dT%H:%M:%SZ")
    Utils.get_timestamp = staticmethod(shifted)
if "nonce" in setup:
    Utils.get_nonce = staticmethod(lambda: setup["nonce"])

for order in orders():
    name = "".join(part.title() for part in order["do"].split("_"))
    try:
        answer = getattr(client, order["do"])(getattr(models, name + "Request")(**order["fields"]))
        say("answered", status=answer.status_code, body=answer.body.to_map())
    except Exception as error:  # The SDK's own, of several modules.
        say("refused", code=getattr(error, "code", None), status=getattr(error, "status_code", None) or getattr(error, "statusCode", None), words=str(error))
