"""What a cluster had come to before an entry of a campaign's history: the memory of the oracle."""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.campaign.history import Due, Entry, LeaseStored, PrimaryStored, Released, Said, ShadowStored, StableStored

RAISE = frozenset({"resume", "retry", "restart"})
"""Verbs that ask for a weight to come back."""


@dataclass
class ShopState:
    """What one shop had come to."""

    release: Released | None = None
    stable: str = ""
    """The build that stable is to run."""
    exposed: float = 0.0
    """Percent that the shadow sends to the canary."""
    exists: bool = False
    """Whether there is a shadow."""
    terminating: bool = False
    """Whether the shadow is there only because a finalizer holds it."""
    step: int = 0
    """The highest step, from 1, whose weight a daemon has set since the beginning."""
    entered: float = 0.0
    """When that was."""
    served: int = 0
    """What the canary had served by then."""
    lowered: bool = False
    """Whether the weight has fallen below that step's, and nobody has asked for it since."""
    anew: bool = False
    """Whether a person has asked to begin at the first step, and the canary is not off yet."""
    said: list[Said] = field(default_factory=list)
    """What people have said of this release."""

    @property
    def off(self) -> bool:
        """Whether the canary was taken off, and nobody has asked for it since."""
        return self.lowered and not self.exposed

    def has_said(self, *verbs: str, step: int | None = None) -> bool:
        """Return whether a person has said one of these of this release, of this step if one is given."""
        return any(one.verb in verbs and step in (None, one.step) for one in self.said)

    def released(self, release: Released) -> None:
        """Begin with a new build."""
        self.release, self.said = release, []
        self._begin()

    def heard(self, said: Said) -> None:
        """Take note of what a person says."""
        self.said.append(said)
        if said.verb in RAISE:
            self.lowered = False
            self.anew = self.anew or said.verb != "resume"
        if self.anew and self.step and not self.exposed:
            self._begin()

    def shaped(self, shadow: ShadowStored, *, by_daemon: bool) -> None:
        """Move on behind a version of the shadow. What people raise is no step of the schedule."""
        weights = self.release.course.weights if self.release else ()
        after = shadow.weight or 0.0
        if self.step and after < min(self.exposed, weights[self.step - 1]):
            self.lowered = True
        if by_daemon and after > self.exposed and after in weights[self.step :]:
            self.step, self.entered, self.served = weights.index(after) + 1, shadow.at, shadow.served
        if self.anew and self.exposed and not after:
            self._begin()
        self.exposed, self.exists, self.terminating = after, shadow.weight is not None, shadow.terminating

    def _begin(self) -> None:
        self.step, self.lowered, self.anew = 0, False, False


@dataclass
class Scene:
    """What the whole cluster had come to."""

    daemons: frozenset[str]
    """Users as whom the daemons write."""
    scale: float
    """Seconds of the lab's clock in a real one."""
    shops: defaultdict[str, ShopState] = field(default_factory=lambda: defaultdict(ShopState))
    holder: str = ""
    """Which daemon holds the Lease, or held it last: a name that somebody else writes there drives nothing."""
    office: dict[str, str] = field(default_factory=dict)
    """By shop: who has written its shadow last while holding the Lease."""

    def by_daemon(self, entry: ShadowStored | PrimaryStored | StableStored) -> bool:
        """Return whether a version was written by one of the daemons."""
        return entry.writer in self.daemons

    def apply(self, entry: Entry) -> None:
        """Move on behind an entry."""
        match entry:
            case Released():
                self.shops[entry.shop].released(entry)
            case Said():
                self.shops[entry.shop].heard(entry)
            case ShadowStored():
                self.shops[entry.shop].shaped(entry, by_daemon=self.by_daemon(entry))
                if entry.writer == self.holder:
                    self.office[entry.shop] = entry.writer
            case StableStored():
                self.shops[entry.shop].stable = entry.build
            case LeaseStored():
                self.holder = entry.holder if entry.holder in self.daemons else self.holder
            case PrimaryStored() | Due():
                pass
