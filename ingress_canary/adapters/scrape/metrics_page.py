"""Metrics page in the Prometheus text format, parsed while it streams in.

A big controller's page has hundreds of thousands of lines, of which a tick needs a few thousand: lines are
distinguished as bytes, and only what is kept is parsed. Used by ``scrape/source.py``. The format is described at
https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ingress_canary.adapters.scrape.sample_line import PageError, SampleLine, excerpt, parse_line
from ingress_canary.domain.metrics.samples import SeriesIdentity, Target
from ingress_canary.domain.traffic.router.nginx.metric_families import (
    DURATION_BUCKET,
    DURATION_COUNT,
    ORPHAN,
    PREFIX,
    REQUESTS,
)

MAX_LINE = 1024 * 1024
UNKNOWN_TYPE = "unknown"
"""What a shadow lacks of which the controllers do not say it."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """The names in a controller's page. The defaults are ingress-nginx's (internal/ingress/metric, v1.15)."""

    requests: str = REQUESTS
    durations: str = DURATION_COUNT
    """Requests whose time was taken: what the buckets are parts of."""
    buckets: str = DURATION_BUCKET
    """The family of which only the wanted bounds are kept."""
    orphan: str = ORPHAN
    """1 for an Ingress, by its own name, that has no Service or no endpoint."""
    orphan_type: str = "type"
    """Label of that family that says which of the two it is."""
    started: str = "process_start_time_seconds"
    """Start of the process whose memory holds the counters: the controller's, not nginx's."""
    marker: str = PREFIX
    """What every page of a controller with metrics on holds. With metrics off ingress-nginx serves a page all the
    same, of Go's own families, on which an absent series would not mean 0."""
    namespace: str = "namespace"
    ingress: str = "ingress"
    bound: str = "le"
    pod: str = "controller_pod"
    pod_namespace: str = "controller_namespace"


class Pair(NamedTuple):
    """Namespace and name of an Ingress, from labels."""

    namespace: str
    ingress: str


@dataclass(slots=True)
class MetricsPage:
    """The parts of a page that were kept."""

    instance: str | None = None
    """The pod that the page itself names."""
    started: float | None = None
    """Seconds since 1970."""
    lines: dict[Pair, list[SampleLine]] = field(default_factory=dict)
    bounds: set[float] = field(default_factory=set)
    """Every bucket bound seen; a controller has the same for all Ingresses."""
    orphans: dict[Pair, set[str]] = field(default_factory=dict)
    """What each shadow lacks that the page speaks of."""


class Wanted:
    """The lines that a tick needs; built once a tick, shared by all pages.

    ``before`` is what the tick before wanted: a series that it has parsed is known by its text, all but the value.
    """

    def __init__(self, targets: Iterable[Target], exposition: Exposition, before: "Wanted | None" = None) -> None:
        self.exposition = exposition
        self.known: dict[bytes, SampleLine] = {}
        self._identities: dict[SeriesIdentity, SeriesIdentity] = {}
        """Each of this tick's new lines once: a count and its buckets share it."""
        self.bounds: dict[Pair, set[float]] = {}
        self.every_bound: set[Pair] = set()
        """Those of which the buckets of all bounds are kept."""
        self.shadows: set[Pair] = set()
        for target in targets:
            if target.every_bound:
                self.every_bound.add(Pair(target.namespace, target.ingress))
            self.bounds.setdefault(Pair(target.namespace, target.ingress), set()).update(target.bounds)
            self.shadows.add(Pair(target.namespace, target.shadow))
        self.pairs = self.bounds.keys() | self.shadows
        self._namespaces = {pair.namespace.encode() for pair in self.pairs}
        self._ingresses = {pair.ingress.encode() for pair in self.pairs}
        self._known_before: Mapping[bytes, SampleLine] = before.known if before is not None else {}
        if before is not None and before.pairs != self.pairs:
            # what nobody wants any more is forgotten
            known = before.known.items()
            self._known_before = {head: line for head, line in known if self.pair_of(line) in self.pairs}
        self._of_namespace = _quick(exposition.namespace)
        self._of_ingress = _quick(exposition.ingress)
        families = (exposition.requests, exposition.durations, exposition.buckets, exposition.orphan)
        self.prefixes = tuple(f"{family}{{".encode() for family in families)
        self.bucket_prefix = f"{exposition.buckets}{{".encode()
        self.started = exposition.started.encode()
        self.started_prefixes = tuple(self.started + after for after in (b" ", b"\t", b"{"))
        self.bound_of = _quick(exposition.bound)
        self.bound_mark = f',{exposition.bound}="'.encode()
        self.any_bound = frozenset[float]().union(*self.bounds.values())

    def parse(self, raw: bytes) -> SampleLine | None:
        """Return a sample line's content; None where it certainly belongs to no wanted Ingress. Raises PageError."""
        head, _, number = raw.rpartition(b"} ")
        known = self._known_before.get(head)
        if known is None and not self._may_be_of(raw):
            return None
        try:
            value = float(number)
        except ValueError:
            return parse_line(raw)  # a timestamp is behind the value
        if b"#" in head:
            return parse_line(raw)  # this may be an exemplar's value
        if known is None:
            line = self._identified(parse_line(raw))
        else:
            line = SampleLine(known.family, known.labels, value, None, known.identity)
        self.known[head] = line
        return line

    def pair_of(self, line: SampleLine) -> Pair:
        """Return the Ingress that a line is about."""
        return Pair(line.labels.get(self.exposition.namespace, ""), line.labels.get(self.exposition.ingress, ""))

    def _identified(self, line: SampleLine) -> SampleLine:
        bound = self.exposition.bound if line.family == self.exposition.buckets else ""
        identity = frozenset(item for item in line.labels.items() if item[0] != bound)
        return line._replace(identity=self._identities.setdefault(identity, identity))

    def _may_be_of(self, line: bytes) -> bool:
        return self._among(line, self._of_ingress, self._ingresses) and self._among(
            line, self._of_namespace, self._namespaces
        )

    @staticmethod
    def _among(line: bytes, pattern: re.Pattern[bytes], names: set[bytes]) -> bool:
        match = pattern.search(line)
        # a capture with "=" began inside another label's value: let the parser decide
        return match is not None and (match[1] in names or b"=" in match[1])


def _quick(label: str) -> re.Pattern[bytes]:
    return re.compile(rb'[{,]%b="([^"]*)"' % re.escape(label).encode())


class PageReader:
    """Parser that takes a page in chunks of any size and returns what was kept."""

    def __init__(self, wanted: Wanted, max_bytes: int) -> None:
        self._wanted = wanted
        self._max_bytes = max_bytes
        self._marker = wanted.exposition.marker.encode()
        self._pod_marker = f'{wanted.exposition.pod}="'.encode()
        self._page = MetricsPage()
        self._size = 0
        self._rest = b""
        self._is_marked = False
        self._wanted_bounds: dict[bytes, bool] = {}
        """Whether an SLO needs the buckets of a bound, as it is written on this page."""

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes. Raises PageError."""
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise PageError(f"the page is longer than {self._max_bytes >> 20} MiB; raise the limit of a page's size")
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            self._take(self._rest + whole)
            self._rest = rest
        else:
            self._rest += chunk
        if len(self._rest) > MAX_LINE:
            raise PageError("a line is longer than 1 MiB; is it a metrics page?")

    def close(self) -> MetricsPage:
        """Return the page after its last bytes. Raises PageError."""
        if not self._is_marked:
            raise PageError(
                f"the page has no {self._wanted.exposition.marker}* metrics; "
                "check the address, and start the controller with --enable-metrics"
            )
        if self._rest:
            raise PageError(f"the page broke off in the midst of a line: {excerpt(self._rest)}")
        return self._page

    def _take(self, block: bytes) -> None:
        """Keep the wanted ones of complete lines."""
        wanted, page = self._wanted, self._page
        lines = block.split(b"\n")
        self._is_marked = self._is_marked or self._marker in block
        if page.instance is None and self._pod_marker in block:
            page.instance = self._named(lines)
        if page.started is None and wanted.started in block:
            starts = (parse_line(line).value for line in lines if line.startswith(wanted.started_prefixes))
            page.started = next(starts, None)
        for line in lines:
            if line.startswith(wanted.prefixes) and self._is_wanted_bucket(line):
                sample = wanted.parse(line)
                if sample is not None:
                    self._keep(sample)

    def _named(self, lines: Iterable[bytes]) -> str | None:
        """Return the pod that a line names."""
        exposition = self._wanted.exposition
        samples = (line for line in lines if self._pod_marker in line and not line.startswith(b"#"))
        labels = next((parse_line(line).labels for line in samples), {})
        pod, namespace = labels.get(exposition.pod), labels.get(exposition.pod_namespace)
        return f"{namespace}/{pod}" if pod and namespace else pod or None

    def _is_wanted_bucket(self, line: bytes) -> bool:
        """Return False for a bucket that no SLO needs, noting its bound; True for every other line."""
        if not line.startswith(self._wanted.bucket_prefix):
            return True
        # it is written last: a search from the end finds it at once
        _, mark, rest = line.rpartition(self._wanted.bound_mark)
        if mark:
            text = rest.partition(b'"')[0]
        else:
            match = self._wanted.bound_of.search(line)
            text = b"" if match is None else match[1]
        known = self._wanted_bounds.get(text)
        if known is None:
            bound = _bound(text)
            wanted = bound in self._wanted.any_bound or bool(self._wanted.every_bound)
            known = self._wanted_bounds[text] = bound is None or wanted
            if bound is not None:
                self._page.bounds.add(bound)
        return known

    def _keep(self, line: SampleLine) -> None:
        exposition, page = self._wanted.exposition, self._page
        pair = self._wanted.pair_of(line)
        if line.family == exposition.orphan:
            if pair in self._wanted.shadows:
                lacking = page.orphans.setdefault(pair, set())
                if line.value > 0:
                    lacking.add(line.labels.get(exposition.orphan_type, UNKNOWN_TYPE))
            return
        bounds = self._wanted.bounds.get(pair)
        if bounds is None:
            return
        if line.family == exposition.buckets:
            bound = _bound(line.labels.get(exposition.bound, "").encode())
            if bound is None:
                raise PageError(f"a bucket of {pair.namespace}/{pair.ingress} has no bound")
            page.bounds.add(bound)
            if bound not in bounds and pair not in self._wanted.every_bound:
                return
        page.lines.setdefault(pair, []).append(line)


@lru_cache(maxsize=1024)
def _bound(text: bytes) -> float | None:
    """Return a bucket's bound, None when it is no number."""
    try:
        return float(text)
    except ValueError:
        return None
