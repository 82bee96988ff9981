"""Every reason under a heading of its own, from the vocabulary: troubleshooting by the word that a rollout shows."""

import re

from ingress_canary.domain.reasons.meanings import MEANINGS
from ingress_canary.domain.reasons.vocabulary import Reason
from reference.markdown import GENERATED

HEAD = f"""\
# Reasons

{GENERATED}
One word for each thing that can be so, the same in `status.reason`, `status.history`, conditions, Events, logs, metric
labels and on the command line. `status.message` says the same as a sentence with its numbers. What you see and do not
have a word for is in [find what is wrong](../howto/troubleshooting.md).
"""
SECTIONS = {
    Reason.INVALID_SPEC: "Waiting to begin, or unable to",
    Reason.SETTLING: "At a step",
    Reason.PAUSED_BY_USER: "Stopped",
    Reason.SLO_VIOLATED: "Judged",
    Reason.AWAITING_STABLE: "Ending",
    Reason.STEP_PASSED: "Moved",
    Reason.NOTIFICATION_FAILED: "Beside the rollout",
}
"""The first word of each section."""
PAGE = re.compile(r"\(((?:[\w-]+/)*)([\w-]+)\.md\)")
"""How the vocabulary names a page: from ``docs/`` on, or by its name alone where it stands beside this one."""


def page() -> str:
    """Return the page."""
    text = HEAD
    for reason, one in MEANINGS.items():
        if reason in SECTIONS:
            text += f"\n## {SECTIONS[reason]}\n"
        text += f"\n### {reason}\n\n{_linked(one.what)}\n"
        text += f"\n- **Look at:** {one.look}\n- **Do:** {_linked(one.todo)}\n"
    return text


def _linked(text: str) -> str:
    return PAGE.sub(lambda found: f"([{found[2]}]({'../' if found[1] else ''}{found[1]}{found[2]}.md))", text)
