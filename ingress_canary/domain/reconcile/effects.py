"""Effects of a decision: every write of a pass as a value, in the order that is safe after a crash at any instant.

``engine/execute.py`` makes the writes, ``whatif`` and the tests' World apply them to their own values. ORDER:

1. StoreStatus: from the stored status everything below can be derived again, so the next pass goes on after a crash
2. CreateShadow, PatchShadow, DeleteShadow, TakeOffShadow: the shadow never carries more than the stored status allows
3. StartSettling: evidence of the weight counts from the write of the shadow on
4. RemoveLeftover: shadows under another name, of which the status says nothing
5. SetImages, SetReplicas, ForgetDenial: stable gets images only once the canary's shadow is as it is to be
6. ReleaseOwnership: a copy or a scaling is over only by the stored status
7. ClearAction: last, since an action that is still there is known by its id, and is not carried out twice

Each write to the API is conditional on the version that was read. An error ends the sequence; the next pass goes on.
Where the status cannot be stored, ``unstored`` is done instead of 2 to 7 (rule 4 of docs/concepts.md): the canary is
taken off traffic all the same, and one that stays on is judged all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.domain.decision.observation import Decision, Observation, leaves_shadow_alone
from ingress_canary.domain.decision.route import RouteState
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reconcile.assemble import AssembledPass
from ingress_canary.domain.reconcile.inputs import Remember, call
from ingress_canary.domain.reconcile.routes import manifest_of
from ingress_canary.domain.schedule.steps import Exposure, wanted_exposure
from ingress_canary.domain.status.publish import (
    NO_MESSAGES,
    NONE_KNOWN,
    Messages,
    StoredTexts,
    with_checkpoint,
    worth_writing,
)
from ingress_canary.domain.traffic.drift import merge_patch
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.workload import copy_images, scale_canary
from ingress_canary.domain.workload.release_ownership import OwnedPart, releases_due


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Store the status."""

    before: RolloutStatus
    """The status as this version has read it."""
    after: RolloutStatus


@dataclass(frozen=True, slots=True)
class CreateShadow:
    """Create the shadow, at weight 0."""

    resource: Resource
    manifest: Json


@dataclass(frozen=True, slots=True)
class PatchShadow:
    """Give the shadow the content that the status asks for."""

    shadow: ShadowObject
    patch: Json
    undone: tuple[Message, ...] = ()
    """Another writer's changes that this undoes."""


@dataclass(frozen=True, slots=True)
class DeleteShadow:
    """Delete the shadow; where a finalizer holds it, or the deletion is refused, take all traffic off it."""

    router: Router
    shadow: ShadowObject


@dataclass(frozen=True, slots=True)
class TakeOffShadow:
    """Take all traffic off a shadow that is being deleted already."""

    router: Router
    shadow: ShadowObject


@dataclass(frozen=True, slots=True)
class StartSettling:
    """Begin the settle time of the evidence; a change of memory, not a write."""


@dataclass(frozen=True, slots=True)
class RemoveLeftover:
    """Remove another shadow than the one that the status names."""

    removal: DeleteShadow | TakeOffShadow


@dataclass(frozen=True, slots=True)
class SetImages:
    """Set images of stable's containers."""

    workload: Workload
    images: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SetReplicas:
    """Set the replicas of the canary's workload."""

    workload: Workload
    replicas: int


@dataclass(frozen=True, slots=True)
class ReleaseOwnership:
    """Give up the ownership of fields of a workload that the daemon has written; no field changes."""

    owned: OwnedPart


@dataclass(frozen=True, slots=True)
class ForgetDenial:
    """Forget that the API has refused to change a workload: nothing is to be changed any more. No write."""


@dataclass(frozen=True, slots=True)
class ClearAction:
    """Remove the annotation of an action that the stored status has answered."""


Removal = DeleteShadow | TakeOffShadow
ShadowWrite = CreateShadow | PatchShadow | Removal
WorkloadWrite = SetImages | SetReplicas | ForgetDenial | ReleaseOwnership
Write = ShadowWrite | StartSettling | RemoveLeftover | WorkloadWrite | ClearAction
"""What follows the status."""
ORDER: tuple[tuple[type[Write], ...], ...] = (
    (CreateShadow, PatchShadow, DeleteShadow, TakeOffShadow),
    (StartSettling,),
    (RemoveLeftover,),
    (SetImages,),
    (SetReplicas, ForgetDenial),
    (ReleaseOwnership,),
    (ClearAction,),
)
"""The order of writes, after StoreStatus."""


class Effects(NamedTuple):
    """Everything that a pass writes, in order, the shadows route by route."""

    store: StoreStatus | None
    """None where the stored status is as good as the new one."""
    unstored: tuple[Removal | StartSettling, ...]
    """What is done, and nothing more, when the status cannot be stored."""
    evaluation: Evaluation | None
    """The evidence to go on with once the status is stored."""
    writes: tuple[Write, ...]


def effects(
    decision: Decision,
    assembled: AssembledPass,
    after: RolloutStatus,
    due: RolloutStatus | None,
    remembered: Remember = call,
) -> Effects:
    """Return what a decision writes: the status that is ``due``, if any, then what ``after`` asks for."""
    seen = assembled.seen
    shadows = tuple(write for route in seen.routes for write in _route_writes(route, assembled, after, remembered))
    return Effects(
        store=StoreStatus(seen.status, due) if due is not None else None,
        unstored=tuple(_unstored(seen, after)),
        evaluation=decision.evaluation,
        writes=(
            *shadows,
            *_settling(decision.evaluation, seen.routes, after, shadows),
            *(RemoveLeftover(removal_of(*leftover)) for leftover in assembled.leftovers),
            *_workload_writes(seen, after),
            *((ClearAction(),) if assembled.asked else ()),
        ),
    )


def status_due(
    before: RolloutStatus, after: RolloutStatus, decision: Decision, messages: Messages = NO_MESSAGES,
    known: StoredTexts = NONE_KNOWN, *, overdue: bool,
) -> RolloutStatus | None:  # fmt: skip
    """Return the status to be stored, with its checkpoint: when more than numbers changed, or after a while.

    ``messages`` and ``known`` are those of ``worth_writing``; ``overdue`` says that the checkpoint is old enough to be
    stored again, though only numbers may have changed.
    """
    changed = worth_writing(before, after, messages, known)
    if not changed and not (overdue and decision.wants_evidence and after.started_at is not None):
        return None
    full = with_checkpoint(after, decision.evaluation)
    return full if changed or before != full else None


def removal_of(router: Router, shadow: ShadowObject) -> Removal:
    """Return how a shadow is removed."""
    return TakeOffShadow(router, shadow) if shadow.meta.deleting else DeleteShadow(router, shadow)


def _unstored(seen: Observation, after: RolloutStatus) -> Iterator[Removal | StartSettling]:
    """Yield what is done when the status cannot be stored: remove the shadows all the same, or go on judging them."""
    shadows = [(route.router, route.shadow) for route in seen.routes if route.shadow is not None]
    if after.shadow is None:
        yield from (removal_of(*shadow) for shadow in shadows)
    # after a restart too: the shadow is as the last stored status says, and its evidence may end the rollout
    elif shadows and _is_unsettled(seen.evaluation):
        yield StartSettling()


def _route_writes(
    route: RouteState, assembled: AssembledPass, after: RolloutStatus, remembered: Remember
) -> Iterator[ShadowWrite]:
    """Yield what makes a route's shadow as the stored status says."""
    router, shadow, primary, seen = route.router, route.shadow, route.primary, assembled.seen
    if shadow is not None and _goes(shadow, after):
        yield removal_of(router, shadow)
        return
    if after.shadow is None or primary is None or leaves_shadow_alone(after):
        return
    if shadow is None:
        if after.shadow.uid is None and not route.foreign:
            yield CreateShadow(router.resource, manifest_of(router, primary, seen.spec, assembled.owner, Exposure()))
        return
    manifest = remembered(manifest_of, router, primary, seen.spec, assembled.owner, wanted_exposure(after))
    patch = remembered(merge_patch, router, shadow, manifest)
    if patch is not None:
        yield PatchShadow(shadow, patch, route.drift.raised if route.drift is not None else ())


def _goes(shadow: ShadowObject, after: RolloutStatus) -> bool:
    """Return whether a shadow is removed."""
    # one that is being deleted never gets traffic again: the rules wait until it is gone
    return after.shadow is None or shadow.meta.deleting


def _settling(
    evaluation: Evaluation | None, routes: Sequence[RouteState], after: RolloutStatus, writes: Sequence[ShadowWrite]
) -> Iterator[StartSettling]:
    """Yield the beginning of the settle time once all shadows are as the stored status says."""
    if evaluation is None or after.shadow is None:
        return
    for route in routes:
        if route.primary is None or (route.shadow is not None and _goes(route.shadow, after)):
            return
        # evidence goes on with whatever weight another writer leaves
        if route.shadow is None and not leaves_shadow_alone(after):
            return
    if _is_unsettled(evaluation) or any(isinstance(write, PatchShadow) for write in writes):
        yield StartSettling()


def _is_unsettled(evaluation: Evaluation | None) -> bool:
    return evaluation is not None and evaluation.settled_from is None


def _workload_writes(seen: Observation, after: RolloutStatus) -> Iterator[WorkloadWrite]:
    """Yield what gives stable's workload its images, the canary's its replicas, and neither an owner afterwards."""
    images, replicas = copy_images.images_due(after, seen.stable), scale_canary.replicas_due(after, seen.canary)
    if seen.stable is not None and images is not None:
        yield SetImages(seen.stable, images)
    if seen.canary is not None and replicas is not None:
        yield SetReplicas(seen.canary, replicas)
    if images is None and replicas is None and seen.denied is not None:
        yield ForgetDenial()
    yield from map(ReleaseOwnership, releases_due(after, seen.stable, seen.canary))
