"""The judge in arrays comes to what the daemon's own code comes to tick by tick, on the same traffic."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import Verdict
from tests.judgement import in_arrays, walked
from tests.judgement.cells import HOUR, boundary, cells, one_step
from tests.judgement.in_arrays import FIRST
from tests.judgement.quiet import QUIET
from tests.judgement.traffic import HEALTHY, TICK, Judged, Situation, Step, Traffic, always, between

SEED = 1
CASES = {cell.case: cell.name for cell in (*cells(), *boundary()) if isinstance(cell.case, Situation)}


def both(situation: Situation, runs: int, seed: int = SEED) -> tuple[list[Judged], list[Judged]]:
    """Return what some runs came to, in arrays and tick by tick."""
    return in_arrays.judged(situation, seed, range(runs)), [walked.judged(situation, seed, run) for run in range(runs)]


@pytest.mark.slow
@pytest.mark.parametrize("situation", CASES, ids=CASES.values())
def test_every_cell_comes_out_the_same(situation: Situation) -> None:
    arrays, one_by_one = both(situation, 3)
    assert arrays == one_by_one


# its first bad tick is more than a float can hold, and the next step goes on from there
@example(rate=600.0, weight=1.0, canary=0.0, stable=0.0, incident=6, until=None, settle=0.0, seed=0)
@settings(deadline=None, max_examples=20)
@given(
    rate=st.sampled_from((0.2, 3.0, 40.0, 600.0)),
    weight=st.sampled_from((0.01, 0.2, 0.5, 0.9, 1.0)),
    canary=st.sampled_from((0.0, HEALTHY, 0.01, 0.05, 1.0)),
    stable=st.sampled_from((0.0, HEALTHY, 0.02, 0.5)),
    incident=st.integers(0, 900),
    until=st.sampled_from((None, Verdict.PASS)),
    settle=st.sampled_from((0.0, 15.0, 150.0)),
    seed=st.integers(0, 99),
)
def test_any_situation_comes_out_the_same(
    rate: float, weight: float, canary: float, stable: float, incident: int, until: Verdict | None, settle: float,
    seed: int,
) -> None:  # fmt: skip
    sides = [between(incident, incident + 100, 0.3, usual) for usual in (canary, stable)]
    steps = Step(weight, *sides, 1000, 60, until), Step(min(1.0, 2 * weight), *sides, 600, 60, until)
    situation = Situation(rate, always(stable), steps, 300, settle=settle)
    arrays, one_by_one = both(situation, 3, seed)
    assert arrays == one_by_one


def test_what_rounding_might_decide_is_decided_tick_by_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingress_canary.spans.span_evidence.ROOM", 1e6)
    situation = one_step(100, 0.1, between(500, HOUR, 0.02), always(HEALTHY), 1000)
    arrays, one_by_one = both(situation, 3)
    assert arrays == one_by_one
    assert all(run.failed is not None and run.passed is not None for run in arrays)


def test_scores_say_when_a_run_fails_with_the_usual_threshold() -> None:
    cell = QUIET[0]
    (step,) = cell.situation.steps
    situation = cell.situation._replace(steps=(step._replace(seconds=10 * FIRST * TICK),))
    scores = in_arrays.scores(situation, SEED, range(40))
    reached = scores >= situation.plan.objectives[0].design.log_fail
    times = np.where(reached.any(axis=1), (np.argmax(reached, axis=1) + 1) * TICK, np.inf).tolist()
    failed = [run.failed or np.inf for run in in_arrays.judged(situation, SEED, range(40))]
    assert times == failed
    assert 0 < np.isinf(failed).sum() < 40, "some fail, and some do not"


def test_every_run_has_traffic_of_its_own() -> None:
    situation = one_step(100, 0.5, always(0.1), always(HEALTHY), 1000)
    (first,), (again,), (other,) = (Traffic(situation, SEED, run).warm_up().values() for run in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
