"""The rules of other tools, worked out by hand, and what the comparison makes of them."""

import numpy as np
import pytest

from tests.judgement.peers import ARGO, FLAGGER, USUAL, Contest, Outcomes, PeerRow, PeerRule, peer_rows
from tests.judgement.quiet import QuietCell

LUCK = 0.999
HOUR = 360
"""Ticks."""


def traffic(*parts: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return requests and bad ones of each tick, given for how many ticks how many of how many are bad."""
    rows = np.array([(n, e) for ticks, e, n in parts for _ in range(ticks)])
    return rows[:, 0], rows[:, 1]


@pytest.mark.parametrize(
    ("rule", "parts", "seconds"),
    [
        (FLAGGER, [(HOUR, 0, 10)], np.inf),
        (FLAGGER, [(HOUR, 10, 10)], 110),
        # one bad one of 100 a tick is allowed, and so are nine looks
        (FLAGGER, [(HOUR, 1, 100)], np.inf),
        (FLAGGER, [(3, 100, 100), (HOUR, 0, 100)], np.inf),
        (FLAGGER, [(5, 100, 100), (HOUR, 0, 100)], 110),
        (FLAGGER, [(HOUR, 0, 0)], 110),
        # of a minute with one request none is silent
        (FLAGGER, [(1, 0, 1), (5, 0, 0)] * 60, np.inf),
        (ARGO, [(HOUR, 0, 10)], np.inf),
        (ARGO, [(HOUR, 4, 100)], np.inf),
        (ARGO, [(HOUR, 6, 100)], 1200),
        (ARGO, [(90, 6, 100), (HOUR, 0, 100)], np.inf),
        (ARGO, [(HOUR, 0, 0)], 1500),
        (ARGO, [(120, 0, 0), (30, 0, 1), (120, 0, 0), (30, 0, 1)], np.inf),
    ],
)
def test_a_rule_takes_a_canary_off(rule: PeerRule, parts: list[tuple[int, int, int]], seconds: float) -> None:
    assert rule.failed(*traffic(*parts)) == seconds


def outcomes(scores: list[list[float]], peers: list[list[float]]) -> Outcomes:
    return Outcomes(np.maximum.accumulate(np.array(scores), axis=1), np.array(peers))


@pytest.mark.parametrize(
    ("share", "threshold", "failing"),
    [(0.0, USUAL, 0), (0.25, 3.0, 1), (0.5, np.nextafter(2.0, 3.0), 1), (0.75, 2.0, 3), (1.0, 1.0, 4)],
)
def test_a_threshold_fails_no_more_than_a_share(share: float, threshold: float, failing: int) -> None:
    found = outcomes([[0.0, 2.0], [0.0, 2.0], [3.0, 3.0], [0.5, 1.0]], [[np.inf] * 4])
    assert found.threshold(share) == threshold
    assert np.isfinite(found.times(threshold)).sum() == failing


def rows(healthy: Outcomes, worse: Outcomes) -> list[PeerRow]:
    contest = Contest("some", None, (("bad", None),))  # type: ignore[arg-type]
    return list(peer_rows(contest, (healthy, worse), LUCK))


NEVER, AT_ONCE = [np.inf] * 4, [10.0] * 4
CALM = [[0.0, 0.0, 0.0]] * 4
CAUGHT = [[0.0, 9.0, 9.0]] * 4


def test_who_is_no_worse_holds() -> None:
    made = rows(outcomes(CALM, [NEVER, NEVER]), outcomes(CAUGHT, [[20.0] * 4, NEVER]))
    assert made == [
        PeerRow("some: healthy", "0.0% failed", ("0.0% failed", "0.0% failed"), ("", ""), True),
        PeerRow("some: bad", "100%, 20 s", ("100%, 20 s", "none"), ("100%, 20 s", "100%, 20 s"), True),
    ]


@pytest.mark.parametrize(
    ("healthy", "worse", "holds"),
    [
        # as shipped, next to who keeps alpha
        (outcomes(CALM, [NEVER, NEVER]), outcomes(CAUGHT, [AT_ONCE, NEVER]), [True, False]),
        (outcomes(CALM, [NEVER, NEVER]), outcomes(CALM, [AT_ONCE, NEVER]), [True, False]),
        # who does not is compared at its rate: there this judge is as early
        (outcomes(CALM, [AT_ONCE, NEVER]), outcomes(CAUGHT, [AT_ONCE, NEVER]), [True, True]),
        (
            outcomes([[0.0, 0.0, 1.0]] * 4, [AT_ONCE, NEVER]),
            outcomes([[0.0, 0.0, 9.0]] * 4, [AT_ONCE, NEVER]),
            [True, False],
        ),
        (outcomes(CAUGHT, [NEVER, NEVER]), outcomes(CAUGHT, [NEVER, NEVER]), [False, True]),
    ],
)
def test_who_is_later_or_more_often_wrong_does_not_hold(healthy: Outcomes, worse: Outcomes, holds: list[bool]) -> None:
    assert [row.holds for row in rows(healthy, worse)] == holds


def test_the_bound_is_that_of_a_likelihood_ratio() -> None:
    # each bad request tells ln 500 against the largest ratio that stable leaves it: ln 100 is reached by the first
    everything = QuietCell(1, 0.05, 1.0, 50)
    assert 10 < everything.bound < 20, "less than one request"
    # against theta alone: 0.02 ln 2 + 0.98 ln(0.98/0.99) = 0.0039 a request; stable's ratio tells more
    small = QuietCell(10, 0.05, 0.02, 510)
    assert 200 < small.bound < np.log(100) / 0.0039 / 0.5
