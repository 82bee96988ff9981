"""Working state of each rollout, in memory only: lost with the process, and safe to lose.

The web server reads it too.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ingress_canary.api.gate import GateStatus
from ingress_canary.api.rollout import RolloutSpec, RolloutStatus
from ingress_canary.domain.decision.observation import Obstacle
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.gates.schedule import GateAnswer, record_answer
from ingress_canary.domain.metrics.counting import Requests
from ingress_canary.domain.metrics.samples import Reading, Target
from ingress_canary.domain.metrics.sli_kinds import Signals, SliSet
from ingress_canary.domain.objects.views import Key
from ingress_canary.domain.preflight.inputs import ControllerFacts, Rival
from ingress_canary.domain.preflight.rule_cache import CachedPreflight
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.status.notices import Audience
from ingress_canary.domain.traffic.probe import ProbeAnswer, ProbeRequest
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.engine.state.memo import Memo

UNDONE = 20


@dataclass(slots=True)
class RolloutState:
    """One rollout's working memory."""

    uid: str
    evaluation: Evaluation | None = None
    reading: Reading | None = None
    """The newest look at the source that no pass has taken yet."""
    target: Target | None = None
    """Whose evidence the next tick reads; None while none is wanted."""
    probe: ProbeRequest | None = None
    """What the next tick has asked beside the source."""
    probed: ProbeAnswer | None = None
    """The newest answer to that."""
    gates: tuple[GateStatus, ...] | None = None
    """What webhook gates have said; None until a pass has read what is stored."""
    answers: dict[str, GateAnswer] = field(default_factory=dict)
    """By the gate's name, the newest answer that no pass has taken yet."""
    generation: int = -1
    """Of the spec below."""
    spec: RolloutSpec | None = None
    spec_problem: str | None = None
    """Why the present spec cannot be read; ``spec`` is the last one that could."""
    compiled: tuple[object, CompiledSchedule, tuple[Obstacle, ...]] | None = None
    """The schedule last made ready, with what it was made from, and what of it is not served."""
    present: tuple[object, str | None] | None = None
    """The schedule as it is written now, by its version, and its hash; None for one that cannot be read."""
    undone: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=UNDONE))
    """When another writer's changes were undone, in the clock's monotonic seconds, and whose they were."""
    removed: str | None = None
    """The uid of a shadow that this daemon removed before it could store why."""
    rejected: str | None = None
    """The API's words when it refused to create the shadow."""
    denied: str | None = None
    """The API's words when it refused to change a workload."""
    alerted: frozenset[Reason] = frozenset()
    """What a person has been told of already, and still lasts."""
    written: float = float("-inf")
    """When the status was last written, in the clock's monotonic seconds."""
    rival: Rival | None = None
    """This rollout as preflight of the others of its namespace sees it."""
    clock_set: bool = False
    """The next reading is a new starting point, because the clock was set since the last one."""
    facts: ControllerFacts = field(default_factory=ControllerFacts)
    """What the last look at the source showed of the controllers themselves."""
    router: Router | None = None
    """The one last chosen: it stays while the primary's class cannot be told."""
    step_began: tuple[datetime, Mapping[str, Requests]] | None = None
    """When the present step began, and what each controller process had counted once it had settled."""
    audience: Audience | None = None
    """Whom its schedule names to be told, as it was last read."""
    warned: frozenset[tuple[int, str, str]] = frozenset()
    """Rule, object and field of each warning of preflight that has been told."""
    taken_over: bool = False
    """Whether it carries the stamp of this process's term, or needs none."""
    rolling_back: datetime | None = None
    """When the evidence was taken that first proved the fail, until the shadow is gone."""
    broken: bool = False
    """The last pass failed by a fault of the daemon's own, and people have been told."""
    failures: int = 0
    """Passes in a row that could not do what they wanted."""
    memo: Memo = field(default_factory=Memo)
    """What passes work out of things that seldom change."""
    counting: tuple[Signals, SliSet] | None = None
    """By which series, and of what, the last reading was counted."""
    preflight: CachedPreflight = field(default_factory=CachedPreflight)
    """What its rules found last."""

    def take_gate_answers(self, stored: RolloutStatus) -> tuple[GateStatus, ...]:
        """Take the answers of webhook gates, and return all that gates have said by now."""
        records = tuple(stored.gates) if self.gates is None else self.gates
        answers, self.answers = self.answers, {}
        self.gates = tuple(record_answer(one, answers[one.name]) if one.name in answers else one for one in records)
        return self.gates


def _suspicion(state: RolloutState) -> float:
    """Return the strongest evidence against a canary, as the logarithm of an E-value."""
    tracks = state.evaluation.analysis.tracks if state.evaluation is not None else ()
    return max((max(one.evidence.absolute, one.evidence.relative) for one in tracks), default=-math.inf)


def _claimed(rival: Rival) -> tuple[Key, Key]:
    """Return what a rollout uses, as keys that cannot be mistaken for one another."""
    namespace = rival.key.namespace
    return Key(namespace, f"ingress/{rival.primary}"), Key(namespace, f"service/{rival.canary_service}")


class RolloutStates:
    """The entries by key."""

    def __init__(self) -> None:
        self._entries: dict[Key, RolloutState] = {}
        self._claims: dict[Key, set[Key]] = {}

    def state_of(self, key: Key, uid: str) -> RolloutState:
        """Return the entry of a rollout; another object of the same name begins a new one."""
        state = self._entries.get(key)
        if state is not None and state.uid == uid:
            return state
        self.forget(key)
        state = self._entries[key] = RolloutState(uid)
        return state

    def get(self, key: Key) -> RolloutState | None:
        """Return the entry of a key, if there is one."""
        return self._entries.get(key)

    def forget(self, key: Key) -> tuple[Key, ...]:
        """Drop the entry of a rollout that is gone, and return the others that wanted what it used."""
        state = self._entries.pop(key, None)
        if state is None or state.rival is None:
            return ()
        self._unclaim(state.rival)
        return tuple(one.key for one in self.rivals(state.rival))

    def claim(self, state: RolloutState, rival: Rival) -> tuple[Key, ...]:
        """Note which Ingress and which Service a rollout uses, and return the others whom a change of that concerns."""
        if state.rival == rival:
            return ()
        concerned = self.rivals(state.rival) if state.rival else ()
        self._unclaim(state.rival)
        state.rival = rival
        for claimed in _claimed(rival):
            self._claims.setdefault(claimed, set()).add(rival.key)
        return tuple({one.key: None for one in (*concerned, *self.rivals(rival))})

    def rivals(self, rival: Rival) -> tuple[Rival, ...]:
        """Return the other rollouts that use the same Ingress or canary Service."""
        keys = set[Key]().union(*(self._claims.get(claimed, set()) for claimed in _claimed(rival))) - {rival.key}
        found = (self._entries[key].rival for key in sorted(keys) if key in self._entries)
        return tuple(one for one in found if one is not None)

    def _unclaim(self, rival: Rival | None) -> None:
        if rival is None:
            return
        for claimed in _claimed(rival):
            self._claims[claimed].discard(rival.key)

    def items(self) -> Iterator[tuple[Key, RolloutState]]:
        """Yield every key with its entry."""
        yield from list(self._entries.items())

    def clock_was_set(self) -> None:
        """Have every rollout take a new starting point with its next reading."""
        for state in self._entries.values():
            state.clock_set = True

    def watched(self) -> dict[Key, Target]:
        """Return whose evidence the next tick reads; what speaks most against its canary by now is judged first."""
        entries = sorted(self._entries.items(), key=lambda one: -_suspicion(one[1]))
        return {key: state.target for key, state in entries if state.target is not None}

    def probes(self) -> dict[Key, ProbeRequest]:
        """Return what the next tick has asked beside the source."""
        return {key: state.probe for key, state in self._entries.items() if state.probe is not None}
