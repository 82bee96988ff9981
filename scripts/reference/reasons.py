"""Every reason with what it means, from the vocabulary."""

from ingress_canary.domain.meanings import MEANINGS
from reference.markdown import GENERATED, code, table

HEAD = f"""\
# Reasons

{GENERATED}
One word for each thing that can be so, the same in `status.reason`, `status.history`, conditions, Events, logs, metric
labels and on the command line. `status.message` says the same as a sentence with its numbers.

"""


def page() -> str:
    """Return the page."""
    rows = [(code(reason), one.what, one.todo) for reason, one in MEANINGS.items()]
    return HEAD + table(("reason", "meaning", "what to do"), rows)
