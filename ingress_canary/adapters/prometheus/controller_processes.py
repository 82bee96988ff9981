"""Controller processes behind series: one process, though several jobs or Prometheus replicas may scrape it.

All series of one scrape carry its timestamp. So a process is read as its newest scrape left it: a count and its
bucket come from the same instant, and a series that this scrape does not have is not there. Of several scrapes of one
process one is followed, as long as it goes on, because another's labels may differ. Used by ``source.py``.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ingress_canary.adapters.prometheus.client import Row
from ingress_canary.adapters.prometheus.queries import Dialect, Labels
from ingress_canary.domain.metrics.samples import TURN

PATIENCE = 1.5
"""Scrape intervals by which the scrape that is followed may lag behind another one."""


@dataclass(frozen=True, slots=True)
class Process:
    """A controller process by its newest scrape."""

    name: str
    """Of the pod, with its namespace where the metrics tell."""
    scrape: Labels
    """The labels of the scrape that is followed."""
    at: float
    """When that scrape was, in seconds since 1970."""
    turn: int = 1
    """Counts the scrapes that were followed: what another one tells begins anew, because its labels may differ."""

    @property
    def instance(self) -> str:
        """The name under which its counters are entered."""
        return self.name if self.turn == 1 else f"{self.name}{TURN}scrape {self.turn})"


def processes(
    rows: Iterable[Row], dialect: Dialect, before: Mapping[str, Process], patience: float
) -> dict[str, Process]:
    """Return the controller processes that were scraped, from the rows of a family that every controller has.

    A scrape that was followed is left for another one that is ahead by more than ``patience`` seconds.
    """
    scraped: dict[str, list[Process]] = {}
    for row in rows:
        name, scrape = named(row, dialect)
        if times := row.scrapes:
            scraped.setdefault(name, []).append(Process(name, scrape, times[-1]))
    return {name: _followed(scrapes, before.get(name), patience) for name, scrapes in scraped.items()}


def named(row: Row, dialect: Dialect) -> tuple[str, Labels]:
    """Return the name of the process of a row, and the labels of its scrape."""
    own, scrape = dialect.split(row.labels)
    exposition = dialect.exposition
    pod, namespace = own.get(exposition.pod), own.get(exposition.pod_namespace)
    if pod is None:
        return row.labels.get("instance", "a controller"), scrape
    return f"{namespace}/{pod}" if namespace else pod, scrape


def _followed(scrapes: Sequence[Process], before: Process | None, patience: float) -> Process:
    newest = max(scrapes, key=lambda process: (process.at, sorted(process.scrape)))
    if before is None:
        return newest
    known = next((process for process in scrapes if process.scrape == before.scrape), None)
    if known is not None and newest.at - known.at <= patience:
        return replace(known, turn=before.turn)
    return newest if newest.scrape == before.scrape else replace(newest, turn=before.turn + 1)


def sample_of(row: Row, process: Process, slack: float) -> tuple[float, float] | None:
    """Return the row's sample of the process's newest scrape; None when that scrape did not have the series.

    ``slack`` is how far before it a sample may lie: what merges several replicas may take one series from each.
    """
    sample = next((pair for pair in reversed(row.samples) if pair[0] <= process.at), None)
    return sample if sample is not None and process.at - sample[0] < slack else None


def is_of_others(row: Row, process: Process, every: float) -> bool:
    """Return whether a row without a sample of the process's newest scrape comes from another scrape of it.

    A series that this scrape did not have was last in one a whole span before, and two spans lie between its samples.
    """
    times = row.scrapes
    index = bisect_right(times, process.at)
    if not index or process.at - times[index - 1] < every / 2:
        return False
    if index < len(times):
        return times[index] - times[index - 1] < 1.5 * every
    return process.at - times[index - 1] < 0.8 * every
