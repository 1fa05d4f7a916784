"""An application on `tencentcloud-sdk-python-sms`. Set-up: {"endpoint", "id", "secret", "ahead"?}. Orders: {"do": an action,
"fields"}. `ahead`: seconds by which the clock is wrong."""

import json
import time

from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models, sms_client

from lines import orders, say, setup

if "ahead" in setup:
    right = time.time
    time.time = lambda: right() + setup["ahead"]

profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=setup["endpoint"]))
client = sms_client.SmsClient(credential.Credential(setup["id"], setup["secret"]), "ap-guangzhou", profile)

for order in orders():
    request = getattr(models, order["do"] + "Request")()
    request.from_json_string(json.dumps(order["fields"]))
    try:
        answer = getattr(client, order["do"])(request)
        say("answered", body=json.loads(answer.to_json_string()))
    except TencentCloudSDKException as error:
        say("refused", code=error.code)
