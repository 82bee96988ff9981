"""Hostile answers in the API server's place: 200, and nothing that an API server would say.

None is a lie that could be believed, such as an empty list: nobody can tell that from the truth.
"""

import json

from ingress_canary.lab.kubeapi import Empty, ForeignPage
from tests.campaign.faults.api_server import WRITES, answered, answered_on_watches
from tests.campaign.faults.kind import Kind, Target, of_daemons

LOGIN = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>"
BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def event(kind: str, thing: object) -> str:
    """Return one line of a watch."""
    return json.dumps({"type": kind, "object": thing}) + "\n"


TO_READS: dict[str, str] = {
    "a login page": LOGIN,
    "a word": "ok",
    "an empty object": "{}",
    "an empty list": "[]",
    "null": "null",
    "a number": "0",
    "a text": '"items"',
    "half a document": '{"kind":"List","metadata":{"resourceVersion":"5"},"items":[{"metadata":{"na',
    "items that are no list": '{"metadata":{"resourceVersion":"5"},"items":{"a":1}}',
    "items that are null": '{"metadata":{"resourceVersion":"5"},"items":null}',
    "metadata that is a text": '{"metadata":"5","items":[]}',
    "metadata that is null": '{"metadata":null,"items":[]}',
    "a failure under 200": json.dumps({"kind": "Status", "status": "Failure", "reason": "Unknown", "code": 500}),
    "no number": '{"metadata":NaN,"items":NaN}',
    "a number of 5,000 digits": "9" * 5000,
    "brackets without end": "[" * 200_000,
    "braces without end": '{"a":' * 200_000,
    "a lone surrogate": r'{"metadata":{"resourceVersion":"\ud800"},"items":7}',
    "a mark of byte order": "\ufeff" + "{}",
    "zeros": "\0" * 1000,
    "a line of a megabyte": "x" * 1_000_000,
    "other lines": "\n\n\r\n \n",
    "an event of no known type": event("EXPLODED", {"metadata": {"name": "a"}}),
    "an event without an object": '{"type":"MODIFIED"}\n',
    "an event whose object is null": event("MODIFIED", None),
    "an event whose object is a list": event("ADDED", [1, 2]),
    "an event whose metadata is a text": event("ADDED", {"metadata": "books"}),
    "an event whose version is a number": event("BOOKMARK", {"metadata": {"resourceVersion": 7}}),
    "a bookmark without a version": event("BOOKMARK", {"metadata": {}}),
    "an error without a code": event("ERROR", {"kind": "Status", "status": "Failure"}),
    "half an event": '{"type":"MODIFIED","object":{"metadata":{"name":"bo',
}
TO_WRITES: dict[str, str] = {
    "a login page": LOGIN,
    "an empty object": "{}",
    "null": "null",
    "half a document": '{"metadata":{"resourceVersion":',
    "brackets without end": "[" * 200_000,
}
ANSWERS: tuple[Kind, ...] = (
    Kind("reads answered by nothing", Target.ANSWERS, answered_on_watches(Empty(), "get", "list", "watch")),
    Kind("everything answered by a proxy's 502", Target.ANSWERS, answered(of_daemons(), ForeignPage(502, BAD_GATEWAY))),
    *(
        Kind(f"reads answered by {name}", Target.ANSWERS, answered_on_watches(ForeignPage(200, text), "list", "watch"))
        for name, text in TO_READS.items()
    ),
    *(
        Kind(f"writes answered by {name}", Target.ANSWERS, answered(of_daemons(verb=WRITES), ForeignPage(200, text)))
        for name, text in TO_WRITES.items()
    ),
)
