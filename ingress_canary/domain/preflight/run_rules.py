"""Run preflight: a router's rules in order. Used by the engine, ``lint --live`` and ``status``."""

from collections.abc import Sequence

from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import Problem, RuleFlag
from ingress_canary.domain.preflight.rule import PreflightRule


def preflight(subject: PreflightInputs, rules: Sequence[PreflightRule]) -> tuple[Problem, ...]:
    """Return the problems that the rules find, in their order; while a rule of existence fails, no others run.

    A missing Service would make half of the others speak of its consequences, so they wait until it is there.
    """
    first = [rule for rule in rules if RuleFlag.EXISTENCE in rule.flags]
    others = [rule for rule in rules if RuleFlag.EXISTENCE not in rule.flags]
    found = tuple(problem for rule in first for problem in rule.problems(subject))
    return found or tuple(problem for rule in others for problem in rule.problems(subject))
