"""What schemathesis may not ask: to connect to machines that it makes up, and to wait."""

import schemathesis

# Parameters that make a handler wait for something to happen, in seconds.
WAITS = ("wait", "wait_seconds")


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.query, dict):
        for name in WAITS:
            if isinstance(case.query.get(name), int) and case.query[name] > 1:
                case.query[name] = 1
    if isinstance(case.body, dict) and case.path.startswith("/v1/channels/"):
        case.body["enabled"] = False
