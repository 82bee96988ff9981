"""Execute a decision: the writes to the API, in an order that is safe after a crash at any instant.

Status first, then the shadow, then a workload, then the action's annotation; each is conditional on the version that
was read. A canary is taken off traffic even when that decision cannot be stored (rule 4 of docs/concepts.md).
"""

from dataclasses import dataclass, replace

import structlog

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.api.rollout import CanaryRollout, RolloutStatus
from ingress_canary.domain.decision.observation import Decision, leaves_shadow_alone, wanted_exposure
from ingress_canary.domain.objects.views import Ingress, Json, Owner
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.status.publish import NO_MESSAGES, Messages, status_patch, with_checkpoint, worth_writing
from ingress_canary.domain.traffic.drift import merge_patch
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import OFF, is_off
from ingress_canary.domain.workload import copy_images, scale_canary
from ingress_canary.engine.inputs import PassInputs, manifest_of
from ingress_canary.engine.state.rollout_state import RolloutState
from ingress_canary.ports import Clock, Cluster, ClusterError, Conflict, Missing, Refused

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """Writes that were made for one decision, for the report."""

    wrote: bool = False
    """The status was stored."""
    reshaped: bool = False
    """The shadow was created, changed or removed."""
    undone: tuple[Message, ...] = ()
    """Another writer's changes that were undone."""
    by: str = ""
    """That writer's field manager."""
    fault: ClusterError | None = None
    """The error that stopped the remaining writes after the status was stored."""


@dataclass(frozen=True, slots=True)
class Applier:
    """Executes decisions: status, shadow, workloads and action annotation."""

    cluster: Cluster
    clock: Clock
    checkpoint: float
    """Longest time between two stored checkpoints, in the clock's seconds."""

    async def apply(
        self, body: Json, state: RolloutState, inputs: PassInputs, decision: Decision, after: RolloutStatus,
        due: RolloutStatus | None,
    ) -> Applied:  # fmt: skip
        """Store the status that is ``due``, write the shadow, clear the action; after an error the next pass goes on.

        Raises ClusterError while the status is not stored.
        """
        wrote = due is not None
        if due is not None:
            try:
                body = await self.store(body, state, inputs.seen.status, due)
            except Conflict:
                raise
            except ClusterError:
                await self._unstored(state, inputs, after)
                raise
        state.evaluation = decision.evaluation
        done = Applied()
        try:
            done = await self._shape(body, state, inputs, after)
            for leftover in inputs.leftovers:
                await self.remove(inputs.router, leftover)
            await self._write_workloads(state, inputs, after)
            if ACTION_ANNOTATION in (body["metadata"].get("annotations") or {}):
                await self.cluster.clear_action(body)
        except ClusterError as error:
            return replace(done, wrote=wrote, fault=error)
        return replace(done, wrote=wrote)

    def due(
        self, state: RolloutState, before: RolloutStatus, after: RolloutStatus, decision: Decision,
        messages: Messages = NO_MESSAGES,
    ) -> RolloutStatus | None:  # fmt: skip
        """Return the status to be written, with its checkpoint: when more than numbers changed, or after a while."""
        changed = worth_writing(before, after, messages, state.stored_texts)
        if not changed and not (self.overdue(state) and decision.wants_evidence and after.started_at is not None):
            return None
        full = with_checkpoint(after, decision.evaluation)
        return full if changed or before != full else None

    def overdue(self, state: RolloutState) -> bool:
        """Return whether the checkpoint is old enough to be stored again, though only numbers may have changed."""
        return self.clock.monotonic() - state.written >= self.checkpoint

    async def store(self, body: Json, state: RolloutState, before: RolloutStatus, after: RolloutStatus) -> Json:
        """Write a status where it differs from what is stored. Raises ClusterError."""
        patch = status_patch(body.get("status") or {}, before, after)
        if patch:
            body = await self.cluster.patch_status(body, patch)
        state.written = self.clock.monotonic()
        return body

    async def _unstored(self, state: RolloutState, inputs: PassInputs, after: RolloutStatus) -> None:
        """Handle a status that cannot be stored: remove the shadow all the same, or go on judging it."""
        shadow = inputs.seen.shadow
        if shadow is None:
            return
        if after.shadow is not None:
            # after a restart too: the shadow is as the last stored status says, and its evidence may end the rollout
            self._settles(state)
            return
        log.warning("shadow removed though its status could not be stored", rollout=str(inputs.seen.key))
        await self.remove(inputs.router, shadow)
        if not shadow.meta.deleting:
            # a deletion by another writer is to be reported as that
            state.removed = shadow.meta.uid

    async def _shape(self, body: Json, state: RolloutState, inputs: PassInputs, after: RolloutStatus) -> Applied:
        """Create, patch or delete the shadow so that it is as the stored status says."""
        seen, shadow = inputs.seen, inputs.seen.shadow
        if after.shadow is None:
            if shadow is None:
                return Applied()
            return Applied(reshaped=await self.remove(inputs.router, shadow))
        if shadow is not None and shadow.meta.deleting:
            # a shadow that is being deleted never gets traffic again: the rules wait until it is gone
            return Applied(reshaped=await self.remove(inputs.router, shadow))
        if inputs.primary is None:
            return Applied()
        if leaves_shadow_alone(after):
            # evidence goes on with whatever weight the other writer leaves; after a resume undone changes count anew
            self._settles(state)
            state.undone.clear()
            return Applied()
        owner = Owner(CanaryRollout.__name__, seen.key.name, body["metadata"]["uid"])
        if shadow is None:
            if after.shadow.uid is not None or seen.foreign:
                return Applied()
            return await self._create(state, manifest_of(inputs.router, inputs.primary, seen.spec, owner, Exposure()))
        remembered = state.memo.of
        manifest = remembered(manifest_of, inputs.router, inputs.primary, seen.spec, owner, wanted_exposure(after))
        patch = remembered(merge_patch, inputs.router, shadow, manifest)
        if patch is not None:
            await self.cluster.patch_ingress(shadow, patch)
        self._settles(state, afresh=patch is not None)
        undone = seen.drift.raised if seen.drift is not None and patch is not None else ()
        if undone:
            state.undone.append((self.clock.monotonic(), shadow.meta.manager))
        return Applied(reshaped=patch is not None, undone=undone, by=shadow.meta.manager or "unknown")

    async def _write_workloads(self, state: RolloutState, inputs: PassInputs, after: RolloutStatus) -> None:
        """Set stable's images and the canary's replicas as the stored status says."""
        stable, canary = inputs.seen.stable, inputs.seen.canary
        images, replicas = copy_images.images_due(after, stable), scale_canary.replicas_due(after, canary)
        try:
            if stable is not None and images is not None:
                await self.cluster.set_images(stable, images)
            if canary is not None and replicas is not None:
                await self.cluster.set_replicas(canary, replicas)
        except Refused as refusal:
            state.denied = str(refusal)
            raise
        state.denied = None

    def _settles(self, state: RolloutState, *, afresh: bool = False) -> None:
        """Start the settle time of the evidence, unless it is running already."""
        if state.evaluation is not None and (afresh or state.evaluation.settled_from is None):
            state.evaluation = state.evaluation.applied(self.clock.now())

    async def _create(self, state: RolloutState, manifest: Json) -> Applied:
        try:
            await self.cluster.create_ingress(manifest)
        except Refused as refusal:
            state.rejected = str(refusal)
            raise
        state.rejected = None
        return Applied(reshaped=True)

    async def remove(self, router: Router, shadow: Ingress) -> bool:
        """Delete a shadow; where it remains, take all traffic off it. Return whether anything was written.

        Raises ClusterError; a deletion that was refused is tried again.
        """
        if shadow.meta.deleting:
            return await self._take_off(router, shadow)
        try:
            held = await self.cluster.delete_ingress(shadow)
        except Missing:
            return True
        except ClusterError:
            await self._take_off(router, shadow)
            raise
        if held is not None:
            await self._take_off(router, held)
        return True

    async def _take_off(self, router: Router, shadow: Ingress) -> bool:
        """Patch a remaining shadow so that it sends no traffic to the canary; return whether that was needed.

        Raises ClusterError while it still sends any.
        """
        wrote, refusal = False, Refused(f"patch ingresses {shadow.meta.key}: accepted, and put back by another writer")
        for off in OFF:
            patch = off(router, shadow)
            if patch is None:
                continue
            try:
                shadow, wrote = await self.cluster.patch_ingress(shadow, patch), True
            except Refused as refused:
                refusal = refused
        if not is_off(router, shadow):
            raise refusal
        return wrote
