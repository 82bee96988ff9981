"""The reference page of the rules, made from their docstrings (docs/reference/preflight.md)."""

import inspect
from collections.abc import Sequence

from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.preflight.rule import PreflightRule

SPEC_IS_SERVED, SCHEDULE_EXISTS = "spec-is-served", "schedule-exists"
FIRST = (
    (SPEC_IS_SERVED, "Spec and status can be read, and ask for nothing that this release or these settings refuse.",
     "correct the field that is named."),
    (SCHEDULE_EXISTS, "The shared schedule is there.", "create it, or name the right one in spec.schedule.ref."),
)  # fmt: skip
"""Checks before any rule that are no rules: without these objects there is nothing that rules could read."""

HEADER = """\
# Preflight

Every known way in which a canary Ingress does nothing, or does harm. An Error refuses the start and, found in
mid-rollout, holds the weight until it clears; a Warning is a condition's message and one Event. A rule that needs to
see more than it may is reported as NotChecked, and refused unless the daemon's settings accept that. Rules numbered 0
say what must exist at all; the others are asked once those find nothing.

| rule | name | severity | needs to see | what must hold | remedy |
|---|---|---|---|---|---|
"""


def reference(rules: Sequence[PreflightRule]) -> str:
    """Return the page in Markdown, ending in a newline."""
    first = (("0", f"`{name}`", ProblemSeverity.ERROR.value, "-", what, remedy) for name, what, remedy in FIRST)
    return HEADER + "".join(f"| {' | '.join(cells)} |\n" for cells in (*first, *map(_cells, rules)))


def _cells(rule: PreflightRule) -> tuple[str, ...]:
    text = " ".join((inspect.getdoc(rule.check) or "").split())
    what, _, remedy = text.partition(" Remedy: ")
    needs = rule.needs.value if rule.needs else "-"
    row = (str(rule.number), f"`{rule.id}`", rule.severity.value, needs, what, remedy)
    return tuple(cell.replace("|", "\\|") for cell in row)
