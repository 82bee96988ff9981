"""Run preflight: a router's rules in order. Used by the engine, ``lint --live`` and ``status``."""

from collections.abc import Sequence

from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.preflight.rule import PreflightRule


def preflight(subject: PreflightInputs, rules: Sequence[PreflightRule]) -> tuple[Problem, ...]:
    """Return the problems that the rules find, in their order; while rules 0 (existence) fail, no others run.

    A missing Service would make half of the others speak of its consequences, so they wait until it is there.
    """
    first = tuple(problem for rule in rules if rule.number == 0 for problem in rule.problems(subject))
    if first:
        return first
    return tuple(problem for rule in rules if rule.number > 0 for problem in rule.problems(subject))
