"""Problems that preflight finds: object, field, severity and a remedy that a person can carry out.

Made by the rules, shown by status, Events, ``lint --live`` and the command line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from functools import cached_property

from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.printable import printable


class ProblemSeverity(StrEnum):
    """The effect of a problem on a rollout: Error holds it, the others do not."""

    ERROR = "Error"
    """Refuses the start; holds the weight when found later; clears by itself."""
    WARNING = "Warning"
    """Is reported in a condition and once as an Event."""
    NOT_CHECKED = "NotChecked"
    """Could not be evaluated for want of rights; refused unless the settings accept it."""


class RuleFlag(Flag):
    """Traits of a rule that its problems carry, so that decisions ask for them and not for a rule."""

    NONE = 0
    EXISTENCE = auto()
    """Of what must exist at all: while it finds something, the rules without this flag are not asked."""
    CURED_BY_SCALING = auto()
    """Its problems go away once the canary workload has replicas, so ``scaleCanary`` scales in spite of them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of one rule."""

    rule: int
    """Number in the reference, for people only: several rules may share one, such as 0 for what has to exist."""
    id: str
    """Identity of the rule, such as ``canary-has-endpoints``."""
    severity: ProblemSeverity
    object: str
    """Kind and key, such as ``Ingress shop/checkout``."""
    field: str
    message: str
    remedy: str
    flags: RuleFlag = RuleFlag.NONE

    def __str__(self) -> str:
        # rules quote annotations and names, which anybody may write
        return printable(f"{self.object} {self.field}: {self.message}; {self.remedy}")


def blocking(problems: Iterable[Problem], accept_unchecked: bool) -> tuple[Problem, ...]:
    """Return the problems that refuse a start or hold a weight."""
    refused = {ProblemSeverity.ERROR} if accept_unchecked else {ProblemSeverity.ERROR, ProblemSeverity.NOT_CHECKED}
    return tuple(problem for problem in problems if problem.severity in refused)


def summary(problems: Sequence[Problem]) -> Message:
    """Return one message: the first of the gravest problems, and how many others there are.

    One that replicas would cure is named when there is no other: else it is not what holds.
    """
    if not problems:
        return Message(MessageKey.NO_PROBLEM)
    gravest = min(problems, key=_gravity)
    unchecked = [problem for problem in problems if problem.severity is ProblemSeverity.NOT_CHECKED]
    if gravest.severity is not ProblemSeverity.ERROR and unchecked:
        rules, first = tuple(problem.rule for problem in unchecked), unchecked[0]
        return Message(MessageKey.PROBLEMS_NOT_CHECKED, rules=rules, why=first.message, remedy=first.remedy)
    if len(problems) == 1:
        return Message(MessageKey.PROBLEM, problem=gravest)
    return Message(MessageKey.PROBLEM_AND_OTHERS, problem=gravest, others=len(problems) - 1)


@dataclass(frozen=True)
class Findings:
    """The findings of one run of preflight, graded by the settings: for the condition ``Preflight`` and the Events.

    What follows from them is made once: passes keep one while the findings are the same.
    """

    problems: tuple[Problem, ...]
    accept_unchecked: bool

    @cached_property
    def refused(self) -> tuple[Problem, ...]:
        """Problems that refuse a start or hold a weight."""
        return blocking(self.problems, self.accept_unchecked)

    @cached_property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that hold nothing: those of W rules, and checks that the settings allow to be skipped."""
        return tuple(problem for problem in self.problems if problem not in self.refused)

    @cached_property
    def message(self) -> Message:
        """Return every finding in one message, those that refuse first."""
        ordered = (*self.refused, *self.warnings)
        if not ordered:
            return Message(MessageKey.NO_FINDINGS)
        findings = tuple(Message(MessageKey.FINDING, rule=problem.rule, problem=problem) for problem in ordered)
        return Message(MessageKey.FINDINGS, findings=findings)


def _gravity(problem: Problem) -> tuple[int, bool]:
    return list(ProblemSeverity).index(problem.severity), RuleFlag.CURED_BY_SCALING in problem.flags
