"""By how much the canary exceeds stable, over which time."""

from math import inf

import pytest

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.gaps import NO_GAPS, Gap, Gaps

ALIKE, WORSE = Counts(100, 1, 900, 9), Counts(100, 11, 900, 9)


def with_blocks(gaps: Gaps, *blocks: tuple[float, Counts]) -> Gaps:
    for at, block in blocks:
        gaps = gaps.at(at, gaps.now.plus(block))
    return gaps


def test_without_a_block_nothing_is_compared() -> None:
    assert NO_GAPS.largest == -1
    assert with_blocks(NO_GAPS, (0, WORSE)).begin().now.since(with_blocks(NO_GAPS, (0, WORSE)).now) == -1


def test_a_gap_is_held_against_stable_in_the_same_blocks() -> None:
    # both sides are ten times as bad in the second block, in which the canary has most of its requests
    gaps = with_blocks(NO_GAPS, (0, Counts(10, 0, 1000, 10)), (10, Counts(1000, 100, 10, 1)))
    assert gaps.largest == pytest.approx(-0.1 / 1010)


def test_the_largest_is_of_the_rollout_the_step_or_the_last_ten_minutes() -> None:
    assert with_blocks(NO_GAPS, (0, WORSE), (10, ALIKE)).largest == pytest.approx(0.05)
    assert with_blocks(with_blocks(NO_GAPS, (0, ALIKE)).begin(), (10, WORSE)).largest == pytest.approx(0.1)
    quiet = [(10.0 * tick, ALIKE) for tick in range(1000)]
    late = with_blocks(NO_GAPS, *quiet, *[(10_000.0 + 10 * tick, WORSE) for tick in range(60)])
    # the window is ten minutes and up to 200 s more
    assert 0.07 < late.largest <= 0.1
    assert len(late.marks) <= 6


def test_a_clock_that_was_set_back_leaves_the_marks_in_order() -> None:
    gaps = with_blocks(NO_GAPS, *[(300.0 * tick, ALIKE) for tick in range(9)], (50, WORSE))
    assert [at for at, _ in gaps.marks] == sorted(at for at, _ in gaps.marks)
    assert gaps.now.n == 1000


def test_the_first_mark_is_the_beginning() -> None:
    assert with_blocks(NO_GAPS, (0, ALIKE)).marks == ((-inf, Gap()), (0, Gap()))
