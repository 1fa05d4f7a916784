"""How the peers talk to the tests: one JSON object a line, on both sides."""

import json
import sys

setup = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


def say(event, **fields):
    print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


def orders():
    """What the test writes; ends when the test is gone."""
    for line in sys.stdin:
        yield json.loads(line)
