"""What is known of the last minutes, whatever the ticks and the clock do."""

from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.recent import APART, MINUTE, PARTS, TEN_MINUTES, Recent

WINDOW = 500.0
SIDE = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted)
COUNTS = st.tuples(SIDE, SIDE).map(lambda sides: Counts(sides[0][1], sides[0][0], sides[1][1], sides[1][0]))
TICKS = st.lists(st.tuples(st.sampled_from([1.0, 5.0, 10.0, 45.0, 700.0]), COUNTS), min_size=1, max_size=120)


def of(ticks: list[tuple[float, Counts]]) -> tuple[Recent, list[tuple[float, Counts]]]:
    """Return what is known after ticks, each so many seconds after the one before, and when each ended."""
    recent, at, ended = Recent(), 1.8e9, []
    for seconds, counts in ticks:
        at += seconds
        recent = recent.plus(at, counts, WINDOW)
        ended.append((at, counts))
    return recent, ended


def total(ended: list[tuple[float, Counts]], after: float) -> Counts:
    """Return the counts of all ticks that ended after an instant."""
    sums = Counts()
    for at, counts in ended:
        sums = sums.plus(counts) if at > after else sums
    return sums


@given(TICKS)
def test_the_last_minute_is_exact(ticks: list[tuple[float, Counts]]) -> None:
    recent, ended = of(ticks)
    assert recent.last_minute == total(ended, ended[-1][0] - MINUTE)


@given(TICKS)
def test_the_last_ten_minutes_are_ten_to_thirteen_or_all(ticks: list[tuple[float, Counts]]) -> None:
    recent, ended = of(ticks)
    now = ended[-1][0]
    windows = [total(ended, now - TEN_MINUTES)]
    windows += [total(ended, at) for at, _ in ended if now - TEN_MINUTES - APART - MINUTE <= at <= now - TEN_MINUTES]
    # a gap of more than that leaves the newest mark before it
    windows += [total(ended, max([at for at, _ in ended if at <= now - TEN_MINUTES], default=0.0))]
    assert recent.last_ten_minutes in windows


@given(TICKS)
def test_the_marks_are_few(ticks: list[tuple[float, Counts]]) -> None:
    recent, _ = of(ticks)
    assert len(recent.earlier) <= TEN_MINUTES / APART + 3
    assert len(recent.stable) <= PARTS + 2


@given(TICKS)
def test_the_lasting_ratio_is_the_smaller_one_of_the_window_and_of_all(ticks: list[tuple[float, Counts]]) -> None:
    recent, ended = of(ticks)
    every = total(ended, 0.0)
    ratios = [every.f / every.m] if every.m else [0.0]
    for number in range(len(ended)):
        since = total(ended, ended[number][0])
        if WINDOW <= since.m <= WINDOW * (1 + 1 / PARTS) + 50:
            ratios.append(since.f / since.m)
    assert any(abs(recent.lasting - ratio) < 1e-12 for ratio in ratios)
    assert recent.lasting <= ratios[0] + 1e-12


@given(TICKS, st.floats(0, 5000), COUNTS)
def test_a_clock_that_is_set_back_loses_no_request(
    ticks: list[tuple[float, Counts]], back: float, more: Counts
) -> None:
    recent, ended = of(ticks)
    now = recent.plus(ended[-1][0] - back, more, WINDOW).now
    assert Counts(*now[1:]) == total(ended, 0.0).plus(more)
