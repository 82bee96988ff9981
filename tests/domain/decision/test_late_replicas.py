"""Counters that are read through replicas of which one is late: a fall is no reset, and nothing is counted twice."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.domain.metrics.samples import Counts, Reading
from tests.domain.metrics.test_counting import (
    BEGIN,
    CANARY,
    LONG_AGO,
    SLOW,
    TICK,
    counts_of,
    histogram,
    reading,
    requests,
    total,
)
from tests.domain.metrics.test_query_counters import last as last_own
from tests.domain.metrics.test_query_counters import reading as own_reading

Scraped = tuple[float, int, int] | tuple[float, None, None]
"""When, in ticks, and the counters of 200 and 500; None where the process answers without them."""


def readings_of(*seen: Scraped, started: datetime | None = LONG_AGO) -> list[Reading]:
    """Return the readings of one process."""
    readings = []
    for tick, good, bad in seen:
        series = [] if good is None else [requests(good, canary=CANARY), requests(bad or 0, "500", CANARY)]
        readings.append(reading(tick, series, {"a": started}))
    return readings


@pytest.mark.parametrize("started", [LONG_AGO, None], ids=["start known", "start unknown"])
@pytest.mark.parametrize(
    ("seen", "counts"),
    [
        ([(0, 9000, 300), (1, 9040, 301), (2, 9039, 300), (3, 9080, 301)], Counts(n=81, e=1)),
        ([(0, 9000, 300), (1, 8990, 300), (2, 9040, 300), (3, 9030, 300), (4, 9080, 300)], Counts(n=80)),
        ([(0, 9000, 300), (1, 9040, 300), (2, None, None), (3, 9030, 300), (4, 9080, 300)], Counts(n=80)),
        # the first errors: what one replica has shown, the other may not have yet
        ([(0, 9000, 0), (1, 9000, 3), (2, 9000, 0), (3, 9000, 1), (4, 9000, 4)], Counts(n=4, e=4)),
        ([(0, 9000, 0), (1, 9000, 3), (2, None, None), (3, 9000, 1), (4, 9000, 4)], Counts(n=4, e=4)),
        # a minute at that value: what shows less now has begun anew
        ([(0, 9000, 300), (5, 9040, 300), (12, 9030, 300)], Counts(n=40 + 9030)),
    ],
    ids=["both fall", "at once", "absent in between", "errors", "errors, absent in between", "after a minute"],
)
def test_what_is_less_by_no_more_than_a_minute_brought_is_late(
    seen: list[Scraped], counts: Counts, started: datetime | None
) -> None:
    assert total(counts_of(readings_of(*seen, started=started))) == counts


@pytest.mark.parametrize(
    ("seen", "counts"),
    [
        # a reload removes the series of an Ingress that is gone for a moment; they begin again
        ([(0, 9000, 300), (1, 9040, 301), (2, None, None), (3, 3, 0), (4, 10, 1)], Counts(n=52, e=2)),
        ([(0, 9000, 300), (1, 9040, 301), (2, 3, 0), (3, 10, 1)], Counts(n=52, e=2)),
        ([(0, 9000, 300), (1, 4400, 301)], Counts(n=4401, e=1)),
        # below what it had a minute ago, though above half
        ([(0, 9000, 0), (5, 9040, 0), (9, 9050, 0), (12, 9020, 0)], Counts(n=50 + 9020)),
        # a young counter: how much a minute brings is not known before a minute is over, then nothing is lost
        ([(0, 9000, 0), (1, 9000, 30), (2, 9000, 4), (8, 9000, 9)], Counts(n=30 + 9, e=30 + 9)),
    ],
    ids=["absent in between", "at once", "first reading", "below the minute before", "young"],
)
def test_a_series_that_began_again_on_the_same_process_counts_from_0(seen: list[Scraped], counts: Counts) -> None:
    assert total(counts_of(readings_of(*seen))) == counts


def test_a_late_replica_that_still_shows_the_process_before_a_restart_is_passed_over() -> None:
    restart = BEGIN + TICK / 2
    readings = [
        reading(0, [requests(9000, canary=CANARY)]),
        reading(1, [requests(5, canary=CANARY)], {"a": restart}),
        reading(2, [requests(9003, canary=CANARY)]),
        reading(3, [requests(12, canary=CANARY)], {"a": restart}),
    ]
    assert total(counts_of(readings)) == Counts(n=12)


def test_a_start_that_has_moved_back_for_good_is_another_clocks_word() -> None:
    readings = [
        reading(tick, [requests(100 + tick, canary=CANARY)], {"a": LONG_AGO - TICK * 360}) for tick in range(20)
    ]
    readings[0] = reading(0, [requests(100, canary=CANARY)], {"a": LONG_AGO})
    assert total(counts_of(readings)) == Counts(n=19)


def test_counts_and_buckets_of_a_late_replica_are_late_together() -> None:
    seen = [
        reading(tick, histogram(*pair)) for tick, pair in enumerate([(900, 800), (940, 830), (939, 830), (980, 860)])
    ]
    counts = [one.counts["latency"] for one in counts_of(seen, SLOW)]
    assert counts == [Counts(), Counts(m=40, f=10), Counts(), Counts(m=40, f=10)]


def test_users_counters_are_followed_the_same_way_though_their_processes_do_not_say_when_they_started() -> None:
    seen = [{"all": 9000, "bad": 300}, {"all": 9040, "bad": 301}, {"all": 9039, "bad": 300}, {"all": 9080, "bad": 301}]
    readings = [own_reading(tick, dict(one)) for tick, one in enumerate(seen)]
    assert [last_own(readings[: upto + 1]) for upto in range(4)] == [
        Counts(), Counts(n=40, e=1), Counts(), Counts(n=40),
    ]  # fmt: skip


LATEST = 5
"""Ticks by which a replica is late at most: less than a minute."""
Life = list[tuple[int, int, int, bool]]
"""Each tick: the good and bad requests of it, by how many ticks the replica is late that answers, and whether the
process restarts before them."""
LIVES: st.SearchStrategy[Life] = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, LATEST), st.booleans()), min_size=1, max_size=25
)
BEFORE = 1000
"""Good requests before the first reading: more than twice of what the late replica lacks."""


def lived(life: Life, *, restarts: bool) -> list[Reading]:
    """Return what replicas show of a process that had been running; at the end none is late any more."""
    truth = [(LONG_AGO, BEFORE, 0)]
    for tick, (good, bad, _, restarting) in enumerate(life, 1):
        started, had, failed = truth[-1]
        if restarts and restarting:
            started, had, failed = BEGIN + (tick - 0.5) * TICK, 0, 0
        truth.append((started, had + good, failed + bad))
    seen = [0, *(max(0, tick - late) for tick, (_, _, late, _) in enumerate(life, 1)), len(life)]
    readings = []
    for tick, shown in enumerate(seen):
        started, good, bad = truth[shown]
        series = [*([requests(good, canary=CANARY)] if good else []), *([requests(bad, "500", CANARY)] if bad else [])]
        readings.append(reading(tick, series, {"a": started}))
    return readings


def served(life: Sequence[tuple[int, int, int, bool]]) -> Counts:
    return Counts(n=sum(good + bad for good, bad, _, _ in life), e=sum(bad for _, bad, _, _ in life))


@given(LIVES)
def test_however_replicas_alternate_each_request_counts_once(life: Life) -> None:
    assert total(counts_of(lived(life, restarts=False))) == served(life)


@given(LIVES)
def test_at_no_reading_more_is_counted_than_was_served_by_then(life: Life) -> None:
    readings = lived(life, restarts=False)
    for upto in range(1, len(life) + 1):
        counted, true = total(counts_of(readings[: upto + 1])), served(life[:upto])
        assert 0 <= counted.e <= true.e
        assert 0 <= counted.n - counted.e <= true.n - true.e


@given(LIVES)
def test_over_restarts_too_no_request_is_counted_twice(life: Life) -> None:
    counted, true = total(counts_of(lived(life, restarts=True))), served(life)
    assert counted.e <= true.e
    assert counted.n - counted.e <= true.n - true.e
