"""Preflight rule: id, number, severity, flags, and a small function that yields findings.

A rule's docstring is its documentation: the first paragraph says what must hold and why, the second, after
``Remedy:``, what to do. The reference page is made of it (``reference_page.py``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import Problem, ProblemSeverity, RuleFlag


class RuleFinding(NamedTuple):
    """A finding of a rule: a problem without what the rule says of itself."""

    object: str
    field: str
    message: str
    remedy: str


class NeededVisibility(Enum):
    """The read access that a rule needs beyond the rollout's own namespace."""

    NAMESPACES = "Ingresses of all namespaces"
    CLASSES = "IngressClasses"

    def of(self, subject: PreflightInputs) -> bool:
        """Return whether the view has this access."""
        match self:
            case NeededVisibility.NAMESPACES:
                return subject.view.sees_all_namespaces
            case NeededVisibility.CLASSES:
                return subject.view.sees_classes


Check = Callable[[PreflightInputs], Iterator[RuleFinding]]


@dataclass(frozen=True, slots=True)
class PreflightRule:
    """One rule of the reference."""

    id: str
    """Its stable identity, such as ``canary-has-endpoints``: what code, and whoever reads JSON, compares."""
    number: int
    """Its place in the reference, which people see; nothing depends on it."""
    severity: ProblemSeverity
    flags: RuleFlag
    check: Check
    needs: NeededVisibility | None
    waived: Callable[[PreflightInputs], bool]
    """Whether the user has opted out of it."""

    def problems(self, subject: PreflightInputs) -> Iterator[Problem]:
        """Yield the rule's problems, or a NotChecked problem when it could not read enough."""
        if self.waived(subject):
            return
        broken = False
        for finding in self.check(subject):
            broken = True
            yield Problem(self.number, self.id, self.severity, *finding, flags=self.flags)
        if self.needs and not broken and not self.needs.of(subject):
            yield Problem(
                self.number,
                self.id,
                ProblemSeverity.NOT_CHECKED,
                subject.label,
                "spec.ingresses[0]",
                f"{self.needs.value} cannot be read",
                "grant the daemon get, list and watch on them cluster-wide, or accept unchecked rules in its settings",
                self.flags,
            )


def rule(
    number: int,
    severity: ProblemSeverity = ProblemSeverity.ERROR,
    *,
    flags: RuleFlag = RuleFlag.NONE,
    needs: NeededVisibility | None = None,
    waived: Callable[[PreflightInputs], bool] = lambda _: False,
) -> Callable[[Check], PreflightRule]:
    """Return a decorator that makes a rule of a function; the function's name is the rule's id."""

    def made(check: Check) -> PreflightRule:
        return PreflightRule(check.__name__.replace("_", "-"), number, severity, flags, check, needs, waived)

    return made
