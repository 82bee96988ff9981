"""Metrics of a controller pod: its counters, and its /metrics page in the exposition format of Go's client.

A series appears with its first request; it describes the primary whatever the side, and ``canary`` names the
canary's upstream. Used by ``pod.py`` and fed by ``proxy.py``.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from ingress_canary.lab.dataplane.objects import CONTROLLER

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds: the defaults of Prometheus's client."""

NAMESPACE = "ingress-nginx"
"""Where the controller's pods live."""

_PREFIX = "nginx_ingress_controller_"
_REQUESTS = f"{_PREFIX}requests"
_DURATION = f"{_PREFIX}request_duration_seconds"
_UPSTREAM = f"{_PREFIX}response_duration_seconds"


class MetricsFault(StrEnum):
    """Ways in which a metrics page can be of no use."""

    ERROR = "error"
    """Answers 503."""
    HTML = "html"
    """Answers 200 with a page for people."""
    HANG = "hang"
    """Takes the request and never answers."""
    REFUSE = "refuse"
    """Nobody listens."""
    SLOW = "slow"
    """Answers after a second."""
    CUT = "cut"
    """The connection breaks in the middle of the page."""


class CountedRequest(NamedTuple):
    """The labels of one request, in the order of the exposition."""

    canary: str
    host: str
    ingress: str
    method: str
    namespace: str
    path: str
    service: str
    status: str


class _Histogram:
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def lines(self, family: str, labels: str) -> Iterator[str]:
        count = 0
        for bound, here in zip((*BUCKETS, math.inf), self.buckets, strict=True):
            count += here
            yield f'{family}_bucket{{{labels},le="{go_float(bound)}"}} {go_float(count)}'
        yield f"{family}_sum{{{labels}}} {go_float(self.total)}"
        yield f"{family}_count{{{labels}}} {go_float(count)}"


class ControllerMetrics:
    """The counters of one controller process."""

    def __init__(self, pod: str, started: float) -> None:
        self._pod = pod
        self._started = started
        self._requests: dict[CountedRequest, _Histogram] = {}
        self._upstream: dict[CountedRequest, _Histogram] = {}
        self._orphans: dict[tuple[str, str, str], int] = {}
        self._reloads = 0
        self._failed = 0

    def count(self, request: CountedRequest, seconds: float, upstream_seconds: float | None) -> None:
        """Count a request that took so long, of which ``upstream_seconds`` were a backend's, None without one."""
        self._requests.setdefault(request, _Histogram()).observe(seconds)
        if upstream_seconds is not None:
            self._upstream.setdefault(request, _Histogram()).observe(upstream_seconds)

    def reloaded(self, orphans: Mapping[tuple[str, str, str], int], gone: Iterable[tuple[str, str]]) -> None:
        """Note a new configuration: who is an orphan, and whose series (namespace and Ingress) are dropped."""
        self._reloads += 1
        self._orphans |= orphans
        removed = set(gone)
        for family in (self._requests, self._upstream):
            for request in [request for request in family if (request.namespace, request.ingress) in removed]:
                del family[request]

    def crashed(self) -> None:
        """Note a configuration that could not be made."""
        self._failed += 1

    def page(self) -> str:
        """Return the exposition."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        own = self._labels()
        yield from _family("go_goroutines", "gauge", "Number of goroutines that currently exist.", ["go_goroutines 97"])
        for name, kind, value in (
            ("config_last_reload_successful", "gauge", int(not self._failed)),
            ("errors", "counter", self._failed),
            ("success", "counter", self._reloads),
        ):
            yield from _family(f"{_PREFIX}{name}", kind, "Of the controller.", [f"{_PREFIX}{name}{{{own}}} {value}"])
        yield from _family(
            f"{_PREFIX}nginx_process_connections",
            "gauge",
            "current number of client connections with state {active, reading, writing, waiting}",
            [f'{_PREFIX}nginx_process_connections{{{own},state="{state}"}} 1' for state in ("active", "waiting")],
        )
        orphans = (
            f"{_PREFIX}orphan_ingress{{{own},ingress={_quoted(ingress)},namespace={_quoted(namespace)},"
            f"type={_quoted(kind)}}} {value}"
            for (namespace, ingress, kind), value in self._orphans.items()
        )
        yield from _family(f"{_PREFIX}orphan_ingress", "gauge", "1 indicates orphaned ingress.", orphans)
        counts = (
            f"{_REQUESTS}{{{self._labels(request)}}} {go_float(sum(seen.buckets))}"
            for request, seen in self._requests.items()
        )
        yield from _family(_REQUESTS, "counter", "The total number of client requests", counts)
        for name, histograms, help_ in (
            (_DURATION, self._requests, "The request processing time in milliseconds"),
            (_UPSTREAM, self._upstream, "The time spent on receiving the response from the upstream server"),
        ):
            lines = (line for request, seen in histograms.items() for line in seen.lines(name, self._labels(request)))
            yield from _family(name, "histogram", help_, lines)
        started = [f"process_start_time_seconds {go_float(self._started)}"]
        yield from _family(
            "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", started
        )

    def _labels(self, request: CountedRequest | None = None) -> str:
        own = {"controller_class": CONTROLLER, "controller_namespace": NAMESPACE, "controller_pod": self._pod}
        labels = own | (request._asdict() if request else {})
        return ",".join(f"{name}={_quoted(labels[name])}" for name in sorted(labels))


def _family(name: str, kind: str, help_: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a family with its header, nothing at all while it has no series."""
    samples = list(lines)
    if samples:
        yield f"# HELP {name} {help_}"
        yield f"# TYPE {name} {kind}"
        yield from samples


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'"{escaped}"'


def go_float(value: float) -> str:
    """Return a number as Go's client prints it: shortest form, exponents from a million up, ``+Inf``."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted()
    if not number or -5 < exponent < 6:
        return f"{number:f}"
    return f"{number.scaleb(-exponent).normalize():f}e{exponent:+03d}"
