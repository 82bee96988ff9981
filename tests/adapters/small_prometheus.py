"""A Prometheus of a few lines over real HTTP: scrapes on request, and answers the selectors that the source writes."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

FAMILY = "nginx_ingress_controller_"
SCRAPED = f"{FAMILY}config_last_reload_successful"
REQUESTS = f"{FAMILY}requests"
BUCKETS = f"{FAMILY}request_duration_seconds_bucket"
COUNT = f"{FAMILY}request_duration_seconds_count"
ORPHAN = f"{FAMILY}orphan_ingress"
STARTED = "process_start_time_seconds"
SELECTOR = re.compile(r"(\w+)\{(.*?)\}(?:\[(\d+)s\])?")
DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
"""What Prometheus 2.42 and 3 take as a duration, besides a number of seconds (model.ParseDuration)."""
MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')

Row = tuple[dict[str, str], list[tuple[float, float]]]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Pod:
    """A controller process as its page shows it."""

    name: str = "pod-a"
    started: float = 0.0
    lines: dict[str, float] = field(default_factory=dict)
    """Family and labels, as on the page, -> value."""

    def serve(
        self, requests: int, *, slow: int = 0, status: str = "200", canary: str = "", ingress: str = "web",
        namespace: str = "shop", bounds: Iterable[str] = ("0.25", "0.5"), service: str = "web",
    ) -> None:  # fmt: skip
        labels = f'namespace="{namespace}",ingress="{ingress}",service="{service}",canary="{canary}",status="{status}"'
        for line, by in (
            (f"{REQUESTS}{{{labels}}}", requests),
            (f"{COUNT}{{{labels}}}", requests),
            *((f'{BUCKETS}{{{labels},le="{bound}"}}', requests - slow) for bound in bounds),
        ):
            self.lines[line] = self.lines.get(line, 0) + by


class SmallPrometheus:
    """Its samples, and what it was asked."""

    def __init__(self) -> None:
        self.series: dict[str, dict[frozenset[tuple[str, str]], list[tuple[float, float]]]] = {}
        self.asked: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = []
        self.now = 0.0
        self.answer: Answer = self.evaluate
        self.broken: dict[str, Answer] = {}
        """By family: how a query for it is answered instead."""
        self.broken_long: dict[str, Answer] = {}
        """The same of queries that look back for more than ten minutes."""
        self.numbers: dict[str, list[float]] = {}
        """By query: the values of the vector that it answers."""
        self.replica = ""
        """The label by which replicas differ that are made one, as Thanos does; empty for none."""
        self.always = False
        """Whether they are made one even when they are asked for apart, as promxy does."""

    def scrape(self, pod: Pod, at: float, job: str = "ingress-nginx", **labels: str) -> None:
        """Take samples of a page, labelled as a ServiceMonitor without honorLabels does."""
        self.now = at
        scrape = {"job": job, "instance": f"{pod.name}:10254", "namespace": "ingress-nginx", **labels}
        own = {"controller_pod": pod.name, "controller_namespace": "ingress-nginx"}
        self.add(SCRAPED, scrape | own, at, 1)
        self.add(STARTED, scrape, at, pod.started)
        for line, value in pod.lines.items():
            family, _, inner = line.partition("{")
            matched = {f"exported_{n}" if n in ("namespace", "service") else n: v for n, _, v in MATCHER.findall(inner)}
            self.add(family, scrape | own | matched, at, value)

    def add(self, family: str, labels: Mapping[str, str], at: float, value: float) -> None:
        key = frozenset((name, text) for name, text in labels.items() if text)
        self.series.setdefault(family, {}).setdefault(key, []).append((at, value))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        self.asked.append((str(form["query"]), dict(form), request.headers))
        if refused := no_duration(str(form.get("timeout", "0"))):
            return web.json_response(refused, status=400)
        query = str(form["query"])
        seconds = int(query.rpartition("[")[2].removesuffix("s]")) if query.endswith("s]") else 0
        for family, answer in (self.broken | (self.broken_long if seconds > 600 else {})).items():
            if query.startswith(f"{family}{{"):
                return await answer(request)
        return await self.answer(request)

    async def evaluate(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        query = str(form["query"])
        if query in self.numbers:
            rows = [({"pod": str(n)}, [(self.now, value)]) for n, value in enumerate(self.numbers[query])]
            return web.json_response(self.document(rows, "vector"))
        found = SELECTOR.search(query)
        assert found is not None, query
        family, inner, seconds = found[1], found[2], found[3]
        matchers = MATCHER.findall(inner)
        rows: list[Row] = []
        for key, samples in self.series.get(family, {}).items():
            labels = dict(key)
            if not all(re.fullmatch(text, labels.get(n, "")) for n, _, text in matchers):
                continue
            now = float(str(form.get("time", self.now)))
            recent = [one for one in samples if now - float(seconds or 300) < one[0] <= now]
            if recent:
                rows.append((labels | {"__name__": family}, recent))
        if self.replica and (self.always or form.get("dedup") != "false"):
            rows = self._made_one(rows, int(seconds or 300))
        return web.json_response(self.document(rows, "matrix" if seconds else "vector"))

    def _made_one(self, rows: list[Row], seconds: int) -> list[Row]:
        """Return the rows of one replica each, without its label: which one depends on the instant and the window."""
        found: dict[frozenset[tuple[str, str]], list[list[tuple[float, float]]]] = {}
        for labels, samples in sorted(rows, key=lambda row: row[0].get(self.replica, "")):
            found.setdefault(frozenset((n, v) for n, v in labels.items() if n != self.replica), []).append(samples)
        turn = int(self.now) // 5 + seconds // 30 + 1
        return [(dict(labels), replicas[turn % len(replicas)]) for labels, replicas in found.items()]

    @staticmethod
    def document(rows: Iterable[tuple[Mapping[str, str], list[tuple[float, float]]]], kind: str) -> dict[str, Any]:
        result = [
            {"metric": labels, "values": [[at, text(value)] for at, value in samples]}
            if kind == "matrix"
            else {"metric": labels, "value": [samples[-1][0], text(samples[-1][1])]}
            for labels, samples in rows
        ]
        return {"status": "success", "data": {"resultType": kind, "result": result}}


def no_duration(timeout: str) -> dict[str, str] | None:
    """Return what Prometheus answers to a timeout that it does not take; None when it takes it."""
    try:
        float(timeout)
    except ValueError:
        if timeout and DURATION.fullmatch(timeout):
            return None
        error = f'invalid parameter "timeout": cannot parse "{timeout}" to a valid duration'
        return {"status": "error", "errorType": "bad_data", "error": error}
    return None


def text(value: float) -> str:
    """Return a number as Prometheus writes it."""
    return {"inf": "+Inf", "nan": "NaN"}.get(str(value), str(value))
