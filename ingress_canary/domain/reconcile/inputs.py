"""Inputs of a pass: what was gathered for one rollout at one instant, and nothing that is derived from it.

The engine gathers them from the caches and its working memory, ``whatif`` and the tests' World from values of their
own.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar, TypeVarTuple

from ingress_canary.api.gate import GateStatus
from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import RolloutStatus, ShadowStatus
from ingress_canary.domain.decision.observation import NewerSchedule, Obstacle
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.metrics.counting import Requests
from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.objects.revision import RESTART_ANNOTATIONS
from ingress_canary.domain.objects.service import Endpoints
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.preflight.inputs import ControllerFacts, PreflightInputs, Rival
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.reconcile.evidence import Evidence
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.traffic.probe import ProbeAnswer
from ingress_canary.domain.traffic.router.router import Router

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
CheckRules = Callable[[PreflightInputs, Sequence[PreflightRule]], tuple[Problem, ...]]
"""Runs preflight, or returns what it has found before in the same circumstances."""
StepBeginning = tuple[datetime, Mapping[str, Requests]]
"""When a step began, and what each controller process had counted once it had settled."""


class Remember(Protocol):
    """Calls a pure function, or returns what it has returned for equal arguments before."""

    def __call__(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        """Return ``function(*arguments)``."""


def call(function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
    """Return ``function(*arguments)``, remembering nothing."""
    return function(*arguments)


class PassOptions(NamedTuple):
    """Settings that a pass reads. Times are in seconds."""

    interval: float = 10
    """Between two ticks."""
    warm_up: float = 120
    """How long stable is watched before the canary gets traffic."""
    accept_unchecked: bool = False
    """Begin although rights are missing to check some preflight rules."""
    controllers: frozenset[str] = frozenset()
    """Further values of IngressClass spec.controller that behave like ingress-nginx."""
    restarts: tuple[str, ...] = RESTART_ANNOTATIONS
    """Annotations of a pod template that make no version."""


class PassMemory(NamedTuple):
    """What is remembered of a rollout from one pass to the next: lost with the process, and safe to lose."""

    evaluation: Evaluation | None = None
    """The evidence so far; None where the stored checkpoint is all that there is."""
    step_began: StepBeginning | None = None
    """Of the present step, or of an earlier one while it has not settled."""
    facts: ControllerFacts = ControllerFacts()
    """What the last reading of the source showed of the ingress controllers themselves."""
    gates: tuple[GateStatus, ...] | None = None
    """Records of webhook gates with their newest answers; None where the stored ones are the newest."""
    undone: tuple[tuple[float, str], ...] = ()
    """When another writer's changes were undone, in monotonic seconds, and that writer's field manager."""
    clock_set: bool = False
    """The next reading is a new starting point, because the clock was set since the last one."""
    removed: frozenset[str] = frozenset()
    """The uids of shadows that were removed before it could be stored why."""
    rejected: str | None = None
    """The API's words when it refused to create the shadow."""
    denied: str | None = None
    """The API's words when it refused to change a workload."""
    failures: int = 0
    """Consecutive passes whose writes failed."""
    unwritten: str | None = None
    """The API's words when it refused the last change of the shadow, or did not carry it out."""


class RouteInputs(NamedTuple):
    """What was gathered of one route: a primary, and the shadow by which its requests reach the canary."""

    router: Router
    primary: Ingress | None = None
    named: ShadowObject | None = None
    """The object of the shadow's name, whoever owns it."""
    recorded: ShadowStatus | None = None
    """The shadow that the stored status tells of."""


class OwnedShadow(NamedTuple):
    """An object whose owner is a rollout of this name, one that is gone included, with the router that reads it."""

    router: Router
    shadow: ShadowObject


class PassInputs(NamedTuple):
    """Everything that was gathered for one pass."""

    key: Key
    uid: str
    created: datetime
    generation: int
    spec: RolloutSpec
    """The last spec that could be read."""
    status: RolloutStatus
    routes: tuple[RouteInputs, ...]
    """At least one; today that is all."""
    view: ClusterView | None
    """What preflight's rules ask; None where there is no cluster, so that nothing is checked."""
    compiled: CompiledSchedule | None
    """The schedule as begun, or as it is now while nothing has begun; None when there is none that can be used."""
    options: PassOptions
    spec_problem: FieldFault | None = None
    """Why the present spec cannot be read."""
    obstacles: tuple[Obstacle, ...] = ()
    """Why the schedule cannot be used."""
    shared_in: str | None = None
    """Namespace of a shared schedule; None for an inline one."""
    outdated: NewerSchedule | None = None
    """The schedule as it is now, where it differs from the one that the rollout began with."""
    action: str | None = None
    """The annotation of a person's one-shot action, answered or not."""
    owned: Sequence[OwnedShadow] = ()
    canary: Workload | None = None
    stable: Workload | None = None
    canary_endpoints: Endpoints = Endpoints()
    stable_endpoints: Endpoints = Endpoints()
    rivals: tuple[Rival, ...] = ()
    """Other rollouts that use the same Ingress or canary Service."""
    frozen: str | None = None
    """Why nothing advances anywhere."""
    memory: PassMemory = PassMemory()
    evidence: Evidence | None = None
    """What the source has said since the last pass, if anything."""
    probed: ProbeAnswer | None = None
    """The newest answer to a forced request."""
    answers: Mapping[str, GateAnswer] = {}
    """By the gate's name, the answers that no pass has taken yet."""
    monotonic: float = 0.0
    """Seconds by which ``memory.undone`` is timed."""
