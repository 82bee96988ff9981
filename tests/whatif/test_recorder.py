"""Controllers' pages over real HTTP become a recording, counted as the daemon would count them."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

from ingress_canary.domain.metrics.counting import CounterBook, advance
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, Reading, Target
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.whatif.backtest.recorded_rollout import usable
from ingress_canary.whatif.backtest.recorded_traffic import UNKNOWN, RecordedTraffic
from ingress_canary.whatif.backtest.recorder import STARTING_POINT, TrafficRecorder, signals_of
from ingress_canary.whatif.backtest.recording import RecordedTick, RecordingHeader
from tests.adapters.test_scrape import BEGIN, CANARY, Controller, Site, site
from tests.whatif.schedules import AVAILABILITY, LATENCY, schedule

__all__ = ["site"]

KEY = Key("shop", "web")
BOUNDS = (0.005, 0.5, 1.0)
TARGET = Target("shop", "web", "", bounds=frozenset(BOUNDS))
BOTH = schedule([{"weight": 50, "bake": "10m"}], (AVAILABILITY, LATENCY))
MEASURES = usable(SliSet.of(BOTH.slos, BOTH.analysis))
HEADER = RecordingHeader("shop/web", 10, BOUNDS)


def entered(recorder: TrafficRecorder, reading: Reading) -> RecordedTick:
    """Return the tick of a reading that needs no new header."""
    (tick,) = recorder.entries(reading)
    assert isinstance(tick, RecordedTick)
    return tick


async def test_a_tick_has_what_has_come_since_the_one_before(site: Site) -> None:
    site.controllers = [Controller()]
    site.controllers[0].serve(1000, slow=30)
    recorder = TrafficRecorder(KEY, None, 10)
    header, first = recorder.entries(await site.read(TARGET))
    assert header == HEADER
    assert first == RecordedTick((BEGIN + timedelta(seconds=10)).timestamp(), missing=STARTING_POINT)
    site.controllers[0].serve(10, slow=3)
    site.controllers[0].serve(2, status="503")
    site.controllers[0].serve(4, canary=CANARY)
    site.controllers[0].serve(7, ingress="other")
    tick = entered(recorder, await site.read(TARGET))
    assert tick == RecordedTick(first.at + 10, {"200": 10, "503": 2}, {"200": [10, 7, 7, 10], "503": [2, 2, 2, 2]}, 4)
    assert entered(recorder, await site.read(TARGET)) == RecordedTick(first.at + 20, {}, {})


async def test_what_is_not_known_is_written_as_unknown(site: Site) -> None:
    site.controllers = [Controller()]
    site.controllers[0].serve(1000)
    recorder = TrafficRecorder(KEY, None, 10)
    list(recorder.entries(await site.read(TARGET)))
    pages, site.controllers = site.controllers, []
    lost = entered(recorder, await site.read(TARGET))
    assert (lost.requests, lost.latency, lost.missing) == (None, None, "no pod")
    # what came meanwhile comes with the next page
    site.controllers = pages
    site.controllers[0].serve(5)
    tick = entered(recorder, await site.read(TARGET))
    assert (tick.requests, tick.latency, tick.missing) == ({"200": 5}, {"200": [5, 5, 5, 5]}, "")


async def test_buckets_that_were_not_read_before_have_no_starting_point(site: Site) -> None:
    site.controllers = [Controller()]
    site.controllers[0].serve(1000)
    recorder = TrafficRecorder(KEY, None, 10)
    list(recorder.entries(await site.read(TARGET)))
    fewer = (await site.read(TARGET))._replace(bounds=frozenset({0.005, 0.5}))
    header, tick = recorder.entries(fewer)
    assert header == RecordingHeader("shop/web", 10, (0.005, 0.5))
    assert isinstance(tick, RecordedTick)
    assert (tick.requests, tick.latency) == ({}, None)
    # a page without the wanted buckets says nothing of latencies, and the next one is no jump
    header, tick = recorder.entries(await site.read(TARGET._replace(bounds=frozenset())))
    assert isinstance(tick, RecordedTick)
    assert (header, tick.latency) == (HEADER, None)
    assert entered(recorder, await site.read(TARGET)).latency is None
    site.controllers[0].serve(3)
    assert entered(recorder, await site.read(TARGET)).latency == {"200": [3, 3, 3, 3]}


async def test_one_service_is_told_from_the_others_of_the_ingress(site: Site) -> None:
    site.controllers = [Controller()]
    web, api = (TrafficRecorder(KEY, service, 10) for service in ("web", "api"))
    site.controllers[0].serve(1)
    for recorder in (web, api):
        list(recorder.entries(await site.read(TARGET)))
    site.controllers[0].serve(5)
    reading = await site.read(TARGET)
    assert entered(web, reading).requests == {"200": 5}
    assert entered(api, reading).requests is None


async def life(site: Site) -> AsyncIterator[Reading]:
    """Yield the readings of eventful ticks: a pod that comes, one that restarts, one that goes, and silence."""
    first = Controller()
    site.controllers = [first]
    for number in range(24):
        first.serve(10 + number, slow=number % 3)
        first.serve(number % 4, status="503")
        if number == 5:
            site.controllers.append(Controller("pod-b", BEGIN + timedelta(seconds=site.clock.seconds + 5)))
        if number > 5:
            site.controllers[-1].serve(7, slow=1)
        if number == 9:
            first.restart(BEGIN + timedelta(seconds=site.clock.seconds + 2))
        pages = site.controllers
        if number in (13, 14):
            site.controllers = []
        if number == 18:
            pages = site.controllers = site.controllers[1:]
        yield await site.read(TARGET)
        site.controllers = pages


async def test_a_schedule_counts_from_a_recording_what_the_daemon_counts(site: Site) -> None:
    recorder, traffic, book, live = TrafficRecorder(KEY, None, 10), RecordedTraffic(MEASURES), CounterBook(), []
    async with aclosing(life(site)) as readings:
        async for reading in readings:
            for entry in recorder.entries(reading):
                traffic.enter(entry)
            book, evidence = advance(book, reading, signals_of(KEY, None), MEASURES, timedelta(seconds=10))
            live.append((reading.at.timestamp(), evidence))
    assert len(traffic.times) == len(live) - 3, "all but the starting point and the silence"
    for name, column in traffic.slos.items():
        recorded = {at: Counts(m=m, f=f) for at, m, f in zip(traffic.times, column.requests, column.bad, strict=True)}
        daemons = {at: one.counts[name] for at, one in live[1:] if isinstance(one.counts[name], Counts)}
        assert recorded == daemons
        assert UNKNOWN not in column.requests
    assert list(traffic.requests) == [one.requests.stable for at, one in live if at in traffic.times]
    assert sum(traffic.slos["availability"].bad) > 20
    assert sum(traffic.slos["latency"].bad) > 20
