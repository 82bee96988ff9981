"""A Prometheus over real HTTP becomes readings, and whatever is wrong with it becomes words."""

import asyncio
import base64
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from math import isnan, nan
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ingress_canary.adapters.prometheus import Access, Dialect, PrometheusClient, PrometheusSource, Sampling
from ingress_canary.adapters.prometheus.answer_budget import AnswerBudget
from ingress_canary.adapters.prometheus.client import Row, milliseconds
from ingress_canary.domain.metrics.counting import CounterBook, ReadingCounts, advance
from ingress_canary.domain.metrics.kinds.availability import Availability
from ingress_canary.domain.metrics.kinds.counters import Counters
from ingress_canary.domain.metrics.kinds.latency import Latency
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Side, Target, UnknownBound
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.settings import RENAMED, SettingsError, load
from ingress_canary.sources import prometheus_of
from tests.adapters.small_prometheus import (
    BUCKETS,
    COUNT,
    ORPHAN,
    REQUESTS,
    SCRAPED,
    Answer,
    Pod,
    SmallPrometheus,
    no_duration,
)
from tests.adapters.test_scrape import break_off

CANARY = "shop-web-canary-80"
WEB = Target("shop", "web", "web", "web-canary", frozenset({0.5}))
BEGIN = 1_800_000_000.0
SIGNALS = Signals(
    ingress="shop/web",
    requests=REQUESTS,
    latency_bucket=BUCKETS,
    latency_count=COUNT,
    side=lambda labels: {CANARY: Side.CANARY, "": Side.STABLE}.get(labels.get("canary", "")),
)
MEASURES = SliSet({"availability": Availability(("5..",)), "latency": Latency(0.5)})


class ManualClock:
    """Real time that moves on request."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(BEGIN + self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def at(self, wall: datetime) -> datetime:
        return wall

    def wall(self, instant: datetime) -> datetime:
        return instant


class Site:
    """A controller, the Prometheus that scrapes it every 10 s, the source, and a rollout's book."""

    def __init__(self, session: aiohttp.ClientSession, url: str, prometheus: SmallPrometheus) -> None:
        self.prometheus = prometheus
        self.pods = [Pod(started=BEGIN - 3600)]
        self.clock = ManualClock()
        self.session = session
        self.url = url
        self.source = self.new_source()
        self.book = CounterBook()

    def new_source(
        self, access: Access | None = None, dialect: Dialect | None = None, within: float = 30, **client: int
    ) -> PrometheusSource:
        asker = PrometheusClient(self.session, access or Access(self.url), **client)
        dialect = dialect or Dialect(dict(RENAMED))
        return PrometheusSource(asker, self.clock, dialect, Sampling(every=10, within=within))

    def scrape(self) -> None:
        """Let 10 s pass, and have every pod scraped a second ago."""
        self.clock.seconds += 10
        for pod in self.pods:
            self.prometheus.scrape(pod, BEGIN + self.clock.seconds - 1)

    async def read(self, target: Target = WEB) -> Reading:
        return (await self.source.read([target]))[target]

    async def take_reading(self) -> ReadingCounts:
        self.scrape()
        self.book, evidence = advance(self.book, await self.read(), SIGNALS, MEASURES, timedelta(seconds=10))
        return evidence

    async def counts(self) -> tuple[Counts | NoData | UnknownBound, ...]:
        return tuple((await self.take_reading()).counts.values())


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        prometheus = SmallPrometheus()
        app = web.Application()
        app.router.add_post("/prom/api/v1/query", prometheus.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Site(session, f"http://127.0.0.1:{runner.addresses[0][1]}/prom", prometheus)


async def test_samples_become_the_readings_that_a_page_would_give(site: Site) -> None:
    site.pods[0].serve(10, slow=3)
    site.pods[0].serve(9, ingress="other")
    site.pods[0].lines[f'{ORPHAN}{{namespace="shop",ingress="web-canary",type="no-endpoint"}}'] = 0
    site.scrape()
    reading = await site.read()
    assert {(one.family, one.value) for one in reading.series} == {(REQUESTS, 10), (COUNT, 10), (BUCKETS, 7)}
    assert {one.instance for one in reading.series} == {"ingress-nginx/pod-a"}
    assert {one.at for one in reading.series} == {datetime.fromtimestamp(BEGIN + 9, UTC)}
    assert reading.series[0].labels == {
        "controller_namespace": "ingress-nginx", "controller_pod": "pod-a", "ingress": "web", "namespace": "shop",
        "service": "web", "status": "200",
    }  # fmt: skip
    assert [(one.name, one.started) for one in reading.instances] == [
        ("ingress-nginx/pod-a", datetime.fromtimestamp(BEGIN - 3600, UTC))
    ]
    assert (reading.orphaned, reading.error, reading.note, dict(reading.failed)) == ((), None, None, {})
    assert reading.sampled_every == timedelta(seconds=10)


async def test_evidence_through_errors_a_restart_a_new_pod_and_one_that_is_gone(site: Site) -> None:
    first = site.pods[0]
    first.serve(1000, slow=9)
    counts = [await site.counts()]  # a starting point
    first.serve(20, slow=2)
    first.serve(4, slow=1, status="502", canary=CANARY)
    counts.append(await site.counts())
    first.lines.clear()
    first.started = BEGIN + site.clock.seconds + 3
    first.serve(7, slow=1)
    counts.append(await site.counts())  # a restart
    site.pods.append(Pod("pod-b", started=BEGIN + site.clock.seconds + 2))
    site.pods[1].serve(3, slow=3, canary=CANARY)
    counts.append(await site.counts())  # a new pod
    site.pods.pop(0)
    site.pods[0].serve(1)
    counts.append(await site.counts())  # the first one is gone
    assert counts == [
        (Counts(), Counts()),
        (Counts(n=4, e=4, m=20), Counts(n=4, e=1, m=20, f=2)),
        (Counts(m=7), Counts(m=7, f=1)),
        (Counts(n=3), Counts(n=3, e=3)),
        (Counts(m=1), Counts(m=1)),
    ]


async def test_nothing_is_counted_twice_between_two_scrapes(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    site.pods[0].serve(5)
    assert await site.counts() == (Counts(m=5), Counts(m=5))
    site.clock.seconds += 3
    site.book, evidence = advance(site.book, await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
    assert evidence.counts == {"availability": Counts(), "latency": Counts()}


@pytest.mark.parametrize("more", [{"job": "pods"}, {"prometheus_replica": "1"}], ids=["two jobs", "two replicas"])
async def test_a_process_that_is_scraped_twice_counts_once(site: Site, more: dict[str, str]) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    site.pods[0].serve(5, slow=2)
    site.prometheus.scrape(site.pods[0], BEGIN + site.clock.seconds + 8, **more)
    reading_before = await site.counts()
    site.prometheus.scrape(site.pods[0], BEGIN + site.clock.seconds + 8, **more)
    assert reading_before == (Counts(m=5), Counts(m=5, f=2))
    assert len((await site.read()).instances) == 1


async def test_another_scrape_of_a_process_takes_over_with_a_new_starting_point(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    for _ in range(4):
        site.pods[0].serve(5)
        site.clock.seconds += 10
        site.prometheus.scrape(site.pods[0], BEGIN + site.clock.seconds - 1, job="pods", path="/metrics")
        site.book, evidence = advance(site.book, await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
    assert evidence.counts["availability"] == Counts(m=5)
    assert {one.instance for one in (await site.read()).series} == {"ingress-nginx/pod-a (scrape 2)"}


async def test_a_count_that_is_newer_than_its_bucket_makes_no_slow_requests(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    site.pods[0].serve(30)
    site.clock.seconds += 10
    late = dict(site.prometheus.series[BUCKETS])
    site.prometheus.scrape(site.pods[0], BEGIN + site.clock.seconds - 1)
    for key, samples in late.items():
        site.prometheus.series[BUCKETS][key] = [(at + 7, value) for at, value in samples[:1]]
    site.book, evidence = advance(site.book, await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
    assert evidence.counts["availability"] == Counts(m=30)
    assert isinstance(evidence.counts["latency"], NoData)


async def test_the_queries_of_a_tick_are_as_many_for_200_rollouts_as_for_one(site: Site) -> None:
    targets = [
        Target("shop", f"web-{n}", "web", f"web-{n}-canary", frozenset({0.25 if n % 2 else 0.5})) for n in range(200)
    ]
    for target in targets:
        site.pods[0].serve(10, ingress=target.ingress)
    site.scrape()
    await site.source.read(targets[:1])
    alone = len(site.prometheus.asked)
    site.prometheus.asked.clear()
    readings = await site.source.read(targets)
    assert len(site.prometheus.asked) == alone == 6
    assert sorted(query.partition("{")[0] for query, _, _ in site.prometheus.asked) == [
        SCRAPED, ORPHAN, BUCKETS, COUNT, REQUESTS, "process_start_time_seconds",
    ]  # fmt: skip
    assert all(len(reading.series) == 3 for reading in readings.values())


async def test_all_buckets_are_asked_for_where_they_are_needed_and_nowhere_else(site: Site) -> None:
    for ingress in ("web", "shop"):
        site.pods[0].serve(10, slow=3, ingress=ingress)
    site.scrape()
    every, one = WEB._replace(bounds=frozenset(), every_bound=True), WEB._replace(ingress="shop")
    readings = await site.source.read([every, one])
    assert [query for query, _, _ in site.prometheus.asked if query.startswith(BUCKETS) and '"shop"' in query] == [
        f'{BUCKETS}{{exported_namespace=~"shop",ingress=~"shop",le=~"0[.]5"}}[90s]',
        f'{BUCKETS}{{exported_namespace=~"shop",ingress=~"web"}}[90s]',
    ]
    found = {
        target: {series.labels["le"] for series in reading.series if series.family == BUCKETS}
        for target, reading in readings.items()
    }
    assert found == {every: {"0.25", "0.5"}, one: {"0.5"}}


async def test_a_query_that_would_be_too_long_is_split_and_no_target_lost(site: Site) -> None:
    targets = [Target(f"team-{n:03}", f"{'web' * 20}-{n:03}", "web", f"{n}", frozenset({0.5})) for n in range(600)]
    for target in targets:
        site.pods[0].serve(1, ingress=target.ingress, namespace=target.namespace)
    site.scrape()
    readings = await site.source.read(targets)
    queries = [query for query, _, _ in site.prometheus.asked]
    assert max(map(len, queries)) <= 16_000
    assert len(queries) == 2 + 4 * 4
    assert [len(readings[target].series) for target in targets] == [3] * 600


async def test_without_latency_slos_nothing_is_asked_about_latency(site: Site) -> None:
    site.pods[0].serve(10)
    site.scrape()
    await site.read(WEB._replace(bounds=frozenset()))
    assert not [query for query, _, _ in site.prometheus.asked if "duration" in query]


async def test_a_threshold_that_is_no_bound_is_reported_with_those_that_are(site: Site) -> None:
    site.pods[0].serve(10, bounds=("0.1", "1.0", "+Inf"))
    latency = (await site.counts())[1]
    assert isinstance(latency, UnknownBound)
    assert "choose one of 0.1, 1" in latency.message


async def test_a_bound_may_be_printed_either_way(site: Site) -> None:
    site.pods[0].serve(10, bounds=("1.0", "2.5"))
    site.scrape()
    reading = await site.read(WEB._replace(bounds=frozenset({1.0})))
    assert reading.bounds == {1.0}
    assert len(reading.series) == 3


@pytest.mark.parametrize(
    ("lines", "orphaned"),
    [({}, None), ({"web-canary": 0}, ()), ({"web-canary": 1}, ("no-service",)), ({"web": 1}, None)],
)
async def test_the_orphan_metric_speaks_of_the_shadow(
    site: Site, lines: dict[str, int], orphaned: tuple[str, ...] | None
) -> None:
    for name, value in lines.items():
        site.pods[0].lines[f'{ORPHAN}{{namespace="shop",ingress="{name}",type="no-service"}}'] = value
    site.scrape()
    assert (await site.read()).orphaned == orphaned


async def test_labels_that_are_honoured_and_further_matchers_are_a_matter_of_settings(site: Site) -> None:
    labels = {"namespace": "shop", "ingress": "web", "service": "web", "status": "200", "cluster": "eu"}
    scrape = {"job": "x", "instance": "a:1", "controller_pod": "pod-a", "cluster": "eu"}
    for cluster, value in (("eu", 5), ("us", 7)):
        site.prometheus.add(SCRAPED, scrape | {"cluster": cluster}, BEGIN + 9, 1)
        site.prometheus.add(REQUESTS, scrape | labels | {"cluster": cluster}, BEGIN + 9, value)
    site.prometheus.now, site.clock.seconds = BEGIN + 9, 10
    site.source = site.new_source(dialect=Dialect(matchers='cluster="eu"'))
    reading = await site.read()
    assert [(one.instance, one.value) for one in reading.series] == [("pod-a", 5)]
    assert all('cluster="eu"' in query for query, _, _ in site.prometheus.asked)


# --- users' own queries

OWN = WEB._replace(totals=('events{app="a"}',), parts=('errors{app="a"}',), values=("max(load)",))


def count(site: Site, family: str, value: float, at: float, instance: str = "a:1", **labels: str) -> None:
    labels = {"app": "a", "job": "app", **({"instance": instance} if instance else {}), **labels}
    site.prometheus.add(family, labels, BEGIN + at, value)


async def own(site: Site, target: Target = OWN) -> tuple[dict[tuple[str, str], float], Reading]:
    reading = await site.read(target)
    series = [one for one in reading.series if one.family in (*target.totals, *target.parts)]
    return {(one.family.partition("{")[0], one.instance): one.value for one in series}, reading


async def test_users_counters_come_series_by_series_and_their_numbers_beside_them(site: Site) -> None:
    site.scrape()
    count(site, "events", 90, 4)
    count(site, "events", 100, 9)
    count(site, "errors", 7, 9)
    count(site, "errors", 3, 4, code="gone")
    count(site, "events", 50, 8, instance="b:1")
    site.prometheus.numbers["max(load)"] = [0.5]
    counted, reading = await own(site)
    assert counted == {("events", "a:1"): 100, ("errors", "a:1"): 7, ("events", "b:1"): 50}
    assert reading.values == {"max(load)": 0.5}
    assert not reading.failed


async def test_a_part_that_was_scraped_after_its_total_is_not_counted_yet(site: Site) -> None:
    site.scrape()
    count(site, "events", 100, 4)
    count(site, "errors", 3, 4)
    count(site, "errors", 9, 9)
    assert (await own(site))[0] == {("events", "a:1"): 100, ("errors", "a:1"): 3}


async def test_of_several_replicas_one_counts_until_it_lags(site: Site) -> None:
    site.source = site.new_source(dialect=Dialect(dict(RENAMED), replicas=("replica",)))
    site.scrape()
    for at, of_a, of_b in ((6, 10, 11), (9, 0, 13)):
        count(site, "events", of_b, at + 0.5, replica="b")
        if of_a:
            count(site, "events", of_a, at, replica="a")
    assert (await own(site))[0] == {("events", "a:1"): 10}
    site.scrape()
    site.scrape()
    count(site, "events", 31, 29, replica="b")
    counted, reading = await own(site)
    assert counted == {("events", "a:1"): 31}
    assert all("replica" not in one.labels for one in reading.series)


async def test_what_two_jobs_scrape_counts_once_and_anew_when_the_other_one_takes_over(site: Site) -> None:
    site.scrape()
    count(site, "events", 100, 8)
    count(site, "events", 90, 7, job="pods", kubernetes_pod_name="a")
    count(site, "events", 5, 9, job="pods", instance="b:1")
    assert (await own(site))[0] == {("events", "a:1"): 100, ("events", "b:1"): 5}
    site.scrape()
    count(site, "events", 110, 18)
    count(site, "events", 115, 19, job="pods", kubernetes_pod_name="a")
    assert (await own(site))[0]["events", "a:1"] == 110
    site.clock.seconds += 10
    site.scrape()
    count(site, "events", 130, 39, job="pods", kubernetes_pod_name="a")
    assert (await own(site))[0]["events", "a:1 (scrape 2)"] == 130
    site.scrape()
    count(site, "events", 140, 49, job="pods", kubernetes_pod_name="a")
    count(site, "events", 141, 49)
    assert (await own(site))[0]["events", "a:1 (scrape 2)"] == 140


async def test_series_that_do_not_say_who_counts_are_followed_by_themselves(site: Site) -> None:
    site.scrape()
    count(site, "events", 5, 9, instance="", pod="x")
    count(site, "events", 6, 8, instance="", pod="y")
    counted = (await own(site))[0]
    assert set(counted.values()) == {5, 6}
    assert len({instance for _, instance in counted}) == 2


async def test_a_query_is_asked_once_for_all_that_want_it(site: Site) -> None:
    site.scrape()
    site.prometheus.numbers["max(load)"] = [0.5]
    targets = [OWN._replace(ingress=f"web-{n}", bounds=frozenset()) for n in range(30)]
    await site.source.read(targets)
    asked = [query for query, _, _ in site.prometheus.asked]
    assert len(asked) == len(set(asked)) == 4 + 3
    assert {'events{app="a"}[90s]', 'errors{app="a"}[90s]', "max(load)"} <= set(asked)


@pytest.mark.parametrize(
    ("values", "why"),
    [([], "the answer is empty, there is no such series: max(load)"), ([1, 2], "2 series came where one number")],
)
async def test_a_number_that_is_not_one_is_reported(site: Site, values: list[float], why: str) -> None:
    site.scrape()
    site.prometheus.numbers["max(load)"] = values
    reading = (await own(site))[1]
    assert why in reading.failed["max(load)"]


async def test_a_comparison_that_leaves_nothing_is_told_as_the_cause_of_an_empty_answer(site: Site) -> None:
    site.scrape()
    site.prometheus.numbers["max(load) > 100"] = []
    reading = await site.read(WEB._replace(values=("max(load) > 100",)))
    why = "the answer is empty, its comparison does not hold, write > bool for 1 or 0, or leave the comparison out"
    assert why in reading.failed["max(load) > 100"]


async def test_a_users_query_that_fails_leaves_everything_else(site: Site) -> None:
    site.pods[0].serve(10)
    site.scrape()
    count(site, "events", 100, 9)
    site.prometheus.numbers["max(load)"] = [0.5]
    site.prometheus.broken["errors"] = refusing(422, "too many samples")
    counted, reading = await own(site)
    assert "too many samples" in reading.failed['errors{app="a"}']
    assert (counted, len(reading.failed)) == ({("events", "a:1"): 100}, 1)
    assert {one.value for one in reading.series if one.family == REQUESTS} == {10}
    assert reading.values == {"max(load)": 0.5}


def unlimited(sent: list[int]) -> Answer:
    """Return an answer of more series than anybody holds, which notes how much of it was taken."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        row = b'{"metric":{"pod":"' + b"x" * 4000 + b'"},"value":[1,"1"]},'
        await response.write(b'{"status":"success","data":{"resultType":"vector","result":[')
        sent.append(0)
        place = len(sent) - 1
        while sent[place] < 64 * 2**20:
            await response.write(row * 16)
            sent[place] += 16 * len(row)
        return response

    return answer


def slow(site: Site, *queries: str) -> Answer:
    """Return an answer that does not come to some queries; others are answered."""

    async def answer(request: web.Request) -> web.StreamResponse:
        query = str((await request.post())["query"])
        return await (hang if query.startswith(queries) else site.prometheus.evaluate)(request)

    return answer


BESIDE = WEB._replace(ingress="other", totals=('fine{app="a"}',), parts=('wrong{app="a"}',), values=("max(quiet)",))
"""Another rollout, with queries of its own."""


def assert_answered(reading: Reading) -> None:
    """Assert that the queries of BESIDE were answered."""
    assert not {*BESIDE.totals, *BESIDE.parts, *BESIDE.values} & {*reading.failed}
    assert reading.values["max(quiet)"] == 0.25


@pytest.mark.parametrize(
    ("queries", "failed"),
    [
        (("events{",), {'events{app="a"}'}),
        (("errors{",), {'errors{app="a"}'}),
        (("max(load)",), {"max(load)"}),
        (("events{", "errors{", "max(load)"), {*OWN.totals, *OWN.parts, *OWN.values}),
    ],
)
async def test_a_users_slow_query_is_no_data_of_who_asked_it(
    site: Site, queries: tuple[str, ...], failed: set[str]
) -> None:
    for ingress in ("web", "other"):
        site.pods[0].serve(10, ingress=ingress)
    site.scrape()
    for family, value in (("events", 100), ("errors", 7), ("fine", 200), ("wrong", 3)):
        count(site, family, value, 9)
    site.prometheus.numbers |= {"max(load)": [0.5], "max(quiet)": [0.25]}
    site.prometheus.answer = slow(site, *queries)
    site.source = site.new_source(within=2)
    read = await site.source.read([OWN, BESIDE])
    for target, reading in read.items():
        assert {one.value for one in reading.series if one.family == REQUESTS} == {10}, target.ingress
    assert {query: why for query, why in read[OWN].failed.items() if query not in failed} == {}
    assert set(read[OWN].failed) == failed
    assert all("no answer in time" in why and query in why for query, why in read[OWN].failed.items())
    assert_answered(read[BESIDE])
    assert {one.value for one in read[BESIDE].series if one.family in (*BESIDE.totals, *BESIDE.parts)} == {200, 3}


async def test_slow_queries_of_one_rollout_do_not_take_the_turns_of_another(site: Site) -> None:
    site.scrape()
    count(site, "fine", 200, 9)
    site.prometheus.numbers["max(quiet)"] = [0.25]
    many = OWN._replace(ingress="many", values=tuple(f"max(load{n})" for n in range(40)))
    site.prometheus.answer = slow(site, "max(load")
    site.source = site.new_source(within=2)
    read = await site.source.read([many, BESIDE])
    assert_answered(read[BESIDE])
    assert {*many.values} <= {*read[many].failed}


async def test_long_answers_to_users_queries_are_not_taken(site: Site) -> None:
    for ingress in ("web", "other"):
        site.pods[0].serve(10, ingress=ingress)
    site.scrape()
    count(site, "fine", 200, 9)
    site.prometheus.numbers["max(quiet)"] = [0.25]
    many = OWN._replace(
        values=tuple(f"load{n}" for n in range(8)), totals=tuple(f'events{{n="{n}"}}' for n in range(4))
    )
    sent: list[int] = []
    endless, evaluate = unlimited(sent), site.prometheus.evaluate

    async def answer(request: web.Request) -> web.StreamResponse:
        query = str((await request.post())["query"])
        return await (endless if query.startswith(("load", "events")) else evaluate)(request)

    site.prometheus.answer = answer
    tracemalloc.start()
    try:
        read = await site.source.read([many, BESIDE])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(sent) == 12
    # 768 MiB would come; what the sockets of both ends hold comes on top of what is taken
    assert peak < 48 * 2**20
    assert sum(sent) < 128 * 2**20
    for query in (*many.totals, *many.values):
        assert query in read[many].failed[query]
    assert "more than 64 KiB came; one number is expected: aggregate it" in read[many].failed["load0"]
    assert "more than 4096 KiB came; narrow the selectors" in read[many].failed['events{n="0"}']
    assert {one.value for one in read[many].series if one.family == REQUESTS} == {10}
    assert_answered(read[BESIDE])


async def test_a_scalar_is_a_number(site: Site) -> None:
    client = PrometheusClient(site.session, Access(site.url))
    site.prometheus.answer = saying({"status": "success", "data": {"resultType": "scalar", "result": [1, "2.5"]}})
    (row,) = await client.query("scalar(x)")
    assert (dict(row.labels), row.samples) == ({}, [(1, 2.5)])


NOTES = [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "events" (1:6)',
    'PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:25)',
]


def with_warnings(site: Site, warnings: list[str]) -> Answer:
    """Answer as the server does, with warnings."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await site.prometheus.evaluate(request)
        assert isinstance(response, web.Response)
        return web.json_response({**json.loads(response.text or ""), "warnings": warnings})

    return answer


async def test_notes_on_an_expression_leave_its_answer_whole(site: Site) -> None:
    site.pods[0].serve(10)
    site.scrape()
    count(site, "events", 100, 9)
    site.prometheus.numbers["max(load)"] = [0.5]
    site.prometheus.answer = with_warnings(site, NOTES)
    counted, reading = await own(site)
    assert (counted, reading.values, reading.failed) == ({("events", "a:1"): 100}, {"max(load)": 0.5}, {})


async def test_what_is_missing_is_told_without_the_notes_beside_it(site: Site) -> None:
    site.prometheus.answer = with_warnings(site, [*NOTES, "no store", "7 more annotations omitted"])
    why = str((await site.read()).error)
    assert why.endswith("is not whole: no store; 7 more annotations omitted")


# --- what can go wrong


def answering(**options: object) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(**options)  # type: ignore[arg-type]

    return answer


async def hang(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


def refusing(status: int, why: str) -> Answer:
    body = json.dumps({"status": "error", "errorType": "execution", "error": why})
    return answering(status=status, text=body, content_type="application/json")


def saying(document: object) -> Answer:
    return answering(text=json.dumps(document), content_type="application/json")


def sampled(*values: object) -> Answer:
    result = [{"metric": {"__name__": "x"}, "values": list(values)}]
    return saying({"status": "success", "data": {"resultType": "matrix", "result": result}})


EMPTY = {"resultType": "matrix", "result": []}
BAD_ANSWERS: dict[str, tuple[Answer, str]] = {
    "422": (refusing(422, "query processing would load too many samples into memory"), "answered 422 at"),
    "422 in its own words": (refusing(422, "too many samples"), "too many samples"),
    "503": (answering(status=503, text="upstream connect error"), "answered 503 at"),
    "503 in HTML": (answering(status=503, text="<html>", content_type="text/html"), "answered 503 at"),
    "401": (answering(status=401), "answered 401 at"),
    "429": (refusing(429, "too many outstanding requests"), "too many outstanding requests"),
    "a redirect to a login page": (answering(status=302, headers={"Location": "/login"}), "answered 302 at"),
    "an error with 200": (refusing(200, "no org id"), "no org id"),
    "HTML": (answering(text="<html>", content_type="text/html"), "an HTML page came instead of JSON"),
    "no JSON": (answering(text="OK"), "is not of Prometheus's API"),
    "other JSON": (saying(["a"]), "is not of Prometheus's API"),
    "broken JSON": (answering(text='{"status":"succ'), "is not of Prometheus's API"),
    "deep JSON": (answering(text="[" * 100_000), "is not of Prometheus's API"),
    "a string": (saying({"status": "success", "data": {"resultType": "string", "result": [1, "2"]}}), "neither vector"),
    "no data": (saying({"status": "success"}), "neither vector, matrix nor scalar"),
    "a value that is none": (sampled([1, "many"]), "neither vector, matrix nor scalar"),
    "a time that is none": (sampled([1e300, "1"]), "neither vector, matrix nor scalar"),
    "a time of 310 digits": (sampled([int("9" * 310), "1"]), "neither vector, matrix nor scalar"),
    "partial, as Thanos says it": (saying({"status": "success", "data": EMPTY, "warnings": ["no store"]}), "no store"),
    "partial, as VictoriaMetrics says it": (
        saying({"status": "success", "isPartial": True, "data": EMPTY}), "not whole"
    ),
    "samples out of order": (sampled([2, "1"], [1, "2"]), "samples of x came out of order"),
    "a huge answer": (answering(text="x" * 3 * 2**20), "longer than 2 MiB"),
    "hanging": (hang, "no answer within 2 s"),
    "broken off": (break_off, "broke off"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_what_is_no_answer_is_no_data_in_its_own_words(site: Site, name: str) -> None:
    answer, why = BAD_ANSWERS[name]
    site.source = site.new_source(within=2 if name == "hanging" else 30, max_bytes=2**21)
    site.pods[0].serve(10)
    await site.take_reading()
    before = site.book
    site.prometheus.answer = answer
    absent = list((await site.take_reading()).counts.values())
    assert all(isinstance(one, NoData) and why in one.message for one in absent), absent
    assert site.book == before
    # what came in between is not lost
    site.prometheus.answer = site.prometheus.evaluate
    site.pods[0].serve(3)
    assert await site.counts() == (Counts(m=3), Counts(m=3))


async def test_of_many_words_of_a_server_both_ends_are_told(site: Site) -> None:
    words = "expanding series: " + "proxy Series(): rpc error: " * 30 + "store-1:10901: connection refused"
    site.prometheus.answer = refusing(422, words)
    why = str((await site.read()).error)
    assert ": expanding series: proxy Series()" in why
    assert why.endswith("rpc error: store-1:10901: connection refused")
    assert len(why) < 320


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_family_that_cannot_be_had_leaves_the_others(site: Site, name: str) -> None:
    answer, why = BAD_ANSWERS[name]
    site.source = site.new_source(within=2 if name == "hanging" else 30, max_bytes=2**21)
    site.pods[0].serve(10)
    await site.take_reading()
    site.prometheus.broken[BUCKETS] = answer
    site.pods[0].serve(7, slow=1)
    availability, latency = await site.counts()
    assert availability == Counts(m=7)
    assert isinstance(latency, NoData)
    assert why in latency.message


@pytest.mark.parametrize(("value", "shown"), [(nan, "nan"), (float("inf"), "inf"), (-1.0, "-1")])
async def test_a_counter_that_is_no_number_is_no_data_of_its_target_alone(site: Site, value: float, shown: str) -> None:
    site.pods[0].serve(10)
    site.pods[0].serve(10, ingress="api")
    await site.take_reading()
    (line,) = [one for one in site.pods[0].lines if one.startswith(REQUESTS) and 'ingress="web"' in one]
    site.pods[0].lines[line] = value
    availability, latency = await site.counts()
    assert isinstance(availability, NoData)
    assert f"is {shown}, which is no count" in availability.message
    assert latency == Counts()
    other = await site.read(WEB._replace(ingress="api"))
    assert {one.value for one in other.series} == {10}


async def test_where_a_target_goes_the_stale_markers_of_victoriametrics_are_no_samples(site: Site) -> None:
    site.pods.append(Pod("pod-b", started=BEGIN - 3600))
    for pod in site.pods:
        pod.serve(10, canary=CANARY)
    await site.take_reading()
    gone = site.pods.pop()
    site.pods[0].serve(7, canary=CANARY)
    site.clock.seconds += 1
    for line in (*gone.lines, f"{SCRAPED}{{}}"):
        family, _, _ = line.partition("{")
        rows = site.prometheus.series[family].items()
        for samples in (samples for key, samples in rows if ("instance", "pod-b:10254") in key):
            samples.append((BEGIN + site.clock.seconds, nan))
    # as long as the markers are in the window, and when they are all that is left of the target in it
    for _ in range(10):
        assert (await site.counts())[0] == Counts(n=7)
        site.pods[0].serve(7, canary=CANARY)


async def test_a_counter_that_is_nothing_but_nan_is_no_data_instead_of_no_bad_event(site: Site) -> None:
    for at in (4, 9):
        count(site, "events", 100, at)
        count(site, "errors", nan, at)
    site.scrape()
    (bad,) = [one.value for one in (await own(site))[1].series if one.family.startswith("errors")]
    assert isnan(bad)


def mangled(site: Site, ingress: str, change: Callable[[list[list[Any]]], None]) -> Answer:
    """Answer as the server does, with the samples of an Ingress's series changed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await site.prometheus.evaluate(request)
        assert isinstance(response, web.Response)
        document = json.loads(response.text or "")
        for row in document["data"]["result"]:
            if row["metric"].get("ingress") == ingress:
                change(row["values"])
        return web.Response(text=json.dumps(document), content_type="application/json")

    return answer


def huge_time(samples: list[list[Any]]) -> None:
    samples[-1][0] = int("9" * 310)


def huge_value(samples: list[list[Any]]) -> None:
    samples[-1][1] = int("9" * 310)


def no_value(samples: list[list[Any]]) -> None:
    samples[-1][1] = "many"


def no_pair(samples: list[list[Any]]) -> None:
    samples[-1].pop()


def falling(samples: list[list[Any]]) -> None:
    samples.append([samples[-1][0] - 1, "1"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (huge_time, "is neither vector, matrix nor scalar"), (huge_value, "is inf, which is no count"),
        (no_value, "is neither vector, matrix nor scalar"), (no_pair, "is neither vector, matrix nor scalar"),
        (falling, "came out of order"),
    ],
)  # fmt: skip
async def test_samples_that_are_none_are_no_data_of_their_target_alone(
    site: Site, change: Callable[[list[list[Any]]], None], why: str
) -> None:
    site.pods[0].serve(10)
    site.pods[0].serve(10, ingress="api")
    await site.take_reading()
    site.prometheus.broken[REQUESTS] = mangled(site, "web", change)
    site.pods[0].serve(5)
    site.pods[0].serve(7, ingress="api")
    site.scrape()
    api = WEB._replace(ingress="api")
    readings = await site.source.read([WEB, api])
    _, evidence = advance(site.book, readings[WEB], SIGNALS, MEASURES, timedelta(seconds=10))
    absent = evidence.counts["availability"]
    assert isinstance(absent, NoData)
    assert why in absent.message
    assert evidence.counts["latency"] == Counts(m=5)
    assert ({one.value for one in readings[api].series}, dict(readings[api].failed)) == ({17}, {})


@pytest.mark.parametrize("answer", [[[1, int("9" * 310)]], [[int("9" * 310), "1"]]], ids=["value", "time"])
async def test_a_users_query_that_answers_an_absurd_number_leaves_everybody_else(site: Site, answer: list[Any]) -> None:
    site.pods[0].serve(10)
    site.scrape()
    result = [{"metric": {}, "value": answer[0]}]
    absurd = saying({"status": "success", "data": {"resultType": "vector", "result": result}})

    async def asked(request: web.Request) -> web.StreamResponse:
        mine = (await request.post())["query"] == "max(load)"
        return await (absurd(request) if mine else site.prometheus.evaluate(request))

    site.prometheus.answer = asked
    target = WEB._replace(values=("max(load)",))
    reading = (await site.source.read([target]))[target]
    assert "max(load)" in reading.failed or reading.values["max(load)"] == float("inf")
    assert {one.value for one in reading.series if one.family == REQUESTS} == {10}


async def test_a_fault_that_nobody_foresaw_is_the_query_s_alone_and_logged_once_while_it_lasts(site: Site) -> None:
    class Broken(PrometheusClient):
        """A client with a bug."""

        async def query_by_row(self, expression: str, budget: AnswerBudget | None = None, /, **more: str) -> list[Row]:
            if expression.startswith(BUCKETS):
                raise ZeroDivisionError("a bug")
            return await super().query_by_row(expression, budget, **more)

    client = Broken(site.session, Access(site.url))
    site.source = PrometheusSource(client, site.clock, Dialect(dict(RENAMED)), Sampling(every=10, within=30))
    with capture_logs() as lines:
        await site.take_reading()
        site.pods[0].serve(3)
        availability, latency = await site.counts()
    assert availability == Counts(m=3)
    assert isinstance(latency, NoData)
    assert "Prometheus: the query cannot be answered: ZeroDivisionError: a bug" in latency.message
    assert [type(line["exc_info"]) for line in lines if line["log_level"] == "error"] == [ZeroDivisionError]


async def test_where_no_controller_is_scraped_the_message_says_so(site: Site) -> None:
    assert "Prometheus: no controller was scraped in the last 300 s" in str((await site.read()).error)


async def test_an_ingress_without_series_was_answered_all_the_same(site: Site) -> None:
    site.scrape()
    reading = await site.read()
    assert (reading.error, reading.series, len(reading.instances)) == (None, (), 1)


async def test_scrapes_that_have_stopped_are_stale(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    site.clock.seconds += 70
    site.prometheus.now += 70
    assert "stale: the newest scrape of a controller is 71 s old" in str((await site.read()).error)


@pytest.mark.parametrize(
    ("by", "why"), [(-3600, "stale: the newest scrape of a controller is 3601 s old"), (3600, "lies 3599 s ahead")]
)
async def test_a_clock_that_is_an_hour_off_is_no_data(site: Site, by: float, why: str) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    site.clock.seconds += 10
    site.prometheus.scrape(site.pods[0], BEGIN + site.clock.seconds - 1 + by)
    assert why in str((await site.read()).error)


async def test_an_older_scrape_than_one_read_before_is_out_of_order(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    await site.take_reading()
    site.prometheus.now -= 10
    error = str((await site.read()).error)
    assert "out of order: the newest scrape of ingress-nginx/pod-a is older than one that was read before" in error
    site.pods.append(Pod("pod-b"))
    site.prometheus.scrape(site.pods[1], BEGIN + site.clock.seconds - 11)
    reading = await site.read()
    assert [one.name for one in reading.instances] == ["ingress-nginx/pod-b"]
    assert "do servers with different data share the address?" in str(reading.note)


async def test_a_replica_that_is_late_by_less_than_a_scrape_has_nothing_new(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    site.pods[0].serve(4)
    await site.take_reading()
    # the deduplication now takes the other replica, which scraped 6 s before
    late = {key: [*samples[:-1], (samples[-1][0] - 6, samples[-1][1] - 1)] for key, samples in
            site.prometheus.series[REQUESTS].items()}  # fmt: skip
    site.prometheus.series[REQUESTS] = late
    (scraped,) = site.prometheus.series[SCRAPED].values()
    scraped[-1] = scraped[-1][0] - 6, 1
    site.clock.seconds += 5
    reading = await site.read(WEB._replace(bounds=frozenset()))
    assert (reading.error, reading.note) == (None, None)
    book, evidence = advance(site.book, reading, SIGNALS, MEASURES, timedelta(seconds=10))
    assert evidence.counts["availability"] == Counts()
    site.prometheus.series.clear()
    site.pods[0].serve(3)
    site.scrape()
    _, evidence = advance(book, await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
    assert evidence.counts["availability"] == Counts(m=3)


class Pair:
    """Two servers behind one address that answer in turn; the second scrapes so many seconds before the first."""

    def __init__(self, site: Site, before: float) -> None:
        self.site, self.before = site, before
        self.second, self.turn = SmallPrometheus(), 0
        site.prometheus.answer = self.answer

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.turn += 1
        # the first query of a reading goes to the first, its counts and its buckets to two
        query = str((await request.post())["query"])
        first = query.startswith((SCRAPED, "process_start", REQUESTS, COUNT))
        return await (self.site.prometheus if first else self.second).evaluate(request)

    async def take_reading(self) -> ReadingCounts:
        for pod in self.site.pods:
            self.second.scrape(pod, BEGIN + self.site.clock.seconds + 9 - self.before)
        return await self.site.take_reading()


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (3, "the counts and the buckets of latency come from different scrapes"),
        (7, f"the buckets of 0.5 s are missing from this reading: Prometheus: the samples of {BUCKETS} are of other"),
    ],
)
async def test_of_servers_that_answer_in_turn_the_message_says_that_counts_and_buckets_are_of_two(
    site: Site, before: float, why: str
) -> None:
    pair = Pair(site, before)
    for number in range(4):
        site.pods[0].serve(10, slow=1)
        evidence = await pair.take_reading()
        latency = evidence.counts["latency"]
        assert isinstance(latency, NoData), number
        assert why in latency.message
        assert "servers with different data share the address" in latency.message
    assert evidence.counts["availability"] == Counts(m=10)


async def test_requests_of_another_server_s_scrapes_are_reported_as_such(site: Site) -> None:
    pair = Pair(site, 7)
    site.pods[0].serve(10)
    await pair.take_reading()

    async def turned(request: web.Request) -> web.StreamResponse:
        query = str((await request.post())["query"])
        return await (site.prometheus if query.startswith(SCRAPED) else pair.second).evaluate(request)

    site.prometheus.answer = turned
    absent = (await pair.take_reading()).counts["availability"]
    assert isinstance(absent, NoData)
    assert f"Prometheus: the samples of {REQUESTS} are of other scrapes than the one that was seen" in absent.message


async def test_a_series_that_a_scrape_did_not_have_is_no_other_server_s(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    site.pods[0].lines.clear()
    site.scrape()
    assert (await site.read()).missing is None


async def test_all_queries_of_a_reading_have_one_window(site: Site) -> None:
    site.pods[0].serve(10)
    site.scrape()
    await site.read(OWN._replace(values=()))
    windows = [query.rpartition("[")[2] for query, _, _ in site.prometheus.asked if query.endswith("s]")]
    assert (len(windows), set(windows)) == (7, {"90s]"})


async def test_where_no_scrape_is_fresh_it_is_asked_once_more_how_old_the_last_one_is(site: Site) -> None:
    site.scrape()
    site.clock.seconds += 200
    site.prometheus.now += 200
    assert "stale: the newest scrape of a controller is 201 s old" in str((await site.read()).error)
    assert [query for query, _, _ in site.prometheus.asked] == [f"{SCRAPED}{{}}[90s]", f"{SCRAPED}{{}}[300s]"]


async def test_a_scrape_that_comes_back_after_minutes_goes_on_where_it_was(site: Site) -> None:
    site.pods[0].serve(10)
    await site.take_reading()
    for _ in range(3):
        site.clock.seconds += 10
        site.prometheus.scrape(site.pods[0], BEGIN + site.clock.seconds - 1, job="pods", path="/metrics")
        await site.read()
    assert {one.instance for one in (await site.read()).series} == {"ingress-nginx/pod-a (scrape 2)"}
    site.clock.seconds += 400
    site.prometheus.now += 400
    assert (await site.read()).error is not None
    site.scrape()
    assert {one.instance for one in (await site.read()).series} == {"ingress-nginx/pod-a (scrape 3)"}


@pytest.mark.parametrize("always", [False, True], ids=["replicas can be asked for apart", "replicas are always one"])
async def test_behind_a_deduplication_that_changes_replicas_each_request_counts_once(site: Site, always: bool) -> None:
    site.prometheus.replica, site.prometheus.always = "prometheus_replica", always
    site.source = site.new_source(dialect=Dialect(dict(RENAMED), replicas=("prometheus_replica",)))
    pod, events, served = site.pods[0], 90_000, 0
    pod.serve(9000, slow=300)
    own = SliSet({**MEASURES.counted, "own": Counters('errors{app="a"}', 'events{app="a"}', part_is_good=False)})
    counted = dict.fromkeys(own.counted, Counts())
    for tick in range(8):
        site.clock.seconds += 10
        at = BEGIN + site.clock.seconds
        pod.serve(30, slow=2)
        events += 7
        # b's scrapes carry a later time than a's, and show what was there before
        late = dict(pod.lines), events
        pod.serve(11, slow=1, status="502", canary=CANARY if tick % 5 == 0 else "")
        events += 4
        count(site, "events", events, site.clock.seconds - 3, prometheus_replica="a")
        count(site, "events", late[1], site.clock.seconds - 2, prometheus_replica="b")
        site.prometheus.scrape(pod, at - 3, prometheus_replica="a")
        site.prometheus.scrape(Pod(pod.name, pod.started, late[0]), at - 2, prometheus_replica="b")
        served += 41 if tick else 0
        # two readings of one pair of scrapes: the first sees a's, the second b's
        for site.prometheus.now in (at, at + 5):
            reading = await site.read(WEB._replace(totals=('events{app="a"}',), parts=('errors{app="a"}',)))
            site.book, evidence = advance(site.book, reading, SIGNALS, own, timedelta(seconds=10))
            for name, one in evidence.counts.items():
                assert isinstance(one, Counts), one
                counted[name] = counted[name].plus(one)
            site.clock.seconds += 5
        site.clock.seconds -= 10
    assert [counted[name].n + counted[name].m for name in ("availability", "latency")] == [served, served]
    assert counted["own"].n == 7 * 11


async def test_a_refused_connection_names_address_and_remedy(site: Site, unused_tcp_port: int) -> None:
    site.source = site.new_source(Access(f"http://127.0.0.1:{unused_tcp_port}"))
    error = str((await site.read()).error)
    assert f"connection refused at http://127.0.0.1:{unused_tcp_port}/api/v1/query; check --prometheus-url" in error


# --- access


async def test_a_token_is_read_anew_when_its_file_has_changed(site: Site, tmp_path: Path) -> None:
    token = tmp_path / "token"
    site.source = site.new_source(Access(site.url, {"X-Scope-OrgID": "team-a"}, token_file=token))
    assert f"the credentials in {token} cannot be read" in str((await site.read()).error)
    for value in ("first", "second"):
        token.write_text(f"{value}\n")
        await site.read()
        headers = site.prometheus.asked[-1][2]
        assert (headers["Authorization"], headers["X-Scope-OrgID"]) == (f"Bearer {value}", "team-a")


async def test_basic_authentication_takes_its_password_from_a_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheimß\n")
    site.source = site.new_source(Access(site.url, user="me", password_file=tmp_path / "password"))
    await site.read()
    sent = site.prometheus.asked[-1][2]["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == "me:geheimß"


async def test_what_would_be_half_an_answer_is_asked_for_whole(site: Site) -> None:
    await site.read()
    form = site.prometheus.asked[-1][1]
    assert (form["partial_response"], form["deny_partial_response"], form["timeout"]) == ("false", "1", "30000ms")


async def test_the_settings_make_the_source(site: Site, tmp_path: Path) -> None:
    site.pods[0].serve(10)
    site.scrape()
    settings = load({"prometheus_url": site.url, "prometheus_headers": "X-Scope-OrgID=a", "interval": "5s"}, None)
    source, http = prometheus_of(settings, site.clock)
    async with http:
        assert len((await source.read([WEB]))[WEB].series) == 3
    assert site.prometheus.asked[-1][2]["X-Scope-OrgID"] == "a"
    assert site.prometheus.asked[-1][1]["timeout"] == "4000ms"


@pytest.mark.parametrize(
    "settings",
    [
        *({"interval": f"{seconds}s", "prometheus_timeout": "60s"} for seconds in range(2, 61)),
        *({"interval": odd} for odd in ("2001ms", "2s333ms", "3s1ms", "5s999ms")),
        *({"prometheus_timeout": odd} for odd in ("1500ms", "1s1ms", "2s999ms", "3s")),
    ],
    ids=lambda settings: "-".join(settings.values()),
)
async def test_at_every_interval_a_reading_may_take_a_time_that_prometheus_understands(
    site: Site, settings: dict[str, str]
) -> None:
    site.pods[0].serve(10)
    site.scrape()
    source, http = prometheus_of(load({"prometheus_url": site.url, **settings}, None), site.clock)
    async with http:
        reading = (await source.read([WEB]))[WEB]
    assert (reading.error, len(reading.series)) == (None, 3)


@pytest.mark.parametrize(
    ("seconds", "sent"),
    [(60, "60000ms"), (4.8, "4800ms"), (1.6008, "1601ms"), (0.3, "300ms"), (0.001, "1ms"), (0.0001, "1ms")],
)
def test_a_duration_is_written_in_whole_milliseconds_and_is_never_none(seconds: float, sent: str) -> None:
    assert milliseconds(seconds) == sent
    assert no_duration(sent) is None


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "--source prometheus needs an address: set --prometheus-url"),
        ({"prometheus_url": "http://p", "prometheus_ca_file": "/none/ca.pem"}, "--prometheus-ca-file /none/ca.pem"),
    ],
)
async def test_settings_that_cannot_work_are_refused_at_the_start(
    site: Site, settings: dict[str, str], why: str
) -> None:
    with pytest.raises(SettingsError, match=why):
        prometheus_of(load(dict(settings), None), site.clock)
