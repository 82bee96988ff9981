"""The whole histogram of latency is followed: every bound, on both sides, and never a guess."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ingress_canary.domain.metrics.counting import CounterBook, ReadingCounts, advance, newest_samples
from ingress_canary.domain.metrics.histogram import MOST_BOUNDS
from ingress_canary.domain.metrics.kinds.latency_distribution import LatencyDistribution
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Series
from tests.domain.metrics.test_counting import BEGIN, CANARY, SIGNALS, STABLE, TICK, reading

SHAPE = SliSet({}, frozenset({"308"}), distributions={"shape": LatencyDistribution()})
THREE = ("0.1", "0.5", "1")


def buckets(
    count: float, *below: float, canary: str = STABLE, pod: str = "a", status: str = "200",
    bounds: Sequence[str] = THREE,
) -> list[Series]:  # fmt: skip
    """Return a label set's count and its buckets, with that of all requests."""
    labels = {"service": "web", "canary": canary, "status": status}
    each = zip((*bounds, "+Inf"), (*below, count), strict=True)
    return [
        Series("count", pod, labels, count, BEGIN),
        *(Series("bucket", pod, {**labels, "le": bound}, value, BEGIN) for bound, value in each),
    ]


def seen(readings: Sequence[Reading], measures: SliSet = SHAPE) -> list[ReadingCounts]:
    book, evidence = CounterBook(), []
    for one in readings:
        book, added = advance(book, one, SIGNALS, measures, TICK)
        evidence.append(added)
    return evidence


def tails(readings: Sequence[Reading], measures: SliSet = SHAPE) -> Mapping[float, Counts]:
    found = seen(readings, measures)[-1].tails["shape"]
    assert not isinstance(found, NoData), found.message
    return found


def why(readings: Sequence[Reading], measures: SliSet = SHAPE) -> str:
    found = seen(readings, measures)[-1].tails["shape"]
    assert isinstance(found, NoData)
    return str(found.message)


def test_what_has_risen_is_counted_at_every_bound_of_both_sides() -> None:
    first = reading(0, [*buckets(100, 60, 90, 100), *buckets(10, 5, 9, 10, canary=CANARY)])
    then = reading(1, [*buckets(150, 90, 130, 149), *buckets(20, 5, 12, 20, canary=CANARY)])
    assert tails([first]) == dict.fromkeys((0.1, 0.5, 1.0), Counts())
    assert tails([first, then]) == {0.1: Counts(10, 10, 50, 20), 0.5: Counts(10, 7, 50, 10), 1.0: Counts(10, 0, 50, 1)}


def test_the_same_reading_again_says_nothing_new() -> None:
    one = reading(0, buckets(100, 60, 90, 100))
    assert tails([one, one]) == {}


def test_the_first_requests_of_a_known_page_count_from_0() -> None:
    assert tails([reading(0), reading(1, buckets(4, 1, 3, 4))])[0.1] == Counts(m=4, f=3)


def test_a_reset_is_of_the_whole_histogram() -> None:
    # more fast requests than before and fewer in all: the process began anew
    began = [reading(0, buckets(100, 10, 90, 100)), reading(1, buckets(20, 15, 20, 20))]
    assert tails(began) == {0.1: Counts(m=20, f=5), 0.5: Counts(m=20), 1.0: Counts(m=20)}


def test_excluded_statuses_count_on_neither_side() -> None:
    both = [reading(tick, [*buckets(9 * tick, 0, 0, 0, status="308"), *buckets(2 * tick, 0, 1, 2)]) for tick in (1, 2)]
    assert tails(both)[0.1] == Counts(m=2, f=2)
    assert tails(both, replace(SHAPE, excluded=frozenset()))[0.1] == Counts(m=11, f=11)


def test_where_only_classes_of_statuses_are_known_excluded_ones_cannot_be_left_out() -> None:
    classes = [reading(tick, buckets(9 * tick, 0, 0, 0, status="3xx")) for tick in (1, 2)]
    assert why(classes) == (
        "the controllers report status classes only, so 308 cannot be left out: remove --report-status-classes, or set "
        "analysis.excludeStatuses to []"
    )
    assert tails(classes, replace(SHAPE, excluded=frozenset()))[0.1] == Counts(m=9, f=9)


def test_a_controller_with_other_buckets_is_left_out() -> None:
    def both(tick: int) -> Reading:
        usual = [*buckets(10 * tick, 5 * tick, 10 * tick, 10 * tick), *buckets(tick, 0, 0, 0, status="500")]
        return reading(
            tick, [*usual, *buckets(70 * tick, 0, 0, pod="b", bounds=("0.2", "0.5"))], {"a": None, "b": None}
        )

    assert tails([both(1), both(2)]) == {0.1: Counts(m=11, f=6), 0.5: Counts(m=11, f=1), 1.0: Counts(m=11, f=1)}


def test_where_all_controllers_have_other_buckets_these_are_followed_from_a_starting_point() -> None:
    def other(tick: int) -> Reading:
        return reading(tick, buckets(70 * tick, 7 * tick, 70 * tick, bounds=("0.2", "0.5")))

    before = reading(0, buckets(100, 60, 90, 100))
    assert tails([before, other(1)]) == {0.2: Counts(), 0.5: Counts()}
    assert tails([before, other(1), other(2)]) == {0.2: Counts(m=70, f=63), 0.5: Counts(m=70)}


def test_of_a_histogram_without_end_some_bounds_are_followed() -> None:
    fine = [str(number / 100) for number in range(1, 101)]
    assert len(tails([reading(0, buckets(5, *[1] * 100, bounds=fine))])) <= MOST_BOUNDS


def test_counts_without_buckets_are_no_data() -> None:
    bare = reading(0, buckets(5, 1, 2, 3)[:1])
    assert why([bare]) == "the controllers count the requests whose time they take and export no buckets of it"
    assert why([bare._replace(missing="pod b: timeout")]) == "the buckets are missing: pod b: timeout"


def test_a_bucket_of_another_scrape_makes_no_share() -> None:
    one = reading(0, buckets(5, 1, 2, 3))
    count, *others = one.series
    apart = one._replace(series=(count, *(each._replace(at=each.at - timedelta(seconds=5)) for each in others)))
    assert "come from different scrapes" in why([apart])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"error": "connection refused"}, "connection refused"),
        ({"failed": {"bucket": "the query timed out"}}, "the query timed out"),
        ({"series": ()}, "no series yet for Ingress shop/web"),
    ],
)
def test_what_cannot_be_read_is_no_data(change: Mapping[str, object], words: str) -> None:
    assert words in why([reading(0, buckets(5, 1, 2, 3))._replace(**change)])  # type: ignore[arg-type]


def test_a_value_that_is_no_count_is_no_data() -> None:
    assert "is no count" in why([reading(0, buckets(-5, 1, 2, 3))])


def test_series_of_others_and_buckets_without_a_bound_are_left_out() -> None:
    def mixed(tick: int) -> Reading:
        mine = [*buckets(10 * tick, 0, tick, 2 * tick), *buckets(5 * tick, 0, 0, 0, bounds=("?", "??", "nan"))[1:]]
        others = [one._replace(labels={**one.labels, "service": "shop"}) for one in buckets(9 * tick, 0, 0, 0)]
        return reading(tick, [*mine, *others, Series("requests", "a", mine[0].labels, 10 * tick, BEGIN)])

    assert tails([mixed(1), mixed(2)]) == {0.1: Counts(m=10, f=10), 0.5: Counts(m=10, f=9), 1.0: Counts(m=10, f=8)}


def test_of_two_readers_of_one_process_the_newer_one_counts() -> None:
    one, two = (reading(tick, buckets(10 * tick, 0, tick, 2 * tick)) for tick in (1, 2))
    both = two._replace(series=(*two.series, *one.series))
    assert tails([one, both])[0.1] == Counts(m=10, f=10)


def test_a_restart_goes_on_from_its_samples_too() -> None:
    book, _ = advance(CounterBook(), reading(3, buckets(5, 1, 2, 3)), SIGNALS, SHAPE, TICK)
    assert newest_samples(book) == {"a": BEGIN + 3 * TICK}
