"""Working state of each rollout, in memory only: lost with the process, and safe to lose.

The web server reads it too.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ingress_canary.api.gate import GateStatus
from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.decision.observation import Obstacle
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.metrics.counting import Requests
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Reading, Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.inputs import ControllerFacts, Rival
from ingress_canary.domain.preflight.rule_cache import CachedPreflight
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.reconcile.memo import Memo
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.status.notices import Audience
from ingress_canary.domain.status.publish import StoredTexts
from ingress_canary.domain.traffic.probe import ProbeAnswer, ProbeRequest
from ingress_canary.domain.traffic.router.router import Router

UNDONE = 20


@dataclass(slots=True)
class RolloutState:
    """What the daemon remembers of one rollout between passes."""

    uid: str
    evaluation: Evaluation | None = None
    reading: Reading | None = None
    """The newest reading of the source that no pass has taken yet."""
    target: Target | None = None
    """The series that the next tick reads; None while no evidence is wanted."""
    probe: ProbeRequest | None = None
    """The probe that the next tick sends, besides reading the source."""
    probed: ProbeAnswer | None = None
    """The newest answer to that."""
    gates: tuple[GateStatus, ...] | None = None
    """Records of webhook gates with their newest answers; None until a pass has read the stored ones."""
    answers: dict[str, GateAnswer] = field(default_factory=dict)
    """By the gate's name, the newest answer that no pass has taken yet."""
    generation: int = -1
    """Of the spec below."""
    spec: RolloutSpec | None = None
    spec_problem: FieldFault | None = None
    """Why the present spec cannot be read; ``spec`` is the last one that could."""
    compiled: tuple[object, CompiledSchedule, tuple[Obstacle, ...]] | None = None
    """The source of the schedule last compiled, the compiled schedule, and its fields that are not supported."""
    present: tuple[object, str | None] | None = None
    """The schedule as it is written now, by its version, and its hash; None for one that cannot be read."""
    undone: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=UNDONE))
    """When another writer's changes were undone, in the clock's monotonic seconds, and that writer's field manager."""
    removed: frozenset[str] = frozenset()
    """The uids of shadows that this daemon removed before it could store why."""
    rejected: str | None = None
    """The API's words when it refused to create the shadow."""
    denied: str | None = None
    """The API's words when it refused to change a workload."""
    alerted: frozenset[Reason] = frozenset()
    """Reasons of the alerts that were sent already and still last."""
    written: float = float("-inf")
    """When the status was last written, in the clock's monotonic seconds."""
    rival: Rival | None = None
    """This rollout as preflight of the others of its namespace sees it."""
    clock_set: bool = False
    """The next reading is a new starting point, because the clock was set since the last one."""
    facts: ControllerFacts = field(default_factory=ControllerFacts)
    """What the last reading of the source showed of the ingress controllers themselves."""
    router: Router | None = None
    """The router last chosen: it stays while the primary's class is not known."""
    step_began: tuple[datetime, Mapping[str, Requests]] | None = None
    """When the present step began, and what each controller process had counted once it had settled."""
    audience: Audience | None = None
    """Recipients of notifications that its schedule names, as it was last read."""
    warned: frozenset[tuple[str, str, str]] | None = None
    """Rule, object and field of each warning of preflight that an Event was recorded for; None until that is known."""
    found_before: str | None = None
    """What the condition Preflight said when this process first read it; empty without one."""
    stored_texts: StoredTexts = field(default_factory=dict)
    """What the texts say that this process has stored in the status."""
    taken_over: bool = False
    """Whether it carries the stamp of this process's term, or needs none."""
    rolling_back: datetime | None = None
    """When the evidence was taken that first proved the fail, until the shadow is gone."""
    broken: bool = False
    """The last pass failed because of a fault of the daemon itself, and an alert was sent."""
    failures: int = 0
    """Consecutive passes whose writes failed."""
    unwritten: str | None = None
    """The API's words when it refused the last change of the shadow, or did not carry it out."""
    memo: Memo = field(default_factory=Memo)
    """Results that passes compute from inputs that seldom change."""
    counting: tuple[Signals, SliSet] | None = None
    """The series and SLIs by which the last reading was counted."""
    preflight: CachedPreflight = field(default_factory=CachedPreflight)
    """The last findings of its preflight rules."""


def _suspicion(state: RolloutState) -> float:
    """Return what the strongest evidence against a canary is at most, as the logarithm of an E-value."""
    tracks = state.evaluation.analysis.tracks if state.evaluation is not None else ()
    return max((track.log_bound for track in tracks), default=-math.inf)


def _claimed(rival: Rival) -> tuple[Key, Key]:
    """Return the Ingress and the Service that a rollout uses, as distinct keys."""
    namespace = rival.key.namespace
    return Key(namespace, f"ingress/{rival.primary}"), Key(namespace, f"service/{rival.canary_service}")


class RolloutStates:
    """The state of every rollout by key, and which rollouts use the same objects."""

    def __init__(self) -> None:
        self._entries: dict[Key, RolloutState] = {}
        self._claims: dict[Key, set[Key]] = {}

    def state_of(self, key: Key, uid: str) -> RolloutState:
        """Return the state of a rollout; an object with another uid begins a new one."""
        state = self._entries.get(key)
        if state is not None and state.uid == uid:
            return state
        self.forget(key)
        state = self._entries[key] = RolloutState(uid)
        return state

    def get(self, key: Key) -> RolloutState | None:
        """Return the state of a key, if there is one."""
        return self._entries.get(key)

    def forget(self, key: Key) -> tuple[Key, ...]:
        """Drop the state of a deleted rollout, and return the other rollouts that use the same objects."""
        state = self._entries.pop(key, None)
        if state is None or state.rival is None:
            return ()
        self._unclaim(state.rival)
        return tuple(other.key for other in self.rivals(state.rival))

    def claim(self, state: RolloutState, rival: Rival) -> tuple[Key, ...]:
        """Record which Ingress and Service a rollout uses, and return the other rollouts that a change concerns."""
        if state.rival == rival:
            return ()
        concerned = self.rivals(state.rival) if state.rival else ()
        self._unclaim(state.rival)
        state.rival = rival
        for claimed in _claimed(rival):
            self._claims.setdefault(claimed, set()).add(rival.key)
        return tuple({other.key: None for other in (*concerned, *self.rivals(rival))})

    def rivals(self, rival: Rival) -> tuple[Rival, ...]:
        """Return the other rollouts that use the same Ingress or canary Service."""
        claimants = [self._claims.get(claimed, set()) for claimed in _claimed(rival)]
        keys = set[Key]().union(*claimants) - {rival.key}
        if not keys:
            return ()
        rivals = (self._entries[key].rival for key in sorted(keys) if key in self._entries)
        return tuple(other for other in rivals if other is not None)

    def _unclaim(self, rival: Rival | None) -> None:
        if rival is None:
            return
        for claimed in _claimed(rival):
            self._claims[claimed].discard(rival.key)

    def items(self) -> Iterator[tuple[Key, RolloutState]]:
        """Yield every key with its state."""
        yield from list(self._entries.items())

    def clock_was_set(self) -> None:
        """Make the next reading of every rollout a new starting point of its counters."""
        for state in self._entries.values():
            state.clock_set = True

    def watched(self) -> dict[Key, Target]:
        """Return the targets that the next tick reads; the strongest evidence against a canary comes first."""
        entries = sorted(self._entries.items(), key=lambda entry: -_suspicion(entry[1]))
        return {key: state.target for key, state in entries if state.target is not None}

    def probes(self) -> dict[Key, ProbeRequest]:
        """Return the probes that the next tick sends."""
        return {key: state.probe for key, state in self._entries.items() if state.probe is not None}
