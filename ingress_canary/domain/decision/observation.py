"""Observation and Decision: input and output of ``decide``. ``reconcile/assemble.py`` makes the former."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingress_canary.api import APPLIED_ANNOTATION
from ingress_canary.api.gate import GateStatus
from ingress_canary.api.rollout import RolloutSpec, RolloutStatus, Transition
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.gates.schedule import Question
from ingress_canary.domain.objects.views import Ingress, Key, Workload
from ingress_canary.domain.preflight.problem import Problem, RuleFlag, summary
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import Exposure
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
    shadow: Ingress | None = None
    """The Ingress of the shadow's name that this rollout owns."""
    foreign: bool = False
    """The shadow's name belongs to somebody else."""
    removed: bool = False
    """The shadow in status is gone because this daemon removed it before it could store why."""
    terminating: Terminating | None = None
    """A shadow of this rollout, or of an earlier one of its name, that is being deleted and is still there."""
    drift: Drift | None = None
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
    sticky: bool = False
    action: Action | None = None
    """A person's one-shot action that has not been handled yet."""
    gates: tuple[GateStatus, ...] | None = None
    """The answers of the webhook gates so far; None where the stored status is the newest that is known."""
    evaluation: Evaluation | None = None
    interval: float = 10
    warm_up: float = 120

    @property
    def schedule(self) -> CompiledSchedule:
        """The compiled schedule, where it must exist; rules before ``hold_without_schedule`` use ``compiled``."""
        assert self.compiled is not None
        return self.compiled

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


def is_shadow(ingress: Ingress, owner: str, status: RolloutStatus) -> bool:
    """Return whether an Ingress is the shadow of the rollout with this uid: by its owner, or by the uid in status.

    The latter where somebody has removed its ownerReference. One that is being deleted and that the daemon has written
    may have lost both.
    """
    if ingress.meta.owner is not None:
        return ingress.meta.owner.uid == owner
    if status.shadow is not None and status.shadow.uid == ingress.meta.uid:
        return True
    return ingress.meta.deleting and APPLIED_ANNOTATION in ingress.meta.annotations


def wanted_exposure(status: RolloutStatus) -> Exposure:
    """Return the exposure (weight, header, cookie) that a status asks for."""
    return Exposure(status.weight, status.routing.header, status.routing.cookie)
