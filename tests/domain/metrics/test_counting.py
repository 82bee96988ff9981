"""Samples become counts by the data rules of judging.md."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.schedule import AnalysisSettings
from ingress_canary.api.slo import Slo
from ingress_canary.domain.metrics.counting import CounterBook, ReadingCounts, Requests, advance
from ingress_canary.domain.metrics.kinds.availability import Availability
from ingress_canary.domain.metrics.kinds.counters import Counters
from ingress_canary.domain.metrics.kinds.gauge import Gauge
from ingress_canary.domain.metrics.kinds.kind import AcceptedRange, Questions
from ingress_canary.domain.metrics.kinds.latency import Latency
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, Instance, NoData, Reading, Series, Side, UnknownBound
from ingress_canary.domain.metrics.signals import Signals

TICK = timedelta(seconds=10)
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = BEGIN - timedelta(days=3)
CANARY, STABLE = "shop-web-canary-80", ""


def side(labels: Mapping[str, str]) -> Side | None:
    if labels.get("service") != "web":
        return None
    return {CANARY: Side.CANARY, STABLE: Side.STABLE}.get(labels.get("canary", "?"))


SIGNALS = Signals(
    ingress="shop/web",
    requests="requests",
    latency_bucket="bucket",
    latency_count="count",
    side=side,
    strata=("method", "path"),
)
MEASURES = SliSet({"availability": Availability(("5..",))}, frozenset({"308"}))
SLOW = SliSet({"latency": Latency(0.5)}, frozenset({"308"}))


def requests(
    value: float, status: str = "200", canary: str = STABLE, pod: str = "a", tick: float = 0, **labels: str
) -> Series:
    labels = {"service": "web", "canary": canary, "status": status, **labels}
    return Series("requests", pod, labels, value, BEGIN + tick * TICK)


def histogram(count: float, fast: float, canary: str = STABLE, status: str = "200", le: str = "0.5") -> list[Series]:
    labels = {"service": "web", "canary": canary, "status": status}
    return [Series("count", "a", labels, count, BEGIN), Series("bucket", "a", {**labels, "le": le}, fast, BEGIN)]


def reading(
    tick: float, series: Sequence[Series] = (), started: Mapping[str, datetime | None] | None = None
) -> Reading:
    """Return a reading in which every sample is of the tick itself, as when scraping."""
    at = BEGIN + tick * TICK
    instances = tuple(Instance(*item) for item in ({"a": LONG_AGO} if started is None else started).items())
    return Reading(at, instances, tuple(one._replace(at=at) for one in series))


def counts_of(readings: Sequence[Reading], measures: SliSet = MEASURES) -> list[ReadingCounts]:
    book, evidence = CounterBook(), []
    for one in readings:
        book, added = advance(book, one, SIGNALS, measures, TICK)
        evidence.append(added)
    return evidence


def last(readings: Sequence[Reading], measures: SliSet = MEASURES) -> Counts | NoData | UnknownBound:
    (counts,) = counts_of(readings, measures)[-1].counts.values()
    return counts


def message(counts: object) -> str:
    assert isinstance(counts, NoData | UnknownBound)
    return str(counts.message)


CASES: dict[str, tuple[list[Reading], Counts]] = {
    "the first reading is only a starting point": ([reading(0, [requests(500)])], Counts()),
    "a counter adds what it rose": ([reading(0, [requests(500)]), reading(1, [requests(510)])], Counts(m=10)),
    "both sides are distinguished": (
        [
            reading(0, [requests(5), requests(1, canary=CANARY)]),
            reading(1, [requests(9), requests(4, canary=CANARY), requests(2, "502", CANARY), requests(1, "500")]),
        ],
        Counts(n=5, e=2, m=5, f=1),
    ),
    "a counter that fell was reset and counts from 0": (
        [reading(0, [requests(500)]), reading(1, [requests(7)])],
        Counts(m=7),
    ),
    "a vanished counter that comes back continues": (
        [reading(0, [requests(5), requests(3, "500")]), reading(1, [requests(6)]), reading(2, [requests(4, "500")])],
        Counts(m=1, f=1),
    ),
    "a new label set on a known pod counts from 0": (
        [reading(0, [requests(5)]), reading(1, [requests(5), requests(3, "503", CANARY)])],
        Counts(n=3, e=3),
    ),
    "a label set that a page cut short had left out is only a starting point": (
        [
            reading(0, [requests(5)], {"a": None}),
            reading(1, [requests(6)], {"a": None}),
            reading(2, [requests(7), requests(300, "503", CANARY)]),
        ],
        Counts(m=1),
    ),
    "what a page cut short shows for the first time is only a starting point": (
        [
            reading(0, [requests(5)], {"a": None}),
            reading(1, [requests(6), requests(300, "503", CANARY)], {"a": None}),
        ],
        Counts(m=1),
    ),
    "a label set that a page cut short had left out counts on from there": (
        [
            reading(0, [requests(5)], {"a": None}),
            reading(1, [requests(6), requests(300, "503", CANARY)]),
            reading(2, [requests(6), requests(302, "503", CANARY), requests(1, "502", CANARY)]),
        ],
        Counts(n=3, e=3),
    ),
    "a new label set on a known page counts from 0 though a page between was cut short": (
        [
            reading(0, [requests(5)]),
            reading(1, [requests(6)], {"a": None}),
            reading(2, [requests(7)]),
            reading(3, [requests(7), requests(3, "503", CANARY)]),
        ],
        Counts(n=3, e=3),
    ),
    "the first series of an Ingress on a known page counts from 0": (
        [reading(0), reading(1, [requests(3, "503", CANARY)])],
        Counts(n=3, e=3),
    ),
    "a new pod that started after the last reading counts from 0": (
        [
            reading(0, [requests(5)]),
            reading(1, [requests(5), requests(8, pod="b")], {"a": LONG_AGO, "b": BEGIN + TICK / 2}),
        ],
        Counts(m=8),
    ),
    "a new pod that started before the last reading is a starting point": (
        [
            reading(0, [requests(5)]),
            reading(1, [requests(6), requests(8000, pod="b")], {"a": LONG_AGO, "b": LONG_AGO}),
            reading(2, [requests(6), requests(8001, pod="b")], {"a": LONG_AGO, "b": LONG_AGO}),
        ],
        Counts(m=1),
    ),
    "a new pod that does not say when it started is a starting point": (
        [reading(0, [requests(5)]), reading(1, [requests(6), requests(80, pod="b")], {"a": LONG_AGO, "b": None})],
        Counts(m=1),
    ),
    "a start in the future is another clock's word": (
        [
            reading(0, [requests(5)]),
            reading(1, [requests(6), requests(80, pod="b")], {"a": LONG_AGO, "b": BEGIN + 9 * TICK}),
        ],
        Counts(m=1),
    ),
    "a pod that did not answer for a while loses nothing": (
        [
            reading(0, [requests(5), requests(5, pod="b")], {"a": LONG_AGO, "b": LONG_AGO}),
            reading(1, [requests(6)]),
            reading(
                2, [requests(6), requests(9, pod="b"), requests(1, "500", pod="b")], {"a": LONG_AGO, "b": LONG_AGO}
            ),
        ],
        Counts(m=5, f=1),
    ),
    "a restarted process counts from 0 even where its counter is higher again": (
        [reading(0, [requests(5)]), reading(1, [requests(9)], {"a": BEGIN + TICK / 2})],
        Counts(m=9),
    ),
    "a counter that vanished in a restart counts from 0 when it comes back": (
        [
            reading(0, [requests(5), requests(10, "500")]),
            reading(1, [requests(1)], {"a": BEGIN + TICK / 2}),
            reading(2, [requests(1), requests(12, "500")], {"a": BEGIN + TICK / 2}),
        ],
        Counts(m=12, f=12),
    ),
    "a start time that jitters with the node's clock is no restart": (
        [
            reading(0, [requests(5)], {"a": BEGIN - timedelta(seconds=1)}),
            reading(1, [requests(9)], {"a": BEGIN + timedelta(seconds=1)}),
        ],
        Counts(m=4),
    ),
    "excluded statuses count on neither side": (
        [reading(0, [requests(5)]), reading(1, [requests(5), requests(400, "308"), requests(1, "500")])],
        Counts(m=1, f=1),
    ),
    "status classes match the pattern of their class": (
        [reading(0, [requests(5, "2xx")]), reading(1, [requests(9, "2xx"), requests(3, "5xx", CANARY)])],
        Counts(n=3, e=3, m=4),
    ),
    "other Services and other canaries of the Ingress count nowhere": (
        [
            reading(0, [requests(5)]),
            reading(1, [requests(6), requests(9, service="api"), requests(9, canary="shop-other-80")]),
        ],
        Counts(m=1),
    ),
    "one series by two jobs is not summed": (
        [
            reading(0, [requests(5), requests(5)]),
            reading(1, [requests(8), requests(8)]),
        ],
        Counts(m=3),
    ),
    "an absent side counts as 0": (
        [reading(0, [requests(5, canary=CANARY)]), reading(1, [requests(6, canary=CANARY)])],
        Counts(n=1),
    ),
    "a pod that was gone for more than an hour must say when it started": (
        [
            reading(0, [requests(5), requests(5, pod="b")], {"a": LONG_AGO, "b": LONG_AGO}),
            reading(361, [requests(5)]),
            reading(362, [requests(5), requests(900, pod="b")], {"a": LONG_AGO, "b": LONG_AGO}),
        ],
        Counts(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_follow_the_data_rules(name: str) -> None:
    readings, expected = CASES[name]
    assert last(readings) == expected


LATENCY_CASES: dict[str, tuple[list[Reading], Counts]] = {
    "bad is what the threshold's bucket lacks": (
        [reading(0, [*histogram(10, 9)]), reading(1, [*histogram(20, 12), *histogram(4, 1, CANARY)])],
        Counts(n=4, e=3, m=10, f=7),
    ),
    "bounds are numbers, not strings": (
        [reading(0, [*histogram(10, 9, le="0.50")]), reading(1, [*histogram(20, 12, le="5e-1")])],
        Counts(m=10, f=7),
    ),
    "count and bucket reset together": (
        [reading(0, [*histogram(100, 2)]), reading(1, [*histogram(50, 40)])],
        Counts(m=50, f=10),
    ),
    "excluded statuses are removed": (
        [reading(0, [*histogram(10, 9)]), reading(1, [*histogram(11, 9), *histogram(70, 70, status="308")])],
        Counts(m=1, f=1),
    ),
    "another Service's histogram counts nowhere": (
        [reading(0, [*histogram(10, 9)]), reading(1, [*histogram(11, 9), *histogram(70, 70, "shop-other-80")])],
        Counts(m=1, f=1),
    ),
    "a bound that is no number is no threshold": (
        [reading(0, [*histogram(10, 9)]), reading(1, [*histogram(11, 9), *histogram(11, 11, le="fast")])],
        Counts(m=1, f=1),
    ),
    "a label set without the bucket is left out": (
        [reading(0, [*histogram(10, 9)]), reading(1, [*histogram(11, 9), histogram(70, 70, CANARY)[0]])],
        Counts(m=1, f=1),
    ),
}


@pytest.mark.parametrize("name", LATENCY_CASES)
def test_latency_is_counted_from_buckets(name: str) -> None:
    readings, expected = LATENCY_CASES[name]
    assert last(readings, SLOW) == expected


@pytest.mark.parametrize(
    ("readings", "says"),
    [
        ([Reading(BEGIN, error="no controller answered")], "no controller answered"),
        ([reading(0, [requests(5, service="api")])], "no series yet for Ingress shop/web"),
        ([reading(0, [requests(nan)])], "requests of a is nan"),
        ([reading(0, [requests(inf)])], "requests of a is inf"),
        ([reading(0, [requests(-1)])], "requests of a is -1"),
        ([reading(0, [requests(5)]), reading(1, [requests(1e300)])], "requests of a is 1e+300, which is no count"),
        ([Reading(BEGIN + 7 * TICK, (), (requests(5),))], "stale: the newest sample is 70 s old"),
        ([reading(0)._replace(failed={"requests": "answered 422"})], "answered 422"),
    ],
    ids=["source error", "empty", "NaN", "infinite", "negative", "huge", "stale", "family failed"],
)
def test_unknown_is_no_data_with_its_reason(readings: list[Reading], says: str) -> None:
    assert says in message(last(readings))


def test_data_of_a_slow_source_are_stale_after_two_of_its_intervals() -> None:
    old = Reading(BEGIN + 7 * TICK, (), (requests(5),))
    _, evidence = advance(CounterBook(), old, SIGNALS, MEASURES, timedelta(seconds=60))
    assert evidence.counts == {"availability": Counts()}
    _, evidence = advance(CounterBook(), old._replace(sampled_every=timedelta(seconds=35)), SIGNALS, MEASURES, TICK)
    assert evidence.counts == {"availability": Counts()}


@pytest.mark.parametrize("family", ["count", "bucket"])
def test_a_family_that_could_not_be_had_leaves_the_others(family: str) -> None:
    both = SliSet({**MEASURES.counted, **SLOW.counted})
    partly = reading(1, [requests(6)])._replace(failed={family: "answered 422"})
    counts = counts_of([reading(0, [requests(5), *histogram(1, 1)]), partly], both)[-1].counts
    assert counts == {"availability": Counts(m=1), "latency": NoData("answered 422")}


def test_a_count_and_a_bucket_of_two_moments_are_no_pair() -> None:
    count, bucket = histogram(50, 10)
    older = bucket._replace(at=BEGIN - TICK / 2)
    _, evidence = advance(CounterBook(), Reading(BEGIN, (), (count, older)), SIGNALS, SLOW, TICK)
    assert isinstance(evidence.counts["latency"], NoData)


def test_what_came_during_unusable_data_is_counted_afterwards() -> None:
    ok, broken, back = reading(0, [requests(5)]), reading(1, [requests(nan)]), reading(2, [requests(9)])
    assert [one.counts["availability"] for one in counts_of([ok, broken, back])][::2] == [Counts(), Counts(m=4)]


def test_unusable_latency_leaves_availability_alone() -> None:
    both = SliSet({**MEASURES.counted, **SLOW.counted})
    bad = [requests(6), Series("count", "a", requests(0).labels, nan, BEGIN)]
    counts = counts_of([reading(0, [requests(5), *histogram(1, 1)]), reading(1, bad)], both)[-1].counts
    assert counts["availability"] == Counts(m=1)
    assert isinstance(counts["latency"], NoData)


def test_a_threshold_without_a_bucket_lists_the_bounds() -> None:
    series = [*histogram(10, 9, le="1"), *histogram(10, 10, le="+Inf")]
    counts = last([reading(0, series)._replace(bounds=frozenset({0.25, 1.0}))], SLOW)
    assert counts == UnknownBound(0.5, (0.25, 1.0, inf))
    assert "choose one of 0.25, 1" in message(counts)


def test_a_histogram_without_buckets_says_so() -> None:
    assert "no bucket at all" in message(last([reading(0, histogram(10, 9)[:1])], SLOW))


def test_requests_that_are_counted_without_their_times_are_not_called_unseen() -> None:
    seen, converted = [requests(5), *histogram(1, 1)], [requests(9)]
    assert "are counted, and no series tell how long they take" in message(last([reading(0, converted)], SLOW))
    assert "convert_classic_histograms_to_nhcb" in message(last([reading(0, seen), reading(1, converted)], SLOW))
    others = [requests(9)._replace(labels={"service": "other"})]
    assert "no request was seen" in message(last([reading(0, others)], SLOW))


def test_single_statuses_cannot_be_counted_from_status_classes() -> None:
    narrow = SliSet({"gateway": Availability(("50.",))})
    assert "50." in message(last([reading(0, [requests(5, "5xx")])], narrow))


@pytest.mark.parametrize(
    ("status", "excluded", "off"), [("2xx", {"308"}, True), ("2xx", set(), False), ("200", {"308"}, False)]
)
def test_status_classes_with_excluded_statuses_turn_the_relative_test_off(
    status: str, excluded: set[str], off: bool
) -> None:
    measures = SliSet(MEASURES.counted, frozenset(excluded))
    assert counts_of([reading(0, [requests(5, status)])], measures)[-1].classes_only is off


@pytest.mark.parametrize(
    ("own_answers", "counted", "undrawn"),
    [({"301", "403"}, 4, False), ({"301"}, 7, False), ({"204"}, 9, True), ({"301", ""}, 7, True), (set(), 9, False)],
)
def test_what_a_controller_answers_itself_counts_on_neither_side(
    own_answers: set[str], counted: int, undrawn: bool
) -> None:
    before = reading(0, [requests(5), requests(0, "301"), requests(0, "403")])
    after = reading(1, [requests(9), requests(2, "301"), requests(3, "403")])
    signals, interval = replace(SIGNALS, own_answers=frozenset(own_answers)), timedelta(seconds=10)
    book, _ = advance(CounterBook(), before, signals, MEASURES, interval)
    _, evidence = advance(book, after, signals, MEASURES, interval)
    assert (evidence.requests.stable, evidence.undrawn) == (counted, undrawn)


def test_a_bad_status_of_a_controllers_own_is_not_left_out() -> None:
    measures = SliSet({"availability": Availability(("403",))})
    assert measures.left_out(frozenset({"301", "403", "200", "503"})) == {"301"}


def test_requests_for_the_share_leave_excluded_statuses_out() -> None:
    before = reading(0, [requests(5), requests(5, canary=CANARY)])
    after = reading(1, [requests(9), requests(6, canary=CANARY), requests(70, "308")])
    assert counts_of([before, after])[-1].requests == Requests(canary=1, stable=4)


def test_requests_are_told_apart_by_the_labels_that_name_a_stratum() -> None:
    more = [
        requests(3, canary=CANARY, method="GET", path="/"),
        requests(1, "500", CANARY, method="GET", path="/"),
        requests(7, method="POST", path="/"),
        requests(2),
    ]
    counted = counts_of([reading(0), reading(1, more)])[-1]
    assert counted.counts == {"availability": Counts(4, 1, 9, 0)}
    assert counted.strata == {
        "availability": {"GET /": Counts(4, 1, 0, 0), "POST /": Counts(0, 0, 7, 0), "": Counts(0, 0, 2, 0)}
    }


def test_slow_requests_are_told_apart_likewise() -> None:
    label = {"path": "/"}
    there = [one._replace(labels={**one.labels, **label}) for one in histogram(10, 8, CANARY)] + histogram(5, 5)
    counted = counts_of([reading(0), reading(1, there)], SLOW)[-1]
    assert counted.strata == {"latency": {"/": Counts(10, 2, 0, 0), "": Counts(0, 0, 5, 0)}}


def test_a_newer_job_wins_over_an_older_one_of_the_same_process() -> None:
    first, second = requests(8, tick=0.9), requests(9, tick=1)
    readings = [reading(0, [requests(5)]), Reading(BEGIN + TICK, (), (second, first))]
    assert last(readings) == Counts(m=4)


def test_an_older_sample_out_of_order_is_ignored() -> None:
    readings = [
        reading(1, [requests(5)]),
        Reading(BEGIN + 2 * TICK, (), (requests(3, tick=0.5),)),
        reading(3, [requests(6)]),
    ]
    assert [one.counts["availability"] for one in counts_of(readings)] == [Counts(), Counts(), Counts(m=1)]


def test_a_process_that_restarted_between_its_last_sample_and_the_last_reading_counts_from_0() -> None:
    readings = [
        Reading(BEGIN + TICK, (Instance("a", LONG_AGO),), (requests(5),)),
        reading(2, [requests(9)], {"a": BEGIN + TICK / 2}),
    ]
    assert last(readings) == Counts(m=9)


def test_the_memory_of_dead_pods_is_dropped() -> None:
    book = CounterBook()
    for tick in range(0, 8000, 40):
        one = reading(tick, [requests(5, pod=f"pod-{tick}")], {f"pod-{tick}": BEGIN + (tick - 1) * TICK})
        book, _ = advance(book, one, SIGNALS, MEASURES, TICK)
    assert len(book.requests.samples) == len(book.requests.instances) <= 10


def test_measures_are_made_from_slos() -> None:
    slos = [
        Slo.model_validate({"name": "availability", "objective": 99.9, "sli": {"requests": {}}}),
        Slo.model_validate({"name": "slow", "objective": 99, "sli": {"latency": {"threshold": "500ms"}}}),
        Slo.model_validate({"name": "gauge", "sli": {"prometheusThreshold": {"query": "up", "max": 1}}}),
        Slo.model_validate({"name": "good", "objective": 99, "sli": {"prometheus": {"good": "g", "total": "t"}}}),
    ]
    measures = SliSet.of(slos, AnalysisSettings())
    own = Counters("g", "t", part_is_good=True)
    assert measures == SliSet(
        {"availability": Availability(("5..",)), "slow": Latency(0.5), "good": own},
        frozenset({"101", "308"}),
        {"gauge": Gauge("up", AcceptedRange(None, 1, 60, 3))},
    )
    assert measures.thresholds == {"slow": 0.5}
    assert measures.questions({}) == Questions(totals=("t",), parts=("g",), values=("up",))


History = list[tuple[bool, bool, int, int]]
"""Each tick: whether the process restarts, whether it answers, and the good and bad requests that follow."""
HISTORIES: st.SearchStrategy[History] = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12
)


def scraped(history: History) -> list[Reading]:
    """Return what a process with that history shows at each tick at which it answers."""
    good = bad = 0
    started, readings = LONG_AGO, []
    for tick, (restarts, answers, more_good, more_bad) in enumerate(history):
        if restarts and tick:
            good, bad, started = 0, 0, BEGIN + (tick - 0.5) * TICK
        good, bad = good + more_good, bad + more_bad
        shown = [*([requests(good, canary=CANARY)] if good else []), *([requests(bad, "500", CANARY)] if bad else [])]
        if answers or tick == 0:
            readings.append(reading(tick, shown, {"a": started}))
    return readings


def total(evidence: Sequence[ReadingCounts]) -> Counts:
    result = Counts()
    for one in evidence:
        counts = one.counts["availability"]
        result = result.plus(counts) if isinstance(counts, Counts) else result
    return result


@given(HISTORIES)
def test_over_any_resets_the_deltas_sum_to_the_true_totals_after_the_first_reading(history: History) -> None:
    always = [(restarts, True, good, bad) for restarts, _, good, bad in history]
    good, bad = (sum(row[column] for row in history[1:]) for column in (2, 3))
    assert total(counts_of(scraped(always))) == Counts(n=good + bad, e=bad)


@given(HISTORIES)
def test_a_process_that_misses_ticks_never_counts_more_than_was_served(history: History) -> None:
    good, bad = (sum(row[column] for row in history[1:]) for column in (2, 3))
    counted = total(counts_of(scraped(history)))
    assert counted.e <= bad
    assert counted.n - counted.e <= good


@given(HISTORIES, st.data())
def test_nothing_is_counted_twice_when_readings_are_replayed(history: History, data: st.DataObject) -> None:
    readings = scraped(history)
    replayed: list[Reading] = []
    for number, one in enumerate(readings):
        replayed.append(one)
        replayed += data.draw(st.lists(st.sampled_from(readings[: number + 1]), max_size=2))
    assert total(counts_of(replayed)) == total(counts_of(readings))


@given(HISTORIES, st.integers(1, 5))
def test_the_same_samples_in_newer_readings_are_no_new_evidence(history: History, seconds: int) -> None:
    readings = scraped(history)
    doubled = [again for one in readings for again in (one, one._replace(at=one.at + timedelta(seconds=seconds)))]
    assert total(counts_of(doubled)) == total(counts_of(readings))
