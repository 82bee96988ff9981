"""Proof levels: the logarithm of an E-value at which a sequential test decides (docs/judging.md).

Apart from the tests themselves, because ``status`` and the metrics show the levels beside evidence that is judged
already, and need none of what judges it.
"""

from collections.abc import Mapping
from math import log

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.sli import SequentialTest

ProofLevels = Mapping[str, Mapping[SequentialTest, float]]
"""Of each SLO, by its name, the level of each test that judges it; none for one that is held against bounds."""


def log_fail(slos: int, alpha: float) -> float:
    """Return ln(2S/alpha), the level of a fail test: S SLOs share alpha, of which each of its two tests gets half."""
    return log(2 * slos / alpha)


def log_pass(beta: float) -> float:
    """Return ln(1/beta), the level of the pass test."""
    return -log(beta)


def proof_levels(spec: ScheduleSpec) -> ProofLevels:
    """Return the levels that the SLOs of a schedule are held against."""
    tests = {slo.name: slo.sli.chosen[1].tests for slo in spec.slos}
    fail = log_fail(sum(map(bool, tests.values())), spec.analysis.alpha) if any(tests.values()) else 0.0
    levels = {
        SequentialTest.ABSOLUTE: fail,
        SequentialTest.RELATIVE: fail,
        SequentialTest.PASSING: log_pass(spec.analysis.beta),
    }
    return {name: {test: levels[test] for test in those} for name, those in tests.items()}
