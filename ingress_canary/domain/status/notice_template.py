"""Variables of a notification's title and body, and which notifications cannot be sent. Used by the daemon and lint."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from ingress_canary.api.model import FieldFault
from ingress_canary.api.notification import Notification
from ingress_canary.domain.metrics.templates import unclosed, unknown
from ingress_canary.domain.reasons.vocabulary import Reason

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "namespace": "namespace of the rollout",
        "rollout": "its name",
        "reason": "one word of the vocabulary",
        "severity": "info, warning or critical",
        "message": "the sentence with the numbers",
        "phase": "where it is in its life",
        "step": "number of the step, from 1; 0 before the first",
        "stepName": "its name, if it has one",
        "weight": "percent of requests meant for the canary",
        "share": "percent of requests seen on the canary, if known",
        "revision": "what is rolled out",
        "evidence": "a line for each SLO: verdict and numbers",
        "time": "when it was decided, in UTC",
    }
)
"""The closed set of variables of a title and a body, with their meaning (docs/howto/notify.md)."""
REASONS = tuple(map(str, Reason))
GUESSED = 2
"""Unknown reasons of a notification for which the one that may be meant is looked for."""


def notification_faults(notifications: Sequence[Notification], prefix: str) -> Iterator[FieldFault]:
    """Yield the faults of notifications that are valid in the schema and cannot be sent."""
    for number, notification in enumerate(notifications):
        for member in ("title", "body"):
            template = getattr(notification, member)
            for fault in (*unknown(template, VARIABLES), *unclosed(template)):
                yield fault._replace(field=f"{prefix}[{number}].{member}")
        wrong = [(place, reason) for place, reason in enumerate(notification.reasons) if reason not in REASONS]
        for place, reason in wrong:
            # to look for one that is meant costs a hundred times as much as to see that there is none such
            near = get_close_matches(reason, REASONS, 1) if (place, reason) in wrong[:GUESSED] else ()
            remedy = f"did you mean {near[0]}?" if near else "docs/reference/reasons.md lists them"
            yield FieldFault(f"no such reason: {reason}", remedy, f"{prefix}[{number}].reasons[{place}]")
