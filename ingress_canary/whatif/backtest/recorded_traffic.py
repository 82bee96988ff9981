"""Recorded traffic as a schedule counts it: stable's requests and bad ones of each SLO, tick by tick.

Counted by the SLIs of the daemon, and held in arrays: a month of ticks of 10 s takes 14 MB with two SLOs. Used by
``recorded_rollout.py``.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingress_canary.domain.metrics.counter_feed import Followed
from ingress_canary.domain.metrics.counter_state import CounterState, Increase
from ingress_canary.domain.metrics.kinds.kind import CountedSli
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, NoData, Side, UnknownBound, counts_of
from ingress_canary.domain.slo.accumulator import implausible_counts
from ingress_canary.whatif.backtest.recording import RecordedTick, RecordingError, RecordingHeader, parsed

UNKNOWN = -1
"""Stands for a number that is not known."""
GAP = 1.5
"""Ticks from which on something is missing between two lines."""
REASONS = 32
"""Different ones that are counted: they may hold numbers."""
NO_COUNTERS = CounterState()


@dataclass(slots=True)
class SloColumn:
    """Stable's requests of one SLO, and the bad ones of them, by tick."""

    requests: "array[int]" = field(default_factory=lambda: array("q"))
    bad: "array[int]" = field(default_factory=lambda: array("q"))
    known: int = 0
    """Ticks in which they are known."""
    why_not: str = ""
    """Why they were unknown last."""

    def add(self, counts: Counts | NoData | UnknownBound | None) -> None:
        """Add a tick; None where the recording does not say."""
        if isinstance(counts, Counts) and implausible_counts(counts) is None:
            self.requests.append(counts.m)
            self.bad.append(counts.f)
            self.known += 1
            return
        if isinstance(counts, NoData | UnknownBound):
            self.why_not = str(counts.message)
        self.requests.append(UNKNOWN)
        self.bad.append(0)


@dataclass(slots=True)
class RecordedTraffic:
    """The ticks of a recording of which something is known."""

    measures: SliSet
    header: RecordingHeader | None = None
    times: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds since 1970, rising; a tick that is missing here is unknown."""
    requests: "array[int]" = field(default_factory=lambda: array("q"))
    """Stable's requests, without those of excluded statuses."""
    slos: dict[str, SloColumn] = field(default_factory=dict)
    classes_only: bool = False
    """Some statuses are classes, so that excluded ones cannot be told apart."""
    beside_canary: int = 0
    """Ticks in which a canary had requests of its own."""
    last: float = float("-inf")
    """Time of the last line."""
    missing: Counter[str] = field(default_factory=Counter)
    """In how many lines something was unknown, by why."""
    _places: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By SLO: where the numbers of its buckets are among those of a status; empty while buckets are unknown."""

    def add(self, line: str | bytes) -> None:
        """Add the next line. Raises RecordingError."""
        self.enter(parsed(line, self.header))

    def enter(self, found: RecordingHeader | RecordedTick) -> None:
        """Add the next entry. Raises RecordingError."""
        if isinstance(found, RecordingHeader):
            self._begin(found)
            return
        if found.at <= self.last:
            raise RecordingError(f"t: {found.at:.3f} is not after the line before; join recordings in order of time")
        self.last = found.at
        if found.missing in self.missing or (found.missing and len(self.missing) < REASONS):
            self.missing[found.missing] += 1
        self._take(found)

    def check(self) -> None:
        """Raise RecordingError where nothing can be judged by this recording."""
        for name in self._counted:
            column = self.slos.get(name, SloColumn())
            if not column.known:
                mostly = next((why for why, _ in self.missing.most_common(1)), "")
                why = column.why_not or mostly or "the recording does not have what it counts"
                raise RecordingError(f"nothing is known of SLO {name}: {why}")

    @property
    def interval(self) -> float:
        """Seconds between two ticks."""
        return self.header.interval if self.header is not None else 0.0

    @property
    def gaps(self) -> int:
        """Ticks between the first and the last one of which nothing is known."""
        if not self.times:
            return 0
        return max(0, round((self.times[-1] - self.times[0]) / self.interval) + 1 - len(self.times))

    def after(self, at: float) -> int:
        """Return the place of the first tick at an instant or after it."""
        return bisect_left(self.times, at)

    @property
    def _counted(self) -> Mapping[str, CountedSli[Any]]:
        return self.measures.counted

    def _begin(self, header: RecordingHeader) -> None:
        before = self.header
        if before is not None:
            fields = ("ingress", "service", "interval", "sampled_every")
            if changed := next((name for name in fields if getattr(before, name) != getattr(header, name)), None):
                was, now = getattr(before, changed), getattr(header, changed)
                raise RecordingError(f"{changed}: {now!r}, and {was!r} before; keep different recordings in two files")
        if header.buckets:
            for name, sli in self._counted.items():
                if absent := set(sli.bounds) - set(header.buckets):
                    raise RecordingError(f"buckets: SLO {name}: {UnknownBound(min(absent), header.buckets).message}")
        self.header = header
        self._places = {
            name: tuple(header.buckets.index(bound) + 1 for bound in sli.bounds if header.buckets)
            for name, sli in self._counted.items()
        }

    def _take(self, tick: RecordedTick) -> None:
        if tick.requests is None and tick.latency is None:
            return
        assert self.header is not None
        classes = any(status.endswith("xx") for status in (*(tick.requests or ()), *(tick.latency or ())))
        self.classes_only = self.classes_only or (classes and bool(self.measures.excluded))
        self.times.append(tick.at)
        self.beside_canary += tick.canary > 0
        requests = self._followed(tick.requests, (), classes)
        everything = UNKNOWN if requests is None else sum(int(increase.by[0]) for increase in requests.increases)
        self.requests.append(everything)
        for name, sli in self._counted.items():
            places, risen = self._places[name], requests
            if sli.bounds:
                risen = self._followed(tick.latency, places, classes) if places else None
            found = None if risen is None else sli.counts(risen)
            counts = found if found is None or isinstance(found, NoData) else counts_of(found)
            self.slos.setdefault(name, SloColumn()).add(counts)

    def _followed(
        self, family: Mapping[str, int | Sequence[int]] | None, places: Sequence[int], classes: bool
    ) -> Followed | None:
        """Return the increases of a tick: of all requests, and of those within the buckets at some places."""
        if family is None:
            return None
        excluded = self.measures.excluded
        increases = tuple(
            Increase(Side.STABLE, status, (counts,) if isinstance(counts, int) else _picked(counts, places))
            for status, counts in family.items()
            if status not in excluded
        )
        return Followed(NO_COUNTERS, increases, classes)


def _picked(counts: Sequence[int], places: Sequence[int]) -> tuple[float, ...]:
    return (counts[0], *(counts[place] for place in places))
