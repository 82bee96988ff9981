"""The lists of verbs in config/admission/approve.yaml, from the table of verbs: none is forgotten.

The rest of that file is written by hand.
"""

import re
from pathlib import Path

from ingress_canary.domain.reasons.verbs import Verb

PATH = "config/admission/approve.yaml"
ROOT = Path(__file__).resolve().parent.parent
FREE = re.compile(r"(?<=asked\.matches\('\^\()[^)]*")
GUARDED = re.compile(r"(?m)(?<=^      )[^']*(?= need the verb approve on )")


def policy() -> str:
    """Return the policy with the verbs that need no right and those that do. Raises ValueError for another file."""
    text = (ROOT / PATH).read_text(encoding="utf-8")
    *others, last = (verb for verb in Verb if verb.row.guarded)
    lists = {
        FREE: "|".join(verb for verb in Verb if not verb.row.guarded),
        GUARDED: f"{', '.join(others)} and {last}",
    }
    for pattern, verbs in lists.items():
        text, found = pattern.subn(verbs, text)
        if found != 1:
            raise ValueError(f"{PATH} has {found} places for {verbs!r}: mend the file, or {pattern.pattern!r}")
    return text
