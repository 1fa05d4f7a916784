"""A receiver on `standardwebhooks`. Orders: verify, with the secret and a call as it came."""

from standardwebhooks import Webhook, WebhookVerificationError

from lines import orders, say

for order in orders():
    try:
        payload = Webhook(order["secret"]).verify(order["body"], order["headers"])
        say("verified", payload=payload)
    except WebhookVerificationError as error:
        say("refused", why=str(error))
