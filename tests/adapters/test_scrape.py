"""Controllers' metrics pages over real HTTP become readings."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ingress_canary.adapters.scrape import (
    Address,
    ControllerScrape,
    Exposition,
    Limits,
    pod_addresses,
    static_addresses,
)
from ingress_canary.adapters.scrape.metrics_page import PageReader, Wanted
from ingress_canary.adapters.scrape.sample_line import PageError
from ingress_canary.domain.metrics.counting import CounterBook, advance
from ingress_canary.domain.metrics.kinds.availability import Availability
from ingress_canary.domain.metrics.kinds.latency import Latency
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Side, Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.ports import PodAddress

WEB = Target("shop", "web", "web", "web-canary", frozenset({0.5}))
CANARY = "shop-web-canary-80"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAMILY = "nginx_ingress_controller_"
BOUNDS = ("0.005", "0.5", "1", "+Inf")


class ManualClock:
    """Time that moves on request; the real world lies an hour behind it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def at(self, wall: datetime) -> datetime:
        return wall + timedelta(hours=1)

    def wall(self, instant: datetime) -> datetime:
        return instant - timedelta(hours=1)


def labelled(pod: str, canary: str, status: str, ingress: str, namespace: str = "shop") -> str:
    return (
        f'canary="{canary}",controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",'
        f'controller_pod="{pod}",host="shop.example.com",ingress="{ingress}",method="GET",'
        f'namespace="{namespace}",path="/",service="{ingress}",status="{status}"'
    )


class Controller:
    """One controller process: what it has counted, and how it answers."""

    def __init__(self, pod: str = "pod-a", started: datetime = BEGIN - timedelta(days=1)) -> None:
        self.pod = pod
        self.started = started
        self.counted: dict[str, list[int]] = {}
        self.extra = ""
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.metrics

    def serve(self, requests: int, slow: int = 0, status: str = "200", canary: str = "", ingress: str = "web") -> None:
        counted = self.counted.setdefault(labelled(self.pod, canary, status, ingress), [0, 0])
        counted[0] += requests
        counted[1] += slow

    def restart(self, started: datetime) -> None:
        self.counted.clear()
        self.started = started

    def page(self) -> str:
        own = f'controller_namespace="ingress-nginx",controller_pod="{self.pod}"'
        lines = ["# HELP go_goroutines Number of goroutines.", "go_goroutines 90", f"{FAMILY}build_info{{{own}}} 1"]
        for labels, (requests, slow) in self.counted.items():
            for bound in BOUNDS:
                fast = requests if float(bound) > 0.5 else requests - slow
                lines.append(f'{FAMILY}request_duration_seconds_bucket{{{labels},le="{bound}"}} {fast}')
            lines.append(f"{FAMILY}request_duration_seconds_sum{{{labels}}} 1.5e-01")
            lines.append(f"{FAMILY}request_duration_seconds_count{{{labels}}} {requests}")
        lines += [f"{FAMILY}requests{{{labels}}} {requests}" for labels, (requests, _) in self.counted.items()]
        real_start = (self.started - timedelta(hours=1)).timestamp()
        lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {real_start!r}"]
        return "\n".join(lines) + "\n" + self.extra

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self.page())


class Site:
    """The controllers' pages under one server, and the source that reads them."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.controllers: list[Controller] = []
        self.clock = ManualClock()
        self.base = ""
        self.session = session
        self.extra_addresses: list[Address] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return await self.controllers[int(request.match_info["number"])].answer(request)

    def addresses(self) -> list[Address]:
        pages = [Address(one.pod, f"{self.base}/{number}/metrics") for number, one in enumerate(self.controllers)]
        return pages + self.extra_addresses

    def source(self, limits: Limits | None = None, if_none: str = "no pod") -> ControllerScrape:
        return ControllerScrape(self.session, self.clock, self.addresses, if_none=if_none, limits=limits)

    async def read(self, target: Target = WEB, limits: Limits | None = None) -> Reading:
        self.clock.seconds += 10
        return (await self.source(limits).read([target]))[target]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        site = Site(await stack.enter_async_context(aiohttp.ClientSession()))
        app = web.Application()
        app.router.add_get("/{number}/metrics", site.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        site.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield site


def values(reading: Reading) -> dict[tuple[str, str, str], float]:
    """Return instance, family's tail and status -> value."""
    assert reading.error is None
    return {
        (one.instance.removeprefix("ingress-nginx/"), one.family.removeprefix(FAMILY), one.labels["status"]): one.value
        for one in reading.series
    }


async def test_only_the_wanted_series_of_a_page_are_kept(site: Site) -> None:
    site.controllers = [Controller()]
    site.controllers[0].serve(10, slow=3)
    site.controllers[0].serve(99, ingress="web2")
    site.controllers[0].extra = f"{FAMILY}requests{{{labelled('pod-a', '', '200', 'web', namespace='other')}}} 7\n"
    reading = await site.read()
    duration = "request_duration_seconds"
    assert values(reading) == {
        ("pod-a", "requests", "200"): 10,
        ("pod-a", f"{duration}_bucket", "200"): 7,
        ("pod-a", f"{duration}_count", "200"): 10,
    }
    assert len(reading.series) == 3
    assert {one.labels["le"] for one in reading.series if one.family.endswith("bucket")} == {"0.5"}
    assert reading.bounds == {0.005, 0.5, 1.0, float("inf")}
    assert reading.note is None


async def test_all_buckets_are_kept_of_the_ingress_that_needs_them_and_of_no_other(site: Site) -> None:
    site.controllers = [Controller()]
    for ingress in ("web", "shop"):
        site.controllers[0].serve(10, slow=3, ingress=ingress)
    every, one = WEB._replace(bounds=frozenset(), every_bound=True), WEB._replace(ingress="shop")
    readings = await site.source().read([every, one])

    def bounds(reading: Reading) -> dict[str, float]:
        return {series.labels["le"]: series.value for series in reading.series if series.family.endswith("bucket")}

    assert bounds(readings[every]) == {"0.005": 7, "0.5": 7, "1": 10, "+Inf": 10}
    assert bounds(readings[one]) == {"0.5": 7}


async def test_times_are_the_daemons_own(site: Site) -> None:
    site.controllers = [Controller(started=BEGIN - timedelta(hours=5))]
    site.controllers[0].serve(1)
    reading = await site.read()
    assert {one.at for one in reading.series} == {reading.at} == {BEGIN + timedelta(seconds=10)}
    assert [(one.name, one.started) for one in reading.instances] == [
        ("ingress-nginx/pod-a", BEGIN - timedelta(hours=5))
    ]


async def test_one_fetch_of_each_page_serves_all_targets(site: Site) -> None:
    fetched: list[str] = []
    site.controllers = [Controller("pod-a"), Controller("pod-b")]

    def counted(controller: Controller) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            fetched.append(controller.pod)
            return await controller.metrics(request)

        return answer

    for controller in site.controllers:
        controller.serve(5)
        controller.serve(6, ingress="api")
        controller.answer = counted(controller)
    api = Target("shop", "api", "api")
    readings = await site.source().read([WEB, api])
    assert sorted(fetched) == ["pod-a", "pod-b"]
    assert {one.value for one in readings[WEB].series if one.family == f"{FAMILY}requests"} == {5}
    assert {one.value for one in readings[api].series} == {6}
    assert not [one for one in readings[api].series if one.family.endswith("bucket")]


async def test_namespace_and_name_are_wanted_together(site: Site) -> None:
    site.controllers = [Controller()]
    site.controllers[0].serve(5, ingress="api")
    other = Target("other", "api", "api")
    readings = await site.source().read([WEB, other])
    assert (readings[WEB].series, readings[other].series) == ((), ())


@pytest.mark.parametrize("value", ["NaN", "+Inf", "1e300"])
async def test_a_start_that_is_no_time_is_unknown(site: Site, value: str) -> None:
    site.controllers = [Controller()]
    text = site.controllers[0].page().partition("\nprocess_start_time_seconds ")[0]
    site.controllers[0].answer = answering(text=f"{text}\nprocess_start_time_seconds {value}\n")
    assert [one.started for one in (await site.read()).instances] == [None]


async def test_a_page_without_the_ingress_was_read_all_the_same(site: Site) -> None:
    site.controllers = [Controller()]
    reading = await site.read()
    assert (reading.error, reading.series, len(reading.instances)) == (None, (), 1)


SIGNALS = Signals(
    ingress="shop/web",
    requests=f"{FAMILY}requests",
    latency_bucket=f"{FAMILY}request_duration_seconds_bucket",
    latency_count=f"{FAMILY}request_duration_seconds_count",
    side=lambda labels: {CANARY: Side.CANARY, "": Side.STABLE}.get(labels["canary"]),
)
MEASURES = SliSet({"availability": Availability(("5..",)), "latency": Latency(0.5)})


async def test_pages_become_evidence_through_resets_new_pods_and_vanished_ones(site: Site) -> None:
    book, counts = CounterBook(), []

    async def take_reading() -> None:
        nonlocal book
        book, evidence = advance(book, await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
        counts.append(tuple(evidence.counts.values()))

    first, second = Controller("pod-a"), Controller("pod-b", started=BEGIN + timedelta(seconds=35))
    site.controllers = [first]
    first.serve(1000, slow=9)
    await take_reading()  # a starting point
    first.serve(20, slow=2)
    first.serve(4, slow=1, status="502", canary=CANARY)
    await take_reading()
    first.restart(BEGIN + timedelta(seconds=25))
    first.serve(7, slow=1)
    await take_reading()  # a reset
    site.controllers = [first, second]
    second.serve(3, slow=3, canary=CANARY)
    await take_reading()  # a new pod
    site.controllers = [second]
    second.serve(1)
    await take_reading()  # the first one vanished
    assert counts == [
        (Counts(), Counts()),
        (Counts(n=4, e=4, m=20), Counts(n=4, e=1, m=20, f=2)),
        (Counts(m=7), Counts(m=7, f=1)),
        (Counts(n=3), Counts(n=3, e=3)),
        (Counts(m=1), Counts(m=1)),
    ]


async def hang(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(f"{FAMILY}build_info 1\n".encode())
    await asyncio.sleep(60)
    return response


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(f"{FAMILY}build_info 1\n".encode())
    assert request.transport is not None
    request.transport.close()
    return response


def answering(**options: object) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(**options)  # type: ignore[arg-type]

    return answer


WANTED_LINE = f"{FAMILY}requests{{{labelled('pod-b', '', '200', 'web')}}}"
BAD_ANSWERS: dict[str, tuple[Callable[[web.Request], Awaitable[web.StreamResponse]], str]] = {
    "503": (answering(status=503, text="unavailable"), "answered 503"),
    "a redirect to a login page": (answering(status=302, headers={"Location": "/login"}), "answered 302"),
    "HTML": (answering(text="<html>\n", content_type="text/html"), "an HTML page came"),
    "HTML that says it is text": (answering(text="<html>\n</html>\n"), "no nginx_ingress_controller_* metrics"),
    "nothing": (answering(text=""), "no nginx_ingress_controller_* metrics"),
    "metrics are off": (answering(text="go_goroutines 9\n"), "start the controller with --enable-metrics"),
    "truncated": (answering(text=f"{FAMILY}build_info 1\n{WANTED_LINE} 1"), "broke off in the midst of a line"),
    "an unparsable wanted line": (answering(text=f"{WANTED_LINE} many\n"), "not a line of the Prometheus text format"),
    "a wanted line without value": (answering(text=f"{WANTED_LINE}\n"), "not a line of the Prometheus text format"),
    "no UTF-8": (answering(body=WANTED_LINE.encode() + b"\xff 1\n"), "not a line of the Prometheus text format"),
    "a bucket without bound": (
        answering(text=WANTED_LINE.replace("requests", "request_duration_seconds_bucket") + " 1\n"),
        "a bucket of shop/web has no bound",
    ),
    "one endless line": (answering(text=FAMILY * 50_000), "longer than 1 MiB"),
    "a huge page": (answering(text=f"{FAMILY}build_info 1\n" * 100_000), "longer than 2 MiB"),
    "hanging": (hang, "no whole page within 2 s"),
    "broken off": (break_off, "the page broke off"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_page_that_cannot_be_used_leaves_the_other_pods_usable(site: Site, name: str) -> None:
    answer, why = BAD_ANSWERS[name]
    good, bad = Controller("pod-a"), Controller("pod-b")
    good.serve(5)
    bad.answer = answer
    site.controllers = [good, bad]
    reading = await site.read(limits=Limits(seconds=2, max_bytes=2 * 1024 * 1024))
    assert [one.name for one in reading.instances] == ["ingress-nginx/pod-a"]
    assert values(reading)["pod-a", "requests", "200"] == 5
    assert reading.note is not None
    assert reading.note.startswith("1 of 2 controllers gave no metrics: pod-b: ")
    assert why in reading.note


def stamped(millis: str, ingress: str = "web", value: str = "1") -> str:
    return f"{FAMILY}requests{{{labelled('pod-a', '', '500', ingress)}}} {value} {millis}\n"


AHEAD = round((BEGIN + timedelta(days=700)).timestamp() * 1000)
TIMES = {
    "400 digits": "9" * 400, "5,000 digits": "9" * 5000, "400 digits below 0": "-" + "9" * 400,
    "an age of the universe": "9" * 18, "two years ahead": str(AHEAD),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
async def test_a_time_that_is_none_is_no_data_of_its_target_alone(site: Site, name: str) -> None:
    site.controllers = [Controller()]
    site.controllers[0].serve(5)
    site.controllers[0].serve(6, ingress="api")
    site.controllers[0].extra = stamped(TIMES[name])
    api = Target("shop", "api", "api")
    readings = await site.source().read([WEB, api])
    why = "pod-a: nginx_ingress_controller_requests has a timestamp that is no time, or lies ahead of the clock"
    assert f"no controller gave metrics: ingress-nginx/{why}" in str(readings[WEB].error)
    assert ({one.value for one in readings[api].series}, readings[api].error, readings[api].note) == ({6}, None, None)


async def test_a_page_whose_series_of_a_target_cannot_be_used_is_missing_for_this_target(site: Site) -> None:
    site.controllers = [Controller("pod-a"), Controller("pod-b")]
    for controller in site.controllers:
        controller.serve(5)
        controller.serve(6, ingress="api")
    site.controllers[0].extra = stamped("9" * 400)
    api = Target("shop", "api", "api")
    readings = await site.source().read([WEB, api])
    assert [one.name for one in readings[WEB].instances] == ["ingress-nginx/pod-b"]
    assert str(readings[WEB].missing).startswith("1 of 2 controllers gave no metrics: ingress-nginx/pod-a: ")
    assert [one.name for one in readings[api].instances] == ["ingress-nginx/pod-a", "ingress-nginx/pod-b"]


async def test_a_fault_that_nobody_foresaw_is_the_page_s_alone_and_logged_once_while_it_lasts(site: Site) -> None:
    site.controllers = [Controller("pod-a"), Controller("pod-b")]
    site.controllers[0].serve(5)
    pages = site.addresses

    class Broken(Address):
        """An address that turns out to be none when it is asked."""

        @property
        def url(self) -> str:  # type: ignore[override]
            raise ZeroDivisionError("no such place")

    source = ControllerScrape(
        site.session, site.clock, lambda: [pages()[0], Broken("pod-z", "")] if site.extra_addresses else pages(),
        if_none="no pod",
    )  # fmt: skip
    site.extra_addresses = [Address("-", "http://127.0.0.1:9/")]
    with capture_logs() as lines:
        for _ in range(3):
            reading = (await source.read([WEB]))[WEB]
            assert "pod-z: the page cannot be read: ZeroDivisionError: no such place" in str(reading.note)
            assert [one.name for one in reading.instances] == ["ingress-nginx/pod-a"]
        site.extra_addresses = []
        assert (await source.read([WEB]))[WEB].note is None
        site.extra_addresses = [Address("-", "http://127.0.0.1:9/")]
        await source.read([WEB])
    failed = [line for line in lines if line["log_level"] == "error"]
    assert [(line["where"], type(line["exc_info"])) for line in failed] == [("pod-z", ZeroDivisionError)] * 2


async def test_without_the_controller_that_counted_the_message_says_which_one_is_missing(site: Site) -> None:
    first, second = Controller("pod-a"), Controller("pod-b")
    site.controllers = [first, second]
    first.serve(4000)
    book, _ = advance(CounterBook(), await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
    first.answer = answering(status=503)
    _, evidence = advance(book, await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
    for absent in evidence.counts.values():
        assert isinstance(absent, NoData)
        assert "1 of 2 controllers gave no metrics: pod-a: answered 503" in absent.message
        assert "no request was seen" not in absent.message
    site.controllers = [second]
    _, evidence = advance(book, await site.read(), SIGNALS, MEASURES, timedelta(seconds=10))
    absent = evidence.counts["availability"]
    assert isinstance(absent, NoData)
    assert "any more: ingress-nginx/pod-a, which counted its requests before, is not among" in absent.message


async def test_when_no_pod_answers_the_reading_says_why(site: Site) -> None:
    site.controllers = [Controller(f"pod-{number}") for number in range(5)]
    for controller in site.controllers:
        controller.answer = answering(status=503)
    reading = await site.read()
    assert reading.error is not None
    assert reading.error.startswith("no controller gave metrics: pod-0: answered 503")
    assert reading.error.endswith("; and 2 more")
    assert (reading.instances, reading.series) == ((), ())


async def test_a_refused_connection_names_address_and_remedy(site: Site, unused_tcp_port: int) -> None:
    site.extra_addresses = [Address("pod-z", f"http://127.0.0.1:{unused_tcp_port}/metrics")]
    reading = await site.read()
    assert f"pod-z: connection refused at http://127.0.0.1:{unused_tcp_port}/metrics; check" in str(reading.error)


async def test_an_address_that_is_no_url_is_an_error_not_a_crash(site: Site) -> None:
    site.extra_addresses = [*static_addresses(["controller:10254", "http://"])]
    assert (await site.read()).error is not None


async def test_without_any_address_the_reading_says_what_to_set(site: Site) -> None:
    readings = await site.source(if_none="no ready pod matches x: set --scrape-selector").read([WEB])
    assert readings[WEB].error == "no ready pod matches x: set --scrape-selector"


async def test_compressed_pages_are_read(site: Site) -> None:
    site.controllers = [Controller()]
    site.controllers[0].serve(5)
    packed = gzip.compress(site.controllers[0].page().encode())
    accepted: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        accepted.append(request.headers.get("Accept-Encoding", ""))
        return web.Response(body=packed, content_type="text/plain", headers={"Content-Encoding": "gzip"})

    site.controllers[0].answer = answer
    assert values(await site.read())["pod-a", "requests", "200"] == 5
    assert "gzip" in accepted[0]


async def test_one_process_at_two_addresses_is_read_once(site: Site) -> None:
    controller = Controller()
    controller.serve(5)
    site.controllers = [controller, controller]
    reading = await site.read()
    assert (len(reading.instances), len(reading.series)) == (1, 3)


@pytest.mark.parametrize(
    ("lines", "orphaned"),
    [
        ([], None),
        (['namespace="shop",ingress="web",type="no-endpoint"} 1'], None),
        (['namespace="other",ingress="web-canary",type="no-endpoint"} 1'], None),
        (['namespace="shop",ingress="web-canary",type="no-endpoint"} 0'], ()),
        (
            [
                'ingress="web-canary",namespace="shop",type="no-service"} 1',
                'ingress="web-canary",namespace="shop",type="no-endpoint"} 0',
            ],
            ("no-service",),
        ),
        (['namespace="shop",ingress="web-canary"} 1'], ("unknown",)),
    ],
)
async def test_the_orphan_metric_speaks_of_the_shadow(
    site: Site, lines: list[str], orphaned: tuple[str, ...] | None
) -> None:
    site.controllers = [Controller("pod-a"), Controller("pod-b")]
    site.controllers[1].extra = "".join(f"{FAMILY}orphan_ingress{{{line}\n" for line in lines)
    assert (await site.read()).orphaned == orphaned


def parsed(text: str, target: Target = WEB) -> list[tuple[dict[str, str], float, int | None]]:
    reader = PageReader(Wanted([target], Exposition()), 2**20)
    reader.feed(text.encode())
    lines = [line for kept in reader.close().lines.values() for line in kept]
    return [(dict(line.labels), line.value, line.millis) for line in lines]


WHOSE = 'namespace="shop",ingress="web"'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f'{{{WHOSE},path="/a\\"b\\\\n\\nc"}} 1', ('/a"b\\n\nc', 1.0, None)),
        (f'{{path="/x,ingress=",{WHOSE}}} 1', ("/x,ingress=", 1.0, None)),
        (f'{{path="}} 5 # ",{WHOSE},}} 1', ("} 5 # ", 1.0, None)),
        (f'{{{WHOSE},path="/"}} 1.5e+03 1700000000123', ("/", 1500.0, 1700000000123)),
        (f'{{{WHOSE},path="/"}}\t7  # {{trace_id="abc"}} 0.2 1.5', ("/", 7.0, None)),
        (f'{{{WHOSE},path="/"}} +Inf', ("/", float("inf"), None)),
    ],
    ids=["escapes", "another label's marker", "braces", "timestamp", "exemplar", "infinite"],
)
def test_the_text_format_is_read_as_it_is_defined(line: str, expected: tuple[str, float, int | None]) -> None:
    ((labels, value, millis),) = parsed(f"{FAMILY}requests{line}\n")
    assert (labels["path"], value, millis) == expected
    assert (labels["namespace"], labels["ingress"]) == ("shop", "web")


async def test_a_samples_own_timestamp_is_used(site: Site) -> None:
    site.controllers = [Controller()]
    real = BEGIN - timedelta(hours=1, seconds=30)
    site.controllers[0].extra = f"{FAMILY}requests{{{WHOSE}}} 1 {round(real.timestamp() * 1000)}\n"
    assert [one.at for one in (await site.read()).series] == [BEGIN - timedelta(seconds=30)]


def busy() -> Controller:
    controller = Controller()
    for ingress in ("web", "web2", "api"):
        for status in ("200", "308", "502"):
            controller.serve(10, slow=1, status=status, ingress=ingress)
            controller.serve(3, status=status, canary=CANARY, ingress=ingress)
    controller.extra = f'{FAMILY}orphan_ingress{{namespace="shop",ingress="web-canary"}} 1\n'
    return controller


PAGE = busy().page().encode()


def test_what_is_known_of_a_series_goes_once_nobody_wants_its_ingress() -> None:
    api = Target("shop", "api", "api")
    each = (WHOSE, 'namespace="shop",ingress="api"')
    page = "".join(f'{FAMILY}requests{{{whose},path="/"}} 1\n' for whose in each).encode()
    known, wanted = [], None
    for targets in ([WEB, api], [WEB, api], [WEB], [WEB]):
        wanted = Wanted(targets, Exposition(), wanted)
        PageReader(wanted, 2**20).feed(page)
        known.append(len(wanted.known))
    assert known == [2, 2, 1, 1]


@given(st.lists(st.integers(0, len(PAGE)), max_size=40))
def test_where_chunks_end_makes_no_difference(cuts: Sequence[int]) -> None:
    whole, split = (PageReader(Wanted([WEB], Exposition()), 2**20) for _ in range(2))
    whole.feed(PAGE)
    edges = [0, *sorted(cuts), len(PAGE)]
    for begin, end in pairwise(edges):
        split.feed(PAGE[begin:end])
    assert split.close() == whole.close()


@given(st.integers(0, len(PAGE) - 1))
def test_a_page_cut_inside_a_line_is_refused(length: int) -> None:
    reader = PageReader(Wanted([WEB], Exposition()), 2**20)
    reader.feed(PAGE[:length])
    if PAGE[:length].endswith(b"\n") and FAMILY.encode() in PAGE[:length]:
        assert reader.close().instance == "ingress-nginx/pod-a"  # HTTP's own framing tells such a cut
    else:
        with pytest.raises(PageError):
            reader.close()


@pytest.mark.parametrize(
    ("pod", "port", "url"),
    [
        (PodAddress("a", "10.0.0.1", {"metrics": 9999}), "metrics", "http://10.0.0.1:9999/metrics"),
        (PodAddress("a", "10.0.0.1", {"http": 80}), "metrics", "http://10.0.0.1:10254/metrics"),
        (PodAddress("a", "fd00::1", {"metrics": 9999}), "10255", "http://[fd00::1]:10255/metrics"),
    ],
)
def test_a_pods_page_is_at_its_metrics_port(pod: PodAddress, port: str, url: str) -> None:
    assert pod_addresses([pod], port) == (Address("a", url),)
