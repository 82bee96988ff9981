"""SLI kind: what each class of this folder answers of itself, and what the rest asks it.

A :class:`CountedSli` counts good and bad events, which the sequential tests judge; a :class:`DistributionSli` compares
all bounds of the controllers' histogram with stable's; a :class:`ComparedSli` holds one number against bounds. Nothing
outside this folder asks which kind an SLI is.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from ingress_canary.api.model import FieldFault
from ingress_canary.api.sli import SliModel
from ingress_canary.domain.metrics.capabilities import Capabilities, Capability
from ingress_canary.domain.metrics.counter_feed import CounterFeed, Followed
from ingress_canary.domain.metrics.samples import NoData, Reading, Strata
from ingress_canary.domain.metrics.signals import Signals

M = TypeVar("M", bound=SliModel)
DocumentFault = tuple[tuple[str | int, ...], str, str]
"""A problem of an SLI as it is written: where in it, message, remedy."""


class Need(NamedTuple):
    """A field of an SLI's model that a metrics source must be able to answer."""

    member: str
    capability: Capability
    faults: Iterable[FieldFault] = ()
    """What is wrong with a valid field all the same, found when it is asked for."""


class Questions(NamedTuple):
    """The queries in PromQL that an SLI asks of a metrics source, as in ``samples.Target``."""

    totals: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


class SliKind(ABC, Generic[M]):
    """One service level indicator of a schedule; frozen, and equal to one that asks the same."""

    __slots__ = ()

    counts_requests: ClassVar[bool] = False
    """Whether its events are the requests that the ingress controllers see."""

    @classmethod
    @abstractmethod
    def of(cls, model: M) -> Self:
        """Return the SLI of its model."""

    @property
    @abstractmethod
    def needs(self) -> tuple[Need, ...]:
        """The fields that need something of the source, in the model's order."""

    def questions(self, variables: Mapping[str, str]) -> Questions:  # noqa: ARG002 - for those that have queries
        """Return its queries."""
        return Questions()

    def faults(self, missing: Capabilities) -> Iterator[FieldFault]:
        """Yield what a valid model cannot have, by the model's own fields, also for what the source is ``missing``."""
        for need in self.needs:
            yield from (fault._replace(field=need.member) for fault in need.faults)
            if need.capability in missing:
                yield need.capability.unanswered._replace(field=need.member)

    def notes(self) -> Iterator[FieldFault]:
        """Yield what ``lint`` notes on a valid model, by the model's own fields: its author may mean something else."""
        yield from ()

    @classmethod
    def document_faults(cls, document: Mapping[str, Any], excluded: Sequence[str]) -> Iterator[DocumentFault]:
        """Yield what ``lint`` says of the SLI as it is written, malformed or not; ``excluded`` are statuses."""
        yield from ()


class CountedSli(SliKind[M]):
    """An SLI that counts events, so that it has an objective and sequential tests."""

    __slots__ = ()

    counts_requests: ClassVar[bool] = True
    is_slowness: ClassVar[bool] = False
    """Whether what it calls bad is slow rather than failed; ``plan`` and ``simulate`` draw the two apart."""

    @property
    @abstractmethod
    def feed(self) -> CounterFeed:
        """The counters that it counts from."""

    @property
    def counts_stable(self) -> bool:
        """Whether stable is counted as well as the canary, so that the two can be compared."""
        return True

    @property
    def bad_statuses(self) -> tuple[str, ...]:
        """The statuses that it calls bad, with a dot for any digit."""
        return ()

    @property
    def bounds(self) -> tuple[float, ...]:
        """The bucket bounds of the controllers' histogram that it needs, in seconds."""
        return ()

    @abstractmethod
    def counts(self, followed: Followed) -> Strata | NoData:
        """Return the counts of a usable reading of its feed, by stratum."""


class DistributionSli(SliKind[M]):
    """An SLI that compares the whole histogram of the controllers with stable's: it has no objective."""

    __slots__ = ()

    counts_requests: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class AcceptedRange:
    """The bounds of a number, and how often it is looked at."""

    low: float | None
    high: float | None
    window: float
    """Seconds between two looks."""
    looks: int
    """In a row, that make a verdict."""


class ComparedSli(SliKind[M]):
    """An SLI that holds one number of the canary against bounds: uncalibrated."""

    __slots__ = ()

    accepted: AcceptedRange

    @abstractmethod
    def number(self, reading: Reading, signals: Signals) -> float | NoData:
        """Return the number in a reading, or why there is none."""
