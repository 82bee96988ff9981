"""Users' own counters and numbers become evidence."""

from collections.abc import Sequence
from datetime import timedelta
from math import nan
from random import Random
from typing import Any

import pytest

from ingress_canary.domain.metrics.counting import CounterBook, ReadingCounts, advance
from ingress_canary.domain.metrics.kinds.counters import Counters
from ingress_canary.domain.metrics.kinds.gauge import Gauge
from ingress_canary.domain.metrics.kinds.kind import AcceptedRange, Questions
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Series
from ingress_canary.domain.metrics.signals import Signals
from tests.domain.metrics.test_counting import BEGIN, TICK

SIGNALS = Signals(
    ingress="shop/web", requests="requests", latency_bucket="", latency_count="", side=lambda _: None,
    variables={"canaryService": "new", "stableService": "old"},
)  # fmt: skip
OWN = Counters('errors{service="{{service}}"}', 'sum(events{service="{{service}}"})', part_is_good=False)
FAMILIES = {
    "bad": 'errors{service="new"}', "all": 'events{service="new"}',
    "stable bad": 'errors{service="old"}', "stable all": 'events{service="old"}',
}  # fmt: skip


def reading(tick: float, series: dict[str, float | tuple[str, float]], **more: Any) -> Reading:
    """Return a reading of ``instance label`` -> value, the instance being ``a`` by default."""
    at = BEGIN + tick * TICK
    made = []
    for name, sample in series.items():
        kind, _, pod = name.partition("/")
        instance, value = sample if isinstance(sample, tuple) else ("a", sample)
        made.append(Series(FAMILIES[kind], instance, {"pod": pod}, value, at))
    return Reading(at, series=tuple(made), **more)


def last(readings: Sequence[Reading], measure: Counters = OWN) -> object:
    book, evidence = CounterBook(), ReadingCounts({})
    for one in readings:
        book, evidence = advance(book, one, SIGNALS, SliSet({"own": measure}), TICK)
    return evidence.counts["own"]


@pytest.mark.parametrize(
    ("readings", "counts"),
    [
        ([{"all": 500, "bad": 9}], Counts()),
        ([{"all": 500, "bad": 9}, {"all": 510, "bad": 11}], Counts(n=10, e=2)),
        ([{"all": 500}, {"all": 510, "bad": 3}], Counts(n=10, e=3)),
        ([{"all": 5, "stable all": 7}, {"all": 6, "stable all": 17, "stable bad": 2}], Counts(n=1, m=10, f=2)),
        ([{"all": 500, "bad": 9}, {"all": 4, "bad": 1}], Counts(n=4, e=1)),
        ([{"all/x": 500, "all/y": 700}, {"all/x": 510, "all/y": 3}], Counts(n=13)),
        ([{"all/x": 500, "all/y": 700}, {"all/x": 510}], Counts(n=10)),
        ([{"all": 500}, {"all": 505, "all/z": ("b", 9000), "bad/z": ("b", 800)}], Counts(n=5)),
    ],
    ids=[
        "a starting point", "two counters", "a new series of a known instance", "both sides", "a reset",
        "a reset of one series", "a vanished series", "a new instance is a starting point",
    ],
)  # fmt: skip
def test_counters_are_followed_series_by_series(readings: list[dict[str, Any]], counts: Counts) -> None:
    assert last([reading(tick, series) for tick, series in enumerate(readings)]) == counts


def test_good_events_are_taken_off_all() -> None:
    good = Counters(OWN.part, OWN.total, part_is_good=True)
    assert last([reading(0, {"all": 5, "bad": 5}), reading(1, {"all": 25, "bad": 22})], good) == Counts(n=20, e=3)


def test_without_a_side_there_is_no_stable() -> None:
    measures = SliSet({"own": Counters("errors", "sum(events)", part_is_good=False)})
    assert measures.questions({}) == Questions(parts=("errors",), totals=("events",))
    half = SliSet({"own": Counters("errors", OWN.total, part_is_good=False)})
    assert half.questions(SIGNALS.variables).totals == (FAMILIES["all"],)


def test_one_series_may_be_in_both_queries() -> None:
    same = Counters("events", "sum(events)", part_is_good=True)

    def one(tick: int, value: float) -> Reading:
        at = BEGIN + tick * TICK
        return Reading(at, series=(Series("events", "a", {}, value, at),))

    assert last([one(0, 5), one(1, 8)], same) == Counts(n=3)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (reading(1, {}), "no series yet of sum(events"),
        (reading(1, {"all": nan}), "of a is nan, which is no count"),
        (reading(1, {"all": -1}), "of a is -1, which is no count"),
        (
            reading(1, {"all": 9, "bad": 0.45}),
            "is 0.45, which is no count: events are counted in whole numbers; a rate",
        ),
        (reading(1, {"all": 5}, failed={FAMILIES["stable bad"]: "answered 422"}), "answered 422"),
        (Reading(BEGIN + TICK, error="connection refused"), "connection refused"),
    ],
)
def test_what_is_missing_is_no_data(given: Reading, why: str) -> None:
    absent = last([reading(0, {"all": 5}), given])
    assert isinstance(absent, NoData)
    assert why in absent.message


def waves(looks: int) -> list[float]:
    """Return what a gauge shows: whole numbers without a trend."""
    draw = Random(7)
    return [float(sum(draw.random() < 0.2 for _ in range(50))) for _ in range(looks)]


@pytest.mark.parametrize("part_is_good", [False, True])
def test_a_gauge_of_whole_numbers_is_no_data_once_it_has_fallen_more_often_than_not(part_is_good: bool) -> None:
    given = [reading(tick, {"all": 50 * tick, "bad": value}) for tick, value in enumerate(waves(60))]
    absent = last(given, Counters(OWN.part, OWN.total, part_is_good=part_is_good))
    assert isinstance(absent, NoData)
    assert "falls at most looks: a rate, a ratio, an amount or what a recording rule computes" in absent.message


def test_resets_and_a_late_replica_at_every_other_look_make_no_gauge_of_a_counter() -> None:
    replicas = [reading(tick, {"all": 30 * (tick // 2) - tick % 2 + 100}) for tick in range(80)]
    assert last(replicas) == Counts()
    restarts = [reading(tick, {"all": 30.0 * (tick % 20)}) for tick in range(80)]
    assert last(restarts) == Counts(n=30)


def test_a_series_that_returns_is_looked_at_anew() -> None:
    falling = [reading(tick, {"all": 100.0 - tick}) for tick in range(20)]
    assert isinstance(last(falling), NoData)
    back = [reading(21, {}), reading(22, {"all": 200}), reading(23, {"all": 207})]
    assert last([*falling, *back]) == Counts(n=7)


def test_a_query_that_is_refused_is_left_to_the_source_to_refuse() -> None:
    wrong = SliSet({"own": Counters("rate(x[5m])", "sum(x", part_is_good=False)})
    assert wrong.questions({}) == Questions(parts=("rate(x[5m])",), totals=("sum(x",))


LOAD = SliSet({}, compared={"load": Gauge("load", AcceptedRange(None, 1, 60, 3))})


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (Reading(BEGIN, values={"load": 0.5}), 0.5),
        (Reading(BEGIN, values={"load": nan}), NoData("no number came from load")),
        (Reading(BEGIN), NoData("no number came from load")),
        (Reading(BEGIN, failed={"load": "2 series"}), NoData("2 series")),
        (Reading(BEGIN, error="refused"), NoData("refused")),
    ],
)
def test_a_number_is_taken_as_it_came(given: Reading, value: object) -> None:
    _, evidence = advance(
        CounterBook(),
        given,
        SIGNALS,
        LOAD,
        timedelta(seconds=10),
    )
    assert evidence.values == {"load": value}
