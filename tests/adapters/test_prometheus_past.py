"""The past of days is asked for span by span, and read as it would have been read at the time."""

from contextlib import aclosing
from datetime import timedelta

import pytest

from ingress_canary.adapters.prometheus import Access, Dialect, PrometheusClient, PrometheusError
from ingress_canary.adapters.prometheus.past_readings import SPAN, PastReader
from ingress_canary.domain.metrics.counting import CounterBook, advance
from ingress_canary.domain.metrics.samples import Counts, Reading
from ingress_canary.settings import RENAMED
from tests.adapters.test_prometheus import BEGIN, MEASURES, SIGNALS, WEB, Site, site
from tests.adapters.test_prometheus_history import life

__all__ = ["site"]


def reader(site: Site, **client: int) -> PastReader:
    asker = PrometheusClient(site.session, Access(site.url), **client)
    return PastReader(asker, Dialect(dict(RENAMED)), WEB._replace(bounds=frozenset()), 10.0)


def counted(readings: list[Reading]) -> dict[str, Counts]:
    """Return the sums of what some readings add."""
    book, sums = CounterBook(), {"availability": Counts(), "latency": Counts()}
    for reading in readings:
        book, evidence = advance(book, reading, SIGNALS, MEASURES, timedelta(seconds=10))
        for name, one in evidence.counts.items():
            sums[name] = sums[name].plus(one) if isinstance(one, Counts) else sums[name]
    return sums


async def read(site: Site, instants: list[float], **client: int) -> list[Reading]:
    async with aclosing(reader(site, **client).readings(instants)) as readings:
        return [reading async for reading in readings]


async def test_each_instant_is_counted_as_it_was_then(site: Site) -> None:
    async with aclosing(life(site, WEB)) as ticks:
        live = [reading async for reading in ticks]
    instants = [reading.at.timestamp() for reading in live]
    past = await read(site, instants)
    assert [one.at for one in past] == [one.at for one in live]
    assert {bound for one in past for bound in one.bounds} >= {0.25, 0.5}
    assert counted(past) == counted(live)
    whole = len(site.prometheus.asked)
    # answers that are too long are asked for in parts, and counting goes on over their seams
    short = await read(site, instants, max_bytes=3_500)
    assert counted(short) == counted(live)
    assert len(site.prometheus.asked) - whole > 10


async def test_an_answer_that_stays_too_long_is_reported(site: Site) -> None:
    async with aclosing(life(site, WEB)) as ticks:
        instants = [reading.at.timestamp() async for reading in ticks]
    with pytest.raises(PrometheusError, match="is longer than"):
        await read(site, instants, max_bytes=100)


async def test_hours_are_asked_for_one_after_the_other_and_a_gap_is_unknown(site: Site) -> None:
    instants = [BEGIN + 600.0 * number for number in range(1, 25)]
    for at in instants:
        if not 9 * 600 < at - BEGIN < 12 * 600:
            site.pods[0].serve(10)
            site.prometheus.scrape(site.pods[0], at - 1)
    past = await read(site, instants)
    assert [one.at.timestamp() for one in past] == instants
    assert [one.error for one in past].count("no controller was scraped at this time") == 2
    assert (
        sum(1 for _, form, _ in site.prometheus.asked if "reload" in form["query"] and "start" not in form["query"])
        == 4
    )
    assert SPAN == 3600
    assert counted(past)["availability"].m == 10 * 21


async def test_a_process_is_read_through_one_scrape_from_span_to_span(site: Site) -> None:
    instants = [BEGIN + 600.0 * number for number in range(1, 13)]
    for number, at in enumerate(instants):
        site.pods[0].serve(10)
        site.prometheus.scrape(site.pods[0], at - 4, job="first")
        if number >= 6:
            site.prometheus.scrape(site.pods[0], at - 1, job="later")
    past = await read(site, instants)
    assert {reading.at.timestamp() - one.at.timestamp() for reading in past for one in reading.series} == {4}
