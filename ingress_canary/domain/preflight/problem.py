"""Problems that preflight finds: object, field, severity and a remedy that a person can carry out.

Made by the rules, shown by status, Events, ``lint --live`` and the command line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey


class ProblemSeverity(StrEnum):
    """The effect of a problem on a rollout: Error holds it, the others do not."""

    ERROR = "Error"
    """Refuses the start; holds the weight when found later; clears by itself."""
    WARNING = "Warning"
    """Is reported in a condition and once as an Event."""
    NOT_CHECKED = "NotChecked"
    """Could not be evaluated for want of rights; refused unless the settings accept it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of one rule."""

    rule: int
    """Number in the reference; 0 for what has to exist at all."""
    name: str
    severity: ProblemSeverity
    object: str
    """Kind and key, such as ``Ingress shop/checkout``."""
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.object} {self.field}: {self.message}; {self.remedy}"


def blocking(problems: Iterable[Problem], accept_unchecked: bool) -> tuple[Problem, ...]:
    """Return the problems that refuse a start or hold a weight."""
    refused = {ProblemSeverity.ERROR} if accept_unchecked else {ProblemSeverity.ERROR, ProblemSeverity.NOT_CHECKED}
    return tuple(problem for problem in problems if problem.severity in refused)


def summary(problems: Sequence[Problem]) -> str:
    """Return one sentence: the first of the gravest problems, and how many others there are."""
    if not problems:
        return "preflight found nothing"
    gravest = min(problems, key=lambda problem: list(ProblemSeverity).index(problem.severity))
    unchecked = [problem for problem in problems if problem.severity is ProblemSeverity.NOT_CHECKED]
    if gravest.severity is not ProblemSeverity.ERROR and unchecked:
        numbers = ", ".join(str(problem.rule) for problem in unchecked)
        return _clipped(f"not checked: rules {numbers} ({unchecked[0].message}); {unchecked[0].remedy}", "")
    others = len(problems) - 1
    return _clipped(str(gravest), f" (and {others} more)" if others else "")


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of one run of preflight, graded by the settings: for the condition ``Preflight`` and the Events."""

    problems: tuple[Problem, ...]
    accept_unchecked: bool

    @property
    def refused(self) -> tuple[Problem, ...]:
        """Problems that refuse a start or hold a weight."""
        return blocking(self.problems, self.accept_unchecked)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that hold nothing: those of W rules, and checks that the settings allow to be skipped."""
        return tuple(problem for problem in self.problems if problem not in self.refused)

    @property
    def message(self) -> Message:
        """Return every finding in one message, those that refuse first."""
        ordered = (*self.refused, *self.warnings)
        if not ordered:
            return Message(MessageKey.NO_FINDINGS)
        findings = tuple(Message(MessageKey.FINDING, rule=problem.rule, problem=problem) for problem in ordered)
        return Message(MessageKey.FINDINGS, findings=findings)


def _clipped(text: str, tail: str) -> str:
    room = MESSAGE_LENGTH - len(tail)
    return (text if len(text) <= room else text[: room - 3] + "...") + tail
