"""Traffic profile: what all of them have, and the sizes that the command line may set."""

from dataclasses import dataclass, fields
from enum import StrEnum
from random import Random
from typing import Annotated, ClassVar, NamedTuple, Self, get_type_hints

from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.expected_traffic import BadKind, Moment, RolloutTimes, Spans, Strata


class SizeForm(StrEnum):
    """How a size is written."""

    SHARE = "share"
    SPAN = "span"
    NUMBER = "number"


class Size(NamedTuple):
    """The form and the bounds of a size."""

    form: SizeForm
    least: float
    most: float


LONGEST = 30 * 86_400.0
Share = Annotated[float, Size(SizeForm.SHARE, 0.0, 1.0)]
Span = Annotated[float, Size(SizeForm.SPAN, 1.0, LONGEST)]
Later = Annotated[float, Size(SizeForm.SPAN, 0.0, LONGEST)]
Number = Annotated[float, Size(SizeForm.NUMBER, 0.0, 1e6)]
FromOne = Annotated[float, Size(SizeForm.NUMBER, 1.0, 1e6)]


@dataclass(frozen=True, slots=True)
class TrafficProfile:
    """Situation in which a canary is judged; what its fields are annotated with says how they are written."""

    name: ClassVar[str]
    touches: ClassVar[BadKind | None] = None
    """What it makes more of; None where it changes how many requests there are."""
    by_route: ClassVar[bool] = False
    """Whether it is about requests that a header or a cookie sends to the canary."""
    tells_apart: ClassVar[bool] = False
    """Whether it is about kinds of requests that counters tell apart."""
    in_warm_up: ClassVar[bool] = False
    """Whether it is over when the first step begins."""

    @property
    def kind(self) -> BadKind | None:
        """What it makes more of, which may be one of its sizes."""
        return self.touches

    @property
    def slows(self) -> bool:
        """Whether it makes any request slow."""
        return self.kind is BadKind.SLOW

    def drawn(self, _rng: Random, _times: RolloutTimes) -> Self:
        """Return the profile of one rollout, with what is random about it drawn."""
        return self

    def spans(self, _moment: Moment) -> tuple[Spans, ...]:
        """Return when something is on that is off in between."""
        return ()

    def change(self, strata: Strata, _moment: Moment) -> Strata:
        """Return what is expected of a moment when this is so, too."""
        return strata

    @classmethod
    def line(cls) -> str:
        """Return what it is, in one line."""
        return (cls.__doc__ or "").partition("\n")[0]

    @classmethod
    def sizes(cls) -> dict[str, Size | type[StrEnum]]:
        """Return the sizes by the names of their fields: what is drawn is none."""
        hints = get_type_hints(cls, include_extras=True)
        found: dict[str, Size | type[StrEnum]] = {}
        for field in fields(cls):
            hint = hints[field.name]
            if isinstance(hint, type) and issubclass(hint, StrEnum):
                found[field.name] = hint
            for note in getattr(hint, "__metadata__", ()):
                found[field.name] = note
        return found


@dataclass(frozen=True, slots=True)
class RegressionProfile(TrafficProfile):
    """Situation in which the canary is worse than stable for good, from the onset on."""

    share: Share = 0.05
    of: BadKind = BadKind.ERRORS

    @property
    def kind(self) -> BadKind:
        """What the canary has more of."""
        return self.of

    @property
    def most(self) -> float:
        """The share of the canary's requests that turn bad in the end."""
        return self.share

    def shown_at(self, _exposure: Exposure) -> bool:
        """Return whether it shows with an exposure."""
        return True


def check_shorter(lasts: float, every: float) -> None:
    """Raise ValueError where what comes again is not over yet."""
    if lasts >= every:
        raise ValueError("lasts: must be shorter than every, or it never ends; give a shorter lasts or a longer every")
