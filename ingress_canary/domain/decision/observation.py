"""Observation and Decision: input and output of ``decide``. ``reconcile/assemble.py`` makes the former."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from ingress_canary.api import APPLIED_ANNOTATION
from ingress_canary.api.gate import GateStatus
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import RolloutStatus, ShadowStatus, Transition
from ingress_canary.domain.decision.route import RouteState, joint_drift
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.gates.schedule import Question
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.preflight.problem import Problem, RuleFlag, summary
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.traffic.drift import Drift
from ingress_canary.domain.traffic.shadow_removal import Terminating


class Obstacle(NamedTuple):
    """What prevents an advance."""

    reason: Reason
    what: Message | str
    """A string where another layer has made it: of the API's models, or of the API server."""
    remedy: Message | str = ""
    """What to do, or when it goes away by itself."""
    field: str = ""
    """Of the object, dotted; empty when no field is at fault."""
    object: str = ""
    """Kind and key where it is not the rollout itself: ``CanarySchedule sre/standard-web``."""
    cured_by_scaling: bool = False
    """Whether it goes away once the canary workload has replicas."""

    @property
    def message(self) -> Message:
        """What people read: object and field, what is wrong, and the remedy."""
        said = verbatim(self.what) if isinstance(self.what, str) else self.what
        if self.remedy:
            said = Message(MessageKey.WITH_REMEDY, what=said, remedy=self.remedy)
        place = " ".join(part for part in (self.object, self.field) if part)
        return Message(MessageKey.OF_FIELD, place=place, fault=said) if place else said

    def __str__(self) -> str:
        return str(self.message)


def preflight_obstacle(refused: Sequence[Problem]) -> Obstacle:
    """Return the obstacle that preflight's refusing problems are together."""
    cured = all(RuleFlag.CURED_BY_SCALING in problem.flags for problem in refused)
    return Obstacle(Reason.PREFLIGHT_FAILED, summary(refused), cured_by_scaling=cured)


class NewerSchedule(NamedTuple):
    """A newer version of the schedule than the one that a rollout has begun with."""

    why: Message
    """What has changed, with the remedy."""
    usable: bool
    """Whether a rollout could begin with it."""


class Observation(NamedTuple):
    """One rollout and its surroundings at one instant."""

    key: Key
    generation: int
    spec: RolloutSpec
    status: RolloutStatus
    compiled: CompiledSchedule | None
    """The schedule as begun, or as it is now while nothing has begun; None when there is none that can be used."""
    shared_in: str | None = None
    """Namespace of a shared schedule; None for an inline one."""
    obstacles: tuple[Obstacle, ...] = ()
    """What prevents any advance, worst first: spec, schedule, preflight."""
    problems: tuple[Problem, ...] = ()
    """Everything that preflight found, warnings included."""
    revision: str | None = None
    """The canary's revision; None while its workload does not exist."""
    canary: Workload | None = None
    stable: Workload | None = None
    stable_hash: str | None = None
    canary_hash: str | None = None
    """Of the whole pod template, whatever the revision is called."""
    same_version: bool = False
    """Both workloads run the same pods: there is nothing to roll out."""
    causes: tuple[Message, ...] = ()
    """Why the weight may have no effect, most likely cause first; empty unless it has none."""
    stable_ready: int = 0
    canary_ready: int = 0
    routes: tuple[RouteState, ...] = ()
    """Today one: a primary with its shadow. Rules ask the properties below, which hold for any number."""
    leftover: Terminating | None = None
    """A shadow of another name, or of an earlier rollout of this one's name, that is being deleted and still there."""
    fighting: str | None = None
    """The other writer, whose changes have been undone too often to go on undoing them."""
    frozen: str | None = None
    """Why nothing advances anywhere: the reason of the freeze on the daemon's own namespace."""
    outdated: NewerSchedule | None = None
    """The schedule as it is now, where it differs from the one that the rollout began with."""
    rejected: str | None = None
    """The API's words when it refused to create the shadow."""
    denied: str | None = None
    """The API's words when it refused to change a workload."""
    unwritten: str | None = None
    """The API's words when it refused the last change of the shadow, or did not carry it out."""
    action: Action | None = None
    """A person's one-shot action that has not been handled yet."""
    gates: tuple[GateStatus, ...] | None = None
    """The answers of the webhook gates so far; None where the stored status is the newest that is known."""
    evaluation: Evaluation | None = None
    counted: bool | None = None
    """Whether the controllers are known to count the primary's requests, or not to; None where neither is known."""
    interval: float = 10
    warm_up: float = 120

    @property
    def schedule(self) -> CompiledSchedule:
        """The compiled schedule, where it must exist; rules before ``hold_without_schedule`` use ``compiled``."""
        assert self.compiled is not None
        return self.compiled

    @property
    def has_shadows(self) -> bool:
        """Whether the shadow of every route is there."""
        return bool(self.routes) and all(route.shadow is not None for route in self.routes)

    @property
    def is_shadow_lost(self) -> bool:
        """Whether another writer deleted or replaced a shadow that carries traffic by the stored status."""
        recorded = self.status.shadow
        if recorded is None or recorded.uid is None:
            return False
        return any(route.is_shadow_lost for route in self.routes)

    @property
    def shadow_record(self) -> ShadowStatus:
        """The shadow as a status tells of it, which has room for one: the first route's."""
        shadow = self.routes[0].shadow
        assert shadow is not None
        return ShadowStatus(name=shadow.meta.name, uid=shadow.meta.uid)

    @property
    def foreign(self) -> str | None:
        """Kind of the first shadow whose name belongs to somebody else; None where none does."""
        return next((route.router.resource.kind for route in self.routes if route.foreign), None)

    @property
    def terminating(self) -> Terminating | None:
        """The first shadow that is being deleted and is still there, leftovers last."""
        for route in self.routes:
            if route.terminating is not None:
                return route.terminating
        return self.leftover

    @property
    def drift(self) -> Drift | None:
        """Another writer's changes of any shadow."""
        return joint_drift(self.routes)

    @property
    def lowered_by(self) -> str:
        """The field manager of the first writer who has lowered a shadow's exposure, empty where it is unknown."""
        for route in self.routes:
            if route.shadow is not None and route.drift is not None and route.drift.lowered:
                return route.shadow.meta.manager
        return ""

    @property
    def sticky(self) -> bool:
        """Whether an affinity cookie binds clients of any route to a side, whatever the weight."""
        return any(route.sticky for route in self.routes)

    @property
    def carried_weight(self) -> float:
        """The largest weight on a shadow that is there, in percent."""
        shadows = ((route.router, route.shadow) for route in self.routes)
        return max((router.exposure_if_marked(shadow).weight for router, shadow in shadows if shadow), default=0.0)

    def honoured(self, status: RolloutStatus) -> Self:
        """Return the observation after ``status`` has taken in what other writers lowered or deleted."""
        return self._replace(status=status, routes=tuple(route._replace(drift=None) for route in self.routes))

    @property
    def current_evaluation(self) -> Evaluation:
        """The evaluation, or a new one where there is none yet."""
        return self.evaluation or Evaluation.new(self.schedule)


@dataclass(frozen=True, slots=True)
class Alert:
    """An Event and a notification for people, sent once, without an entry in the history."""

    reason: Reason
    message: Message


class Decision(NamedTuple):
    """The next status of a rollout, and what goes with it. The shadow is derived from the status alone."""

    status: RolloutStatus
    evaluation: Evaluation | None = None
    moved: Transition | None = None
    """The entry that this decision adds to the history, if it adds one."""
    alerts: tuple[Alert, ...] = ()
    wants_evidence: bool = False
    """Whether the next tick is to read the metrics for this rollout."""
    message: Message | None = None
    """The status's message, made into text where the status is stored or shown (``publish.py``); None: it stays."""
    asks: tuple[Question, ...] = ()
    """Questions to webhook gates: asked now because nothing else is waited for."""


def leaves_shadow_alone(status: RolloutStatus) -> bool:
    """Return whether the daemon no longer undoes another writer's changes of the shadow, after a drift fight."""
    return status.pause is not None and status.pause.hands_off


def not_written(seen: Observation, wanted: float, words: str) -> Message:
    """Return what people read of a shadow that the API server does not let change, with the server's words."""
    if not any(route.shadow is not None for route in seen.routes):
        return Message(MessageKey.NOT_CREATED, words=verbatim(words))
    return Message(MessageKey.NOT_WRITTEN, words=verbatim(words), carried=seen.carried_weight, wanted=wanted)


def is_shadow(found: ShadowObject, owner: str, recorded: ShadowStatus | None) -> bool:
    """Return whether an object is the shadow of the rollout with this uid: by its owner, or by the uid in status.

    The latter where somebody has removed its ownerReference. One that is being deleted and that the daemon has written
    may have lost both.
    """
    if found.meta.owner is not None:
        return found.meta.owner.uid == owner
    if recorded is not None and recorded.uid == found.meta.uid:
        return True
    return found.meta.deleting and APPLIED_ANNOTATION in found.meta.annotations
