"""PromQL queries of a tick, and which of a series' labels the controller wrote.

Raw range selectors of at most a few samples: only they return the samples' own timestamps. Used by ``source.py``.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ingress_canary.adapters.scrape import Exposition
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.traffic.router.nginx.metric_families import RELOADED

OWN = frozenset(
    {
        "canary", "controller_class", "controller_namespace", "controller_pod", "host", "ingress", "le", "method",
        "namespace", "path", "service", "status", "type",
    }
)  # fmt: skip
"""Labels that ingress-nginx writes itself (internal/ingress/metric, v1.15); all others tell of the scrape."""
SEEN_WITHIN = 300
"""Seconds for which a controller whose scrapes have stopped is called stale, and is unknown afterwards."""
MAX_QUERY = 16_000
"""Bytes of one query: VictoriaMetrics takes 16 KiB by default (-search.maxQueryLen), the others more."""

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Label and metric names in this Prometheus."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """The controller's label -> the label that it has here; those left out keep their name."""
    matchers: str = ""
    """Further matchers of every query, such as ``cluster="eu-1"``."""
    exposition: Exposition = field(default_factory=Exposition)
    replicas: Sequence[str] = ()
    """Labels by which alone the replicas of one scrape differ, in users' own series."""
    max_query: int = MAX_QUERY

    def split(self, labels: Mapping[str, str]) -> tuple[dict[str, str], Labels]:
        """Return the labels that the controller wrote, under its own names, and those of the scrape."""
        stored = {self.labels.get(name, name): name for name in OWN}
        own, scrape = {}, []
        for name, value in labels.items():
            if name in stored:
                own[stored[name]] = value
            elif name != "__name__":
                scrape.append((name, value))
        return own, frozenset(scrape)

    def scraped(self, seconds: float) -> str:
        """Return the query for the controllers that are scraped, and when.

        Its range is that of the tick's other queries: deduplication chooses replicas by that too.
        """
        return f"{RELOADED}{{{self.matchers}}}[{math.ceil(seconds)}s]"

    def started(self) -> str:
        """Return the query for the start of each controller's process."""
        started, matchers = self.exposition.started, self.matchers
        return f"{started}{{{matchers}}} and on (job, instance) {RELOADED}{{{matchers}}}"

    def family(self, family: str, targets: Sequence[Target], seconds: float) -> str:
        """Return the query for the newest samples of a family, of all targets at once."""
        return f"{family}{{{self._of(targets, [target.ingress for target in targets])}}}[{math.ceil(seconds)}s]"

    def buckets(self, targets: Sequence[Target], seconds: float) -> str:
        """Return the query for the buckets whose bounds any of the targets needs."""
        every = any(target.every_bound for target in targets)
        bounds = "" if every else self.bound(*(bound for target in targets for bound in target.bounds))
        whose = self._of(targets, [target.ingress for target in targets], bounds)
        return f"{self.exposition.buckets}{{{whose}}}[{math.ceil(seconds)}s]"

    def bounds(self, targets: Sequence[Target]) -> str:
        """Return the query for the existing bucket bounds."""
        whose = self._of(targets, [target.ingress for target in targets])
        return f"count by ({self._stored('le')}) ({self.exposition.buckets}{{{whose}}})"

    def orphans(self, targets: Sequence[Target], seconds: float) -> str:
        """Return the query for the controllers' orphan-Ingress metric of the shadows."""
        whose = self._of(targets, [target.shadow for target in targets])
        return f"{self.exposition.orphan}{{{whose}}}[{math.ceil(seconds)}s]"

    def selector(self, family: str, target: Target, more: str = "") -> str:
        """Return the selector of one target's series, with further matchers."""
        return f"{family}{{{self._of([target], [target.ingress], more)}}}"

    def bound(self, *bounds: float) -> str:
        """Return the matcher of buckets with any of these bounds."""
        return f'{self._stored("le")}=~"{_either(sorted({text for bound in bounds for text in _printed(bound)}))}"'

    @property
    def kept(self) -> list[str]:
        """The labels that the controllers wrote: they identify a series, whichever job scraped it."""
        return sorted(self._stored(name) for name in OWN)

    def portions(self, targets: Sequence[Target]) -> list[Sequence[Target]]:
        """Return the targets in as few portions as the limit on query length allows.

        Those that need the buckets of all bounds are asked for apart: the others need a tenth of them.
        """
        every = [target for target in targets if target.every_bound]
        if every and len(every) < len(targets):
            others = [target for target in targets if not target.every_bound]
            return [*self.portions(others), *self.portions(every)]
        if len(targets) <= 1 or len(self.buckets(targets, SEEN_WITHIN)) <= self.max_query >= len(
            self.orphans(targets, SEEN_WITHIN)
        ):
            return [targets]
        middle = len(targets) // 2
        return [*self.portions(targets[:middle]), *self.portions(targets[middle:])]

    def _of(self, targets: Sequence[Target], ingresses: Iterable[str], more: str = "") -> str:
        namespaces = sorted({target.namespace for target in targets})
        matchers = (
            f'{self._stored("namespace")}=~"{_either(namespaces)}"',
            f'{self._stored("ingress")}=~"{_either(sorted(set(ingresses)))}"',
            more,
            self.matchers,
        )
        return ",".join(matcher for matcher in matchers if matcher)

    def _stored(self, name: str) -> str:
        return self.labels.get(name, name)


def _either(names: Iterable[str]) -> str:
    """Return a regular expression for any of the names, whose only special characters are dot and plus."""
    return "|".join(name.replace(".", "[.]").replace("+", "[+]") for name in names)


def _printed(bound: float) -> set[str]:
    """Return the forms in which a bucket's bound may be written."""
    text = f"{bound:g}"
    return {text, f"{text}.0"} if "." not in text else {text}
