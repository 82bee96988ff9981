"""What Prometheus remembers is read as it would have been read at the time."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from ingress_canary.adapters.prometheus import Dialect
from ingress_canary.adapters.prometheus.range_readings import PORTION, portioned
from ingress_canary.domain.metrics.counting import CounterBook, advance
from ingress_canary.domain.metrics.samples import Counts, Reading, Target
from ingress_canary.settings import RENAMED
from tests.adapters.small_prometheus import BUCKETS, REQUESTS, SCRAPED, Pod
from tests.adapters.test_prometheus import (
    BAD_ANSWERS,
    BEGIN,
    CANARY,
    MEASURES,
    OWN,
    SIGNALS,
    WEB,
    Site,
    count,
    refusing,
    site,
)

__all__ = ["site"]


def series_of(reading: Reading) -> set[tuple[object, ...]]:
    """Return the series of a reading as values that can be compared."""
    return {(s.family, s.instance, frozenset(s.labels.items()), s.value, s.at) for s in reading.series}


async def life(site: Site, target: Target) -> AsyncIterator[Reading]:
    """Yield the readings of some eventful ticks: errors, a pod that comes, one that restarts, one that goes."""
    first = site.pods[0]
    for number in range(20):
        first.serve(10 + number, slow=number % 3)
        first.serve(3, ingress="other")
        if number == 3:
            first.serve(2, slow=2, status="502", canary=CANARY)
        if number == 6:
            site.pods.append(Pod("pod-b", started=BEGIN + site.clock.seconds + 2))
        if number > 6:
            site.pods[-1].serve(5, canary=CANARY)
        if number == 12:
            first.lines.clear()
            first.started = BEGIN + site.clock.seconds + 3
        if number == 16:
            site.pods.pop(0)
        site.scrape()
        for family, value in (("events", 100 + 7 * number), ("errors", number)):
            count(site, family, value, site.clock.seconds - 1)
        yield await site.read(target)


async def test_each_instant_is_read_as_it_was_then(site: Site) -> None:
    target = OWN._replace(values=())
    async with aclosing(life(site, target)) as ticks:
        live = [reading async for reading in ticks]
    site.source = site.new_source()
    wanted = tuple(reading.at.timestamp() for reading in live[:-1])
    now = await site.read(target._replace(past=wanted))
    assert [past.at for past in now.past] == [reading.at for reading in live[:-1]]
    assert [series_of(past) for past in now.past] == [series_of(reading) for reading in live[:-1]]
    assert series_of(now) == series_of(live[-1])
    for past, reading in zip(now.past, live, strict=False):
        assert {one.name for one in past.instances} == {one.name for one in reading.instances}
        assert past.sampled_every == reading.sampled_every
        assert past.bounds == reading.bounds


async def test_the_counts_of_the_past_and_of_the_present_are_those_of_every_reading_at_its_time(site: Site) -> None:
    async with aclosing(life(site, WEB)) as ticks:
        live = [reading async for reading in ticks]

    def counted(readings: list[Reading]) -> list[Counts]:
        book, sums = CounterBook(), [Counts(), Counts()]
        for reading in readings:
            book, evidence = advance(book, reading, SIGNALS, MEASURES, timedelta(seconds=10))
            for number, one in enumerate(evidence.counts.values()):
                assert isinstance(one, Counts)
                sums[number] = sums[number].plus(one)
        return sums

    site.source = site.new_source()
    now = await site.read(WEB._replace(past=tuple(reading.at.timestamp() for reading in live[:-1])))
    assert counted([*now.past, now]) == counted(live)
    assert counted(live)[0].n == 5 * 13 + 2


async def test_a_process_is_read_through_the_scrape_that_is_followed_now(site: Site) -> None:
    pod = site.pods[0]
    for number in range(6):
        pod.serve(10)
        site.clock.seconds += 10
        site.prometheus.scrape(pod, BEGIN + site.clock.seconds - 4, job="pods", path="/metrics")
        if number < 4:
            site.prometheus.scrape(pod, BEGIN + site.clock.seconds - 1)
    now = await site.read(WEB._replace(past=tuple(BEGIN + 10 * tick for tick in range(1, 6))))
    assert {one.at.timestamp() - BEGIN for past in now.past for one in past.series} == {6, 16, 26, 36, 46}
    assert {one.instance for past in (*now.past, now) for one in past.series} == {"ingress-nginx/pod-a"}


async def test_of_instants_before_the_first_scrape_nothing_is_known(site: Site) -> None:
    site.clock.seconds = 600
    site.pods[0].serve(10)
    site.scrape()
    site.scrape()
    now = await site.read(WEB._replace(past=tuple(BEGIN + at for at in range(0, 620, 10))))
    assert [past.at.timestamp() - BEGIN for past in now.past] == [610]
    assert now.note is None


async def test_a_gap_longer_than_a_stale_sample_is_a_gap(site: Site) -> None:
    site.pods[0].serve(10)
    site.scrape()
    site.clock.seconds += 200
    site.scrape()
    now = await site.read(WEB._replace(past=tuple(BEGIN + at for at in range(10, 210, 10))))
    assert [past.at.timestamp() - BEGIN for past in now.past] == [10, 20, 30, 40, 50, 60]


async def test_the_past_of_many_is_asked_for_at_once_and_beside_the_present(site: Site) -> None:
    targets = [WEB._replace(ingress=f"web-{n}", past=(BEGIN + 10.0, BEGIN + 20.0)) for n in range(200)]
    for target in targets:
        site.pods[0].serve(10, ingress=target.ingress)
    for _ in range(3):
        site.scrape()
    alone = len(site.prometheus.asked) + 10
    await site.source.read(targets[:1])
    assert len(site.prometheus.asked) == alone
    site.prometheus.asked.clear()
    readings = await site.source.read(targets)
    assert len(site.prometheus.asked) == 10
    assert all(len(reading.past) == 2 and len(reading.past[0].series) == 3 for reading in readings.values())
    long = [query for query, _, _ in site.prometheus.asked if query.startswith(f"{REQUESTS}{{")]
    assert sorted(query.rpartition("[")[2] for query in long) == ["110s]", "90s]"]
    site.prometheus.asked.clear()
    await site.source.read([target._replace(past=()) for target in targets])
    assert len(site.prometheus.asked) == 6


def test_so_many_rollouts_that_begin_at_once_are_asked_for_in_portions() -> None:
    targets = [WEB._replace(ingress=f"web-{n:03}", past=tuple(map(float, range(180)))) for n in range(100)]
    portions = portioned([*targets, WEB])
    assert sorted(target for portion in portions for target in portion) == targets
    assert max(len(portion) * 180 for portion in portions) <= PORTION
    assert len(portions) == 4


def test_those_that_need_all_buckets_are_asked_for_apart_and_in_smaller_portions() -> None:
    targets = [
        WEB._replace(ingress=f"web-{n:03}", past=tuple(map(float, range(180))), every_bound=n % 2 > 0)
        for n in range(20)
    ]
    portions = portioned(targets)
    assert sorted(target for portion in portions for target in portion) == targets
    assert [len(portion) for portion in portions] == [10, 5, 5]
    assert [{target.every_bound for target in portion} for portion in portions] == [{False}, {True}, {True}]


@pytest.mark.parametrize("name", ["422", "503", "HTML", "broken JSON", "huge"])
async def test_a_past_that_cannot_be_had_leaves_the_present(site: Site, name: str) -> None:
    answer, why = (refusing(422, "too long"), "too long") if name == "huge" else BAD_ANSWERS[name]
    site.pods[0].serve(10)
    site.scrape()
    site.scrape()
    site.prometheus.broken_long[BUCKETS if name == "503" else SCRAPED] = answer
    site.source = site.new_source(dialect=Dialect(dict(RENAMED)))
    now = await site.read(WEB._replace(past=tuple(BEGIN + at for at in range(-1000, 20, 10))))
    assert (now.past, now.error, len(now.series)) == ((), None, 3)
    assert str(now.note).startswith("what came before cannot be had, and is learnt or counted anew: Prometheus: ")
    assert why in str(now.note)


async def test_a_users_query_whose_past_cannot_be_had_leaves_that_of_the_other_rollouts(site: Site) -> None:
    site.pods[0].serve(10)
    for _ in range(3):
        site.scrape()
        count(site, "events", 100, site.clock.seconds - 1)
    site.prometheus.broken_long["errors"] = refusing(422, "too many samples")
    past = tuple(BEGIN + at for at in range(-1000, 30, 10))
    mine, other = OWN._replace(values=(), past=past), WEB._replace(past=past)
    readings = await site.source.read([mine, other])
    assert (len(readings[mine].past), len(readings[other].past)) == (0, 2)
    assert "too many samples" in str(readings[mine].note)
    assert readings[other].note is None
