"""The evidence of one rollout as a value, and its checkpoint."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import Verdict
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, Strata
from ingress_canary.domain.slo.analysis import Analysis, AnalysisTick
from ingress_canary.domain.slo.checkpoint.checkpoint import VERSION, Unusable, decode, encode
from ingress_canary.domain.slo.plan import Objective, Plan
from ingress_canary.domain.slo.recent import Recent
from ingress_canary.domain.slo.sequential_tests import SMALLEST_THETA, Design
from ingress_canary.domain.slo.threshold_check import ThresholdBound

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(seconds=10)

Look = Mapping[str, Counts | str]
Life = tuple[list[Look], list[tuple[int, Look]]]
"""Ticks before the first step, and those after it with their steps."""


def plan(
    slos: Sequence[str] = ("availability",),
    steps: int = 3,
    step_minimums: tuple[int | None, ...] | None = None,
    **design: Any,
) -> Plan:
    design = {"theta": 0.01, "slos": len(slos), "steps": steps} | design
    objectives = tuple(Objective(name, Design(**design), 50) for name in slos)
    return Plan(objectives, step_minimums or (None,) * steps)


def fed(analysis: Analysis, *looks: Counts, start: datetime = BEGIN) -> Analysis:
    """Tick the only SLO's counts, ten seconds apart."""
    for number, look in enumerate(looks):
        requests = Counts(look[0], 0, look[2], 0)
        analysis = analysis.tick(start + number * TICK, AnalysisTick({"availability": look}, requests))
    return analysis


HEALTHY = Counts(100, 0, 900, 0)
BROKEN = Counts(100, 60, 900, 0)


def at_step(index: int = 1, **kwargs: Any) -> Analysis:
    return Analysis.of(plan(**kwargs)).enter_step(index)


def test_a_plan_is_what_a_schedule_says() -> None:
    spec = ScheduleSpec.model_validate(
        {
            "steps": [{"weight": 10, "bake": "10m"}, {"weight": 50, "bake": "10m", "minRequests": 1000}],
            "slos": [
                {"name": "availability", "objective": 99.9, "minRequests": 70, "sli": {"requests": {}}},
                {"name": "latency", "objective": 99, "maxBurn": 2, "sli": {"latency": {"threshold": "500ms"}}},
                {"name": "tiny", "objective": 99.99, "maxBurn": 1e-300, "sli": {"requests": {}}},
                {"name": "load", "sli": {"prometheusThreshold": {"query": "up", "max": 1}}},
            ],
            "analysis": {"alpha": 0.02, "beta": 0.1, "baseline": {"maxRatio": 2, "minDelta": "0.5pp"}},
        }
    )
    made = Plan.of(spec, SliSet.of(spec.slos, spec.analysis), (None, 1000))
    assert [(one.name, one.min_requests) for one in made.objectives] == [
        ("availability", 70),
        ("latency", 50),
        ("tiny", 50),
    ]
    assert [one.design.theta for one in made.objectives] == pytest.approx([0.01, 0.02, SMALLEST_THETA])
    for one in made.objectives:
        assert one.design == Design(one.design.theta, rho=2, delta=0.005, alpha=0.02, beta=0.1, slos=3, steps=2)
    assert made.stored_delta == 0.005
    assert made.step_minimums == (None, 1000)
    assert made.bounds == (ThresholdBound("load", None, 1, 60, 3),)
    assert made.names == ("availability", "latency", "tiny", "load")


def watching(*values: float | str, calibrated: bool = True) -> Analysis:
    """Feed an uncalibrated SLO, a window apart, beside a healthy canary."""
    bounds = (ThresholdBound("load", None, 1, 60, 2),)
    made = replace(plan(("availability",) if calibrated else ()), bounds=bounds)
    analysis = Analysis.of(made).enter_step(1)
    for number, value in enumerate(values):
        counts = {"availability": Counts(1000, 0, 900, 0)}
        tick = AnalysisTick(counts, values={"load": value})
        analysis = analysis.tick(BEGIN + number * timedelta(minutes=1), tick)
    return analysis


@pytest.mark.parametrize(
    ("values", "verdict", "proven", "unopposed"),
    [
        ((), Verdict.INCONCLUSIVE, False, False),
        ((0.5,), Verdict.INCONCLUSIVE, False, True),
        ((0.5, 1.0), Verdict.PASS, True, True),
        ((0.5, 1.1), Verdict.INCONCLUSIVE, False, True),
        ((1.2, 1.1), Verdict.FAIL, False, False),
        ((0.5, 0.5, "gone"), Verdict.NO_DATA, False, False),
        ((1.2, 1.1, "gone"), Verdict.NO_DATA, False, False),
    ],
)
@pytest.mark.parametrize("calibrated", [True, False])
def test_an_uncalibrated_slo_takes_part_in_every_decision(
    values: tuple[float | str, ...], verdict: Verdict, proven: bool, unopposed: bool, calibrated: bool
) -> None:
    analysis = watching(*values, calibrated=calibrated)
    assert analysis.verdicts[-1] is verdict
    assert analysis.proven is proven
    assert analysis.unopposed is (unopposed and (bool(values) or not calibrated))
    assert analysis.failed == (("load",) if verdict is Verdict.FAIL else ())
    assert analysis.without_data == (("load",) if verdict is Verdict.NO_DATA else ())
    assert (analysis.first_fail_at is not None) is (1.2 in values)
    shown = analysis.statuses[-1]
    assert (shown.name, shown.verdict, shown.message) == ("load", verdict, str(analysis.sentences[-1]))
    assert str(analysis.summary).endswith(f"load: {shown.message}")


def test_a_step_a_change_of_stable_and_a_restart_begin_the_row_of_readings_anew() -> None:
    analysis = watching(0.5, 0.5)
    restarted = decode(encode(analysis), analysis.plan)
    assert isinstance(restarted, Analysis)
    for later in (analysis.enter_step(2), analysis.restart_evidence(), restarted):
        assert [watch.inside for watch in later.watches] == [()]


def test_a_healthy_canary_is_proven() -> None:
    analysis = at_step()
    assert not analysis.proven
    assert not analysis.unopposed
    analysis = fed(analysis, *[HEALTHY] * 4)
    assert analysis.verdicts == (Verdict.PASS,)
    assert analysis.proven
    assert analysis.unopposed
    assert (analysis.canary_requests, analysis.stable_requests) == (400, 3600)
    assert analysis.first_fail_at is None


def test_a_broken_canary_fails_and_the_first_proof_keeps_its_time() -> None:
    analysis = fed(at_step(), HEALTHY, BROKEN, BROKEN)
    assert analysis.failed == ("availability",)
    assert analysis.first_fail_at == BEGIN + TICK
    assert not analysis.proven
    assert not analysis.unopposed


def test_no_minimum_of_requests_delays_a_fail() -> None:
    analysis = fed(at_step(step_minimums=(10**6,) * 3), Counts(3, 3, 100, 0), Counts(3, 3, 100, 0))
    assert analysis.failed == ("availability",)


def test_a_step_overrides_the_minimum_of_requests() -> None:
    analysis = fed(at_step(step_minimums=(1000, None, 5)), *[HEALTHY] * 6)
    assert analysis.verdicts == (Verdict.INCONCLUSIVE,)
    assert not analysis.unopposed
    analysis = fed(analysis.enter_step(2), HEALTHY)
    assert analysis.unopposed


def test_a_step_begins_without_counts_while_the_rollout_keeps_its_own() -> None:
    analysis = fed(at_step(), *[HEALTHY] * 4).enter_step(2)
    (status,) = analysis.statuses
    assert (status.canary.total, status.step.total) == (400, 0)
    assert (analysis.canary_requests, analysis.stable_requests) == (0, 0)
    assert analysis.verdicts == (Verdict.INCONCLUSIVE,)


@pytest.mark.parametrize("index", [0, 4])
def test_a_step_that_the_plan_lacks_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match=f"step {index} of 3"):
        at_step(index)


def test_a_skipped_step_leaves_no_copy_of_the_tests_behind() -> None:
    assert at_step(1).enter_step(3).tracks[0].absolute.begun == 3


def test_a_step_taken_again_begins_no_copy_twice() -> None:
    analysis = fed(at_step(2), *[HEALTHY] * 10)
    again = analysis.enter_step(2)
    assert again.tracks[0].absolute == analysis.tracks[0].absolute
    assert again.tracks[0].step == Counts()


def test_a_regression_hidden_by_earlier_steps_is_reported_with_the_numbers_of_its_step() -> None:
    analysis = fed(at_step(), *[Counts(1000, 1, 9000, 9)] * 60).enter_step(2)
    (status,) = fed(analysis, BROKEN).statuses
    assert status.verdict is Verdict.FAIL
    assert status.message.startswith(
        "canary 60% bad (60 of 100) in this step, 0.2% bad (120 of 60,100) since the start"
    )


def test_data_that_are_missing_are_named_and_change_no_counts() -> None:
    before = fed(at_step(slos=("availability",)), *[HEALTHY] * 4)
    after = before.tick(BEGIN + 4 * TICK, AnalysisTick({"availability": "10.0.0.7: timed out"}))
    assert after.without_data == ("availability",)
    assert not after.proven
    assert not after.unopposed
    assert after.statuses[0].message == "no data: 10.0.0.7: timed out"
    assert after.statuses[0].canary == before.statuses[0].canary
    assert fed(after, HEALTHY, start=BEGIN + 5 * TICK).proven


def test_one_slo_without_data_keeps_the_others_verdicts() -> None:
    analysis = at_step(slos=("availability", "latency"))
    for number in range(6):
        analysis = analysis.tick(BEGIN + number * TICK, AnalysisTick({"availability": HEALTHY}))
    assert analysis.verdicts == (Verdict.PASS, Verdict.NO_DATA)
    assert analysis.statuses[1].message == "no data: nothing was read for this SLO"


@pytest.mark.parametrize(
    "counts", [Counts(1, 2, 0, 0), Counts(0, 0, 1, 2), Counts(-1, -1, 0, 0), Counts(10, 0, 10**300, 0)]
)
def test_impossible_counts_are_no_data(counts: Counts) -> None:
    analysis = fed(at_step(), counts)
    assert analysis.verdicts == (Verdict.NO_DATA,)
    assert "impossible counts" in analysis.statuses[0].message


def test_what_was_proven_stays_proven_while_the_source_is_silent() -> None:
    analysis = fed(at_step(), BROKEN).tick(BEGIN + TICK, AnalysisTick({"availability": "timed out"}))
    assert analysis.failed == ("availability",)


def test_the_scatter_of_stables_errors_before_the_canary_weakens_the_evidence() -> None:
    calm, bursty = Analysis.of(plan()), Analysis.of(plan())
    for number in range(30):
        at = BEGIN + (number - 30) * TICK
        calm = calm.warm(at, {"availability": Counts(m=1000, f=2)})
        bursty = bursty.warm(at, {"availability": Counts(m=1000, f=60 if number % 15 == 0 else 0)})
    bursty = bursty.warm(BEGIN, {"availability": "timed out"})
    assert fed(calm.enter_step(1), Counts(100, 8, 900, 0)).failed
    begun = bursty.enter_step(1)
    assert begun.tracks[0].phi > 10
    assert not fed(begun, Counts(100, 8, 900, 0)).failed
    assert begun.warm(BEGIN, {"availability": Counts(m=1000, f=500)}) is begun


def test_evidence_begins_anew_at_the_same_step_when_stable_changed() -> None:
    analysis = Analysis.of(plan())
    for number, bad in enumerate((0, 50, 0, 40, 0, 0, 50, 0)):
        analysis = analysis.warm(BEGIN + (number - 8) * TICK, {"availability": Counts(m=1000, f=bad)})
    fresh = analysis.enter_step(2)
    failed = fed(fresh, *[Counts(1000, 900, 900, 0)] * 3)
    assert failed.first_fail_at is not None
    anew = failed.restart_evidence()
    # how its errors scatter was learnt from both, how many there are is the new one's alone to show
    unbet = fresh.tracks[0].relative.anew(2)
    assert anew.tracks[0] == replace(
        fresh.tracks[0], recent=Recent(), dispersion=anew.tracks[0].dispersion, relative=unbet
    )
    assert anew.tracks[0].phi > 1


def test_the_pace_is_that_of_this_step() -> None:
    analysis = fed(at_step(), *[Counts(10, 0, 90, 0)] * 3)
    assert analysis.tracks[0].rate == 1.0
    analysis = analysis.enter_step(2)
    assert analysis.tracks[0].rate is None
    analysis = fed(analysis, Counts(50, 0, 90, 0), start=BEGIN + 3 * TICK)
    assert analysis.tracks[0].rate is None
    analysis = fed(analysis, Counts(50, 0, 90, 0), start=BEGIN + 4 * TICK)
    assert analysis.tracks[0].rate == 5.0
    assert "at the present 5/s about" in analysis.statuses[0].message


COUNTS = st.tuples(*[st.integers(0, 10**6)] * 4).map(
    lambda four: Counts(max(four[:2]), min(four[:2]), max(four[2:]), min(four[2:]))
)
LOOKS = st.dictionaries(st.sampled_from(["availability", "latency"]), COUNTS | st.just("timed out"))
LIVES = st.tuples(st.lists(LOOKS, max_size=4), st.lists(st.tuples(st.integers(1, 3), LOOKS), max_size=12))
TWO_SLOS = plan(slos=("availability", "latency"))


def told_apart(look: Look) -> Mapping[str, Strata]:
    """Latency's counts by two kinds of requests."""
    latency = look.get("latency")
    if not isinstance(latency, Counts):
        return {}
    n, e, m, f = latency
    one = Counts(n // 2, e // 2, m // 3, f // 3)
    return {"latency": {"GET /": one, "POST /": Counts(n - one.n, e - one.e, m - one.m, f - one.f)}}


def lived(life: Life) -> Analysis:
    warm, moves = life
    analysis = Analysis.of(TWO_SLOS)
    for number, look in enumerate(warm):
        analysis = analysis.warm(BEGIN + (number - len(warm)) * TICK, look, told_apart(look))
    for number, (step, look) in enumerate(moves):
        analysis = analysis if analysis.step == step else analysis.enter_step(step)
        tick = AnalysisTick(look, Counts(3, 0, 4, 0), age=100.0 * number, strata=told_apart(look))
        analysis = analysis.tick(BEGIN + number * TICK, tick)
    return analysis


BACK_AT_AN_EARLIER_STEP: Life = ([], [(2, {"latency": Counts(0, 0, 3, 0)}), (1, {})])
"""What is bet on by itself is chosen at the second entering, after the copies of both steps have begun."""


@given(LIVES, LOOKS)
@example(BACK_AT_AN_EARLIER_STEP, {})
def test_a_checkpoint_goes_on_as_if_there_had_been_no_restart(life: Life, look: Look) -> None:
    before = lived(life)
    after = decode(encode(before), TWO_SLOS)
    assert isinstance(after, Analysis)
    assert encode(after) == encode(before)
    if before.step:
        tick = AnalysisTick(look, strata=told_apart(look))
        one, other = (analysis.tick(BEGIN + timedelta(hours=1), tick) for analysis in (before, after))
        assert one.verdicts == other.verdicts
        assert [status.log_e for status in one.statuses] == [status.log_e for status in other.statuses]
        assert (one.first_fail_at, one.step) == (other.first_fail_at, other.step)
        assert (one.canary_requests, one.stable_requests) == (other.canary_requests, other.stable_requests)


@given(LIVES)
def test_after_a_restart_nothing_passes_before_a_fresh_reading(life: Life) -> None:
    after = decode(encode(lived(life)), TWO_SLOS)
    assert isinstance(after, Analysis)
    assert Verdict.PASS not in after.verdicts
    assert not after.unopposed


def test_a_rollout_stores_little_more_than_in_the_first_release() -> None:
    rng = np.random.default_rng(1)
    names = ("availability", "latency")
    analysis = Analysis.of(plan(slos=names, steps=8))

    def look(canary: int, stable: int) -> dict[str, Counts | str]:
        n, m = rng.poisson([canary, stable], (2, 2)).T
        return {name: Counts(*map(int, (n[at], rng.binomial(n[at], 0.001), m[at], rng.binomial(m[at], 0.001))))
                for at, name in enumerate(names)}  # fmt: skip

    for number in range(180):
        analysis = analysis.warm(BEGIN + number * TICK, look(0, 1000))
    for step in (1, 2):
        analysis = analysis.enter_step(step)
        for number in range(40):
            at = BEGIN + (140 + 40 * step + number) * TICK
            settles = max(0, 60 - 10 * number)
            analysis = analysis.tick(at, AnalysisTick(look(50, 950), weight=5, unsettled=settles))
    # bytes of commit 3fdf44c for such traffic, measured
    assert len(encode(analysis)) <= 1.3 * 1159


def test_the_checkpoint_of_eight_steps_and_two_slos_is_small() -> None:
    rng = np.random.default_rng(1)
    analysis = Analysis.of(plan(slos=("availability", "latency"), steps=8))
    for number in range(8 * 180):
        if number % 180 == 0:
            analysis = analysis.enter_step(number // 180 + 1)
        looks = {name: Counts(*map(int, rng.binomial([100, 2, 900, 2], 0.5))) for name in ("availability", "latency")}
        looks = {name: look._replace(e=min(look.e, look.n)) for name, look in looks.items()}
        analysis = analysis.tick(BEGIN + number * TICK, AnalysisTick(looks))
    assert len(encode(analysis)) < 3000


def unpacked(part: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(part)))


GOOD_TEXT = encode(lived(([{"latency": HEALTHY}], [(2, {"availability": BROKEN, "latency": BROKEN})])))
GOOD, GOOD_ADDITIONS = unpacked(GOOD_TEXT.split(".")[1]), unpacked(GOOD_TEXT.split(".")[3])


def part_of(document: object) -> str:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.b64encode(zlib.compress(text)).decode()


def packed(document: object, additions: object = GOOD_ADDITIONS) -> str:
    return f"{VERSION}.{part_of(document)}..{part_of(additions)}"


def replaced(document: Any, path: tuple[int, ...], value: object) -> Any:
    """The document with one member replaced."""
    copy = json.loads(json.dumps(document))
    *parents, last = path
    at = copy
    for parent in parents:
        at = at[parent]
    at[last] = value
    return copy


def changed(path: tuple[int, ...], value: object) -> str:
    """The good checkpoint with one member of what the first release had replaced."""
    return packed(replaced(GOOD, path, value))


def former(path: tuple[int, ...], value: object) -> str:
    """A checkpoint of the first release with one member replaced."""
    return f"{VERSION}.{part_of(replaced(GOOD, path, value))}"


def added(path: tuple[int, ...], value: object) -> str:
    """The good checkpoint with one member of its additions replaced."""
    return packed(GOOD, replaced(GOOD_ADDITIONS, path, value))


TRACK, MORE, STRATA = (5, 0), (0, 0), (0, 1, 6)
BAD_CHECKPOINTS = {
    "not of a text": changed((0,), 5),
    "not base64": "v1.???",
    "not ASCII": "v1.ü",
    "not compressed": "v1." + base64.b64encode(b"{}").decode(),
    "cut off": "v1." + base64.b64encode(zlib.compress(json.dumps(GOOD).encode())[:-12]).decode(),
    "not JSON": packed(b"{"),
    "not text": packed(b"\xff\xff"),
    "too deep": packed(b"[" * 100_000),
    "too large": packed(b"[" + b" " * 2**23 + b"]"),
    "an object": packed({}),
    "too short": packed(GOOD[:5]),
    "no step": changed((1,), None),
    "a step below 0": changed((1,), -1),
    "a step beyond the last": changed((1,), 4),
    "a step that is true": changed((1,), True),
    "requests below 0": changed((2,), -5),
    "an instant without zone": changed((4,), "2026-01-01T00:00:00"),
    "not an instant": changed((4,), "soon"),
    "an instant of another kind": changed((4,), 5),
    "tracks missing": changed((5,), []),
    "a track too many": changed((5,), GOOD[5] * 2),
    "a track that is a number": changed(TRACK, 5),
    "copies that have not begun": changed((*TRACK, 0), 1),
    "copies beyond the plan's": changed((*TRACK, 0), 4),
    "bets missing": changed((*TRACK, 1), [0.0]),
    "a bet that is text": changed((*TRACK, 1, 0), "0"),
    "a bet that is infinite": packed(json.dumps(GOOD).replace("0.0", "1e999").encode()),
    "a bet that is no number": changed((*TRACK, 2, 3), float("nan")),
    "a scatter of text": changed((*TRACK, 3), "scatter"),
    "more bad than all": changed((*TRACK, 4), [1, 2, 0, 0]),
    "more bad of stable than all": changed((*TRACK, 4), [1, 1, 0, 1]),
    "more in the step than in all": changed((*TRACK, 5), [10**9, 0, 0, 0]),
    "huge counts": changed((*TRACK, 4), [10**4000, 0, 0, 0]),
    "looks that are no list": former((*TRACK, 7), "look"),
    "a look that is no list": former((*TRACK, 7), ["look"]),
    "a look too short": former((*TRACK, 7), [[1.0]]),
    "looks of another minute": changed((*TRACK, 7), []),
    "stakes of text": added((*MORE, 0, 0), "1"),
    "a guard too short": added((*MORE, 1), [1, []]),
    "ticks of stable without their errors": added((*MORE, 2, 1), [1, 2, 3]),
    "ticks of stable below 0": added((*MORE, 2), [[-1], [0], None, 0.0, 0]),
    "an incident of one number": added((*MORE, 3), 5),
    "no earlier mark": added((*MORE, 4), [[60], [], [], [[0, 0]]]),
    "no window": added((*MORE, 4, 3), []),
    "marks without instants": added((*MORE, 4, 1), []),
    "a mark too short": added((*MORE, 4, 2), [[1]]),
    "marks that are no list": added((*MORE, 4), [5, 6, 7, 8]),
    "marks of other requests than all": added((*MORE, 4, 0), [61]),
    "strata that are no list": added(STRATA, 5),
    "a stratum too short": added((*STRATA, 0, 0), ["GET /"]),
    "a stratum without a name": added((*STRATA, 0, 0, 0), 5),
    "a stratum that is there twice": added((*STRATA, 0), [["", *[0] * 10]] * 2),
    "too many strata": added((*STRATA, 0), [[str(place), *[0] * 10] for place in range(1000)]),
    "a stratum of another number": added((*STRATA, 1), [5]),
    "bets on a stratum that was not chosen": added((*STRATA, 1), [0]),
    "gaps that are no list": added((*STRATA, 3), 5),
    "a gap of one number": added((*STRATA, 3, 0), [1.0]),
    "a gap without marks": added((*STRATA, 3, 2), []),
    "a window of single numbers": added((*MORE, 4, 3), [5]),
    "raised at no instant": added((1,), "soon"),
    "additions of another number": added((0,), []),
    "additions that are no base64": packed(GOOD) + "?",
}


@pytest.mark.parametrize("text", BAD_CHECKPOINTS.values(), ids=BAD_CHECKPOINTS)
def test_what_is_no_checkpoint_is_damaged(text: str) -> None:
    assert decode(text, TWO_SLOS) is Unusable.MALFORMED


@pytest.mark.parametrize("text", ["", "v0.x", "v2." + packed(GOOD).removeprefix("v1."), "another"])
def test_another_version_than_those_released_is_not_read(text: str) -> None:
    assert decode(text, TWO_SLOS) is Unusable.VERSION


def test_the_tampering_starts_from_a_checkpoint_that_reads() -> None:
    assert isinstance(decode(packed(GOOD), TWO_SLOS), Analysis)


@pytest.mark.parametrize(
    "other",
    [
        plan(),
        plan(slos=("availability", "payments")),
        plan(slos=("availability", "latency"), steps=4),
        plan(slos=("availability", "latency"), theta=0.02),
        plan(slos=("availability", "latency"), rho=2.0),
        plan(slos=("availability", "latency"), alpha=0.02),
    ],
)
def test_a_checkpoint_of_another_plan_is_not_used(other: Plan) -> None:
    assert decode(packed(GOOD), other) is Unusable.PLAN


def test_a_minimum_of_requests_may_change_without_losing_evidence() -> None:
    other = plan(slos=("availability", "latency"), step_minimums=(5, 5, 5))
    assert isinstance(decode(packed(GOOD), other), Analysis)


def test_evidence_goes_on_where_only_the_difference_that_matters_is_another() -> None:
    """No wealth depends on it, and an SLO may have one of its own, which no older release knows."""
    other = plan(slos=("availability", "latency"), delta=0.005)
    assert isinstance(decode(packed(GOOD), other), Analysis)
    assert isinstance(decode(encode(Analysis.of(other)), TWO_SLOS), Analysis)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8),
)


@given(st.text() | st.binary().map(lambda data: f"v1.{base64.b64encode(data).decode()}") | JSON.map(packed))
@example("v1.")
def test_no_text_whatever_raises(text: str) -> None:
    assert isinstance(decode(text, TWO_SLOS), Unusable)


PATHS = st.sampled_from(
    [(i,) for i in range(1, 6)] + [(5, 0, i) for i in range(8)] + [(5, 1, i, 0) for i in range(1, 6)]
)
MORE_PATHS = st.sampled_from(
    [(0,), (1,)] + [(0, 0, i) for i in range(7)] + [(0, 1, i, 0) for i in range(5)] + [(0, 1, 6, i) for i in range(4)]
)


@pytest.mark.parametrize("text", [former((5, 0, 7), []), former((5, 0, 6), 0)])
def test_a_former_checkpoint_of_which_a_part_is_gone_is_stored_and_read_again(text: str) -> None:
    analysis = decode(text, TWO_SLOS)
    assert isinstance(analysis, Analysis)
    assert analysis.tracks[0].recent.now.n == analysis.tracks[0].total.n
    again = decode(encode(fed(analysis, HEALTHY)), TWO_SLOS)
    assert isinstance(again, Analysis)
    assert again.tracks[0].total.n == analysis.tracks[0].total.n + HEALTHY.n


@given(st.builds(changed, PATHS, JSON) | st.builds(former, PATHS, JSON) | st.builds(added, MORE_PATHS, JSON))
def test_a_tampered_checkpoint_raises_nothing_then_or_later(text: str) -> None:
    analysis = decode(text, TWO_SLOS)
    if isinstance(analysis, Analysis):
        analysis = analysis.enter_step(3).tick(BEGIN, AnalysisTick({"availability": BROKEN, "latency": HEALTHY}))
        assert len(analysis.statuses) == 2
        assert isinstance(decode(encode(analysis), TWO_SLOS), Analysis)
