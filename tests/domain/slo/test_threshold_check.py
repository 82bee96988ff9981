"""A number held against a bound: readings in a row make a verdict, unknown is no reading."""

import pytest

from ingress_canary.api.rollout_status import Verdict
from ingress_canary.domain.slo.threshold_check import ThresholdBound, ThresholdCheck

BOUND = ThresholdBound("load", 0.1, 0.8, window=60, looks=3)
IN, OUT = 0.5, 0.9
UNSURE = " (uncalibrated)"


def after(*ticks: tuple[float, float | str]) -> ThresholdCheck:
    watch = ThresholdCheck(BOUND)
    for at, value in ticks:
        watch = watch.tick(at, value)
    return watch


@pytest.mark.parametrize(
    ("ticks", "verdict"),
    [
        ([], Verdict.INCONCLUSIVE),
        ([(0, IN), (60, IN)], Verdict.INCONCLUSIVE),
        ([(0, IN), (60, IN), (120, IN)], Verdict.PASS),
        ([(0, OUT), (60, OUT), (120, OUT)], Verdict.FAIL),
        ([(0, OUT), (60, IN), (120, OUT)], Verdict.INCONCLUSIVE),
        ([(0, OUT), (60, IN), (120, IN), (180, IN)], Verdict.PASS),
        ([(0, OUT), (10, OUT), (20, OUT), (59, OUT)], Verdict.INCONCLUSIVE),
        ([(0, OUT), (60, OUT), (70, "gone"), (125, OUT)], Verdict.FAIL),
        ([(0, OUT), (60, OUT), (70, "gone"), (190, OUT)], Verdict.INCONCLUSIVE),
        ([(0, OUT), (60, OUT), (120, OUT), (130, "gone")], Verdict.NO_DATA),
        ([(0, OUT), (60, OUT), (120, OUT), (130, "gone"), (140, OUT)], Verdict.FAIL),
        ([(0, OUT), (60, OUT), (30, OUT)], Verdict.INCONCLUSIVE),
    ],
)
def test_a_whole_row_of_readings_a_window_apart_makes_a_verdict(
    ticks: list[tuple[float, float | str]], verdict: Verdict
) -> None:
    assert after(*ticks).verdict is verdict


def test_a_reading_between_two_windows_is_shown_and_does_not_count() -> None:
    watch = after((0, IN), (30, OUT))
    assert (watch.inside, watch.value) == ((True,), OUT)


@pytest.mark.parametrize(
    ("low", "high", "value", "holds"),
    [(None, 1, 1, True), (None, 1, 1.1, False), (1, None, 1, True), (1, None, 0.9, False), (0, 1, -0.1, False)],
)
def test_bounds_are_part_of_what_is_accepted(low: float | None, high: float | None, value: float, holds: bool) -> None:
    assert ThresholdBound("a", low, high, 60, 3).holds(value) is holds


@pytest.mark.parametrize(
    ("ticks", "sentence"),
    [
        ([], "no look was taken yet; it must be at least 0.1 and at most 0.8 (uncalibrated)"),
        (
            [(0, IN), (60, OUT)],
            "0.9, must be at least 0.1 and at most 0.8: of the last 2 of 3 looks, one every 1m, 1 inside" + UNSURE,
        ),
        (
            [(0, OUT), (60, OUT), (120, OUT)],
            "0.9, must be at least 0.1 and at most 0.8: of the last 3 looks, one every 1m, 0 inside" + UNSURE,
        ),
        ([(0, "Prometheus: answered 503")], "no data: Prometheus: answered 503"),
    ],
)
def test_the_sentence_has_the_numbers(ticks: list[tuple[float, float | str]], sentence: str) -> None:
    assert str(after(*ticks).sentence) == sentence
