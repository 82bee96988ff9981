"""Executor of effects: makes the writes in the order in which ``domain/reconcile/effects.py`` has them.

What depends on the outcome of a write is decided here: a deletion that a finalizer holds or that is refused, and what
is remembered of a refusal.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import assert_never

import structlog

from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Meta
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reconcile.effects import (
    ClearAction,
    CreateShadow,
    DeleteShadow,
    Effects,
    ForgetDenial,
    PatchShadow,
    ReleaseOwnership,
    Removal,
    RemoveLeftover,
    SetImages,
    SetReplicas,
    StartSettling,
    StoreStatus,
    TakeOffShadow,
    Write,
)
from ingress_canary.domain.status.publish import status_patch
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import OFF, is_off
from ingress_canary.domain.workload.release_ownership import OwnedPart
from ingress_canary.engine.state.rollout_state import RolloutState
from ingress_canary.ports import Clock, Cluster, ClusterError, Conflict, Deposed, Missing, Refused

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
    held_back: bool = False
    """The API refused a write without which the rollout goes on: it is to be tried again."""
    fault: ClusterError | None = None
    """The error that stopped the remaining writes after the status was stored."""


@contextmanager
def _told(state: RolloutState) -> Iterator[None]:
    """Remember the API's words when a change of the shadow fails, until one succeeds."""
    try:
        yield
    except (Conflict, Deposed, Missing):
        # decided anew by what is there, or by another leader
        raise
    except ClusterError as error:
        state.unwritten = str(error)
        raise
    state.unwritten = None


@dataclass(frozen=True, slots=True)
class Executor:
    """Makes the writes of a pass, and records in the rollout's state what came of them."""

    cluster: Cluster
    clock: Clock

    async def execute(self, body: Json, state: RolloutState, effects: Effects) -> Applied:
        """Make all writes in their order; after an error the next pass goes on.

        Raises ClusterError while the status is not stored.
        """
        done = Applied(wrote=effects.store is not None)
        if effects.store is not None:
            try:
                body = await self.store(body, state, effects.store)
            except Conflict:
                raise
            except ClusterError:
                await self._unstored(body, state, effects)
                raise
        state.evaluation = effects.evaluation
        try:
            for write in effects.writes:
                done = await self._make(write, body, state, done)
        except ClusterError as error:
            return replace(done, fault=error)
        return done

    async def store(self, body: Json, state: RolloutState, status: StoreStatus) -> Json:
        """Write a status where it differs from what is stored. Raises ClusterError."""
        patch = status_patch(body.get("status") or {}, status.before, status.after)
        if patch:
            body = await self.cluster.patch_status(body, patch)
        state.written = self.clock.monotonic()
        return body

    async def remove(self, removal: Removal) -> bool:
        """Delete a shadow; where it remains, take all traffic off it. Return whether anything was written.

        Raises ClusterError; a deletion that was refused is tried again.
        """
        router, shadow = removal.router, removal.shadow
        if isinstance(removal, TakeOffShadow):
            return await self._take_off(router, shadow)
        try:
            held = await self.cluster.delete_shadow(shadow)
        except Missing:
            return True
        except ClusterError:
            await self._take_off(router, shadow)
            raise
        if held is not None:
            await self._take_off(router, held)
        return True

    async def _make(self, write: Write, body: Json, state: RolloutState, done: Applied) -> Applied:
        """Make one write, and return what has been written so far."""
        match write:
            case CreateShadow():
                with _told(state):
                    await self._create(state, write)
                return replace(done, reshaped=True)
            case PatchShadow(shadow, patch, undone):
                with _told(state):
                    await self.cluster.patch_shadow(shadow, patch)
                if undone:
                    state.undone.append((self.clock.monotonic(), shadow.meta.manager))
                return replace(done, reshaped=True, undone=undone, by=shadow.meta.manager or "unknown")
            case DeleteShadow() | TakeOffShadow():
                with _told(state):
                    return replace(done, reshaped=await self.remove(write))
            case StartSettling():
                self._settle(state)
            case RemoveLeftover(removal):
                await self.remove(removal)
            case SetImages() | SetReplicas():
                await self._change_workload(state, write)
            case ReleaseOwnership(owned):
                return replace(done, held_back=not await self._release(owned) or done.held_back)
            case ForgetDenial():
                state.denied = None
            case ClearAction():
                await self.cluster.clear_action(body)
            case _:
                assert_never(write)
        return done

    async def _unstored(self, body: Json, state: RolloutState, effects: Effects) -> None:
        """Do what is done of a pass whose status cannot be stored."""
        for write in effects.unstored:
            if not isinstance(write, StartSettling):
                key = Meta.of(body).key
                log.warning("shadow removed though its status could not be stored", rollout=str(key))
            await self._make(write, body, state, Applied())
            if isinstance(write, DeleteShadow):
                # a deletion by another writer is to be reported as that
                state.removed |= {write.shadow.meta.uid}

    async def _create(self, state: RolloutState, write: CreateShadow) -> None:
        try:
            await self.cluster.create_shadow(write.resource, write.manifest)
        except Refused as refusal:
            state.rejected = str(refusal)
            raise
        state.rejected = None

    async def _change_workload(self, state: RolloutState, write: SetImages | SetReplicas) -> None:
        try:
            if isinstance(write, SetImages):
                await self.cluster.set_images(write.workload, write.images)
            else:
                await self.cluster.set_replicas(write.workload, write.replicas)
        except Refused as refusal:
            state.denied = str(refusal)
            raise
        state.denied = None

    async def _release(self, owned: OwnedPart) -> bool:
        """Give up ownership; return whether the API let it be. Raises ClusterError."""
        try:
            await self.cluster.release_ownership(owned)
        except Refused as refusal:
            log.warning("ownership not given up, trying again", workload=owned.workload.title, error=str(refusal))
            return False
        return True

    def _settle(self, state: RolloutState) -> None:
        """Start the settle time of the evidence."""
        if state.evaluation is not None:
            state.evaluation = state.evaluation.applied(self.clock.now())

    async def _take_off(self, router: Router, shadow: ShadowObject) -> bool:
        """Patch a remaining shadow so that it sends no traffic to the canary; return whether that was needed.

        Raises ClusterError while it still sends any.
        """
        wrote, refusal = (
            False,
            Refused(f"patch {shadow.resource.plural} {shadow.meta.key}: accepted, and put back by another writer"),
        )
        for off in OFF:
            patch = off(router, shadow)
            if patch is None:
                continue
            try:
                shadow, wrote = await self.cluster.patch_shadow(shadow, patch), True
            except Refused as refused:
                refusal = refused
        if not is_off(router, shadow):
            raise refusal
        return wrote
