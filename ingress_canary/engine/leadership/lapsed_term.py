"""Lapsed term: what a leader whose lease has ended, and which nobody is known to follow, does about a failing canary.

The engine goes on with its passes for ``Leadership.grace`` seconds, and leaves their decisions to ``LapsedTerm``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from ingress_canary.api import APPLIED_ANNOTATION, FAILED_ANNOTATION
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.reconcile.last_write import FailedShadow, LastSeen, failed_shadows, why_left_alone
from ingress_canary.domain.traffic.shadow_removal import OFF, is_off
from ingress_canary.engine.leadership.leader_guard import LapsedGuard
from ingress_canary.engine.leadership.takeover import own_shadow
from ingress_canary.engine.spec_parser import UnreadableStatus, read_status
from ingress_canary.engine.state.rollout_state import RolloutState
from ingress_canary.ports import Cluster, Conflict, Missing, Refused, Unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LapsedTerm:
    """Takes failing canaries off, each on the version of its shadow that was seen when the lease ended."""

    guard: LapsedGuard
    last_seen: dict[Key, LastSeen]
    told: dict[Key, str] = field(default_factory=dict)
    """By rollout, why its failing canary was left alone, as it was last logged."""

    async def act(self, key: Key, seen: Observation, decision: Decision) -> None:
        """Carry out a decision that takes a failing canary off, and no other. Raises ClusterError."""
        last, failed = self.last_seen.get(key), failed_shadows(seen, decision)
        if last is None or not failed:
            return
        why = why_left_alone(seen, last)
        if why is not None:
            self._tell(key, why)
            return
        for one in failed:
            try:
                await self._take_off(key, one)
            except (Conflict, Missing):
                # whoever has written it has seen it later than this process
                del self.last_seen[key]
                self._tell(key, "the shadow was changed or deleted meanwhile")
                return

    async def _take_off(self, key: Key, failed: FailedShadow) -> None:
        """Take all traffic off a shadow that says why, and stays for the next leader; delete one that cannot be so."""
        shadow = failed.shadow
        for off in OFF:
            patch = off(failed.router, shadow)
            if patch is None:
                continue
            try:
                shadow = await self.guard.patch_shadow(shadow, _marked(patch, failed.mark))
                self._note(key, shadow)
            except (Refused, Unavailable) as error:
                log.warning("a failing canary could not be marked and taken off", rollout=str(key), error=str(error))
                if isinstance(error, Unavailable):
                    # the next one would take as long, and there is little time
                    break
        if is_off(failed.router, shadow):
            log.warning("canary taken off without the lease", rollout=str(key), failed=failed.mark)
            return
        held = await self.guard.delete_shadow(shadow)
        if held is None:
            log.warning("shadow deleted without the lease", rollout=str(key), failed=failed.mark)
        else:
            self._note(key, held)
            log.warning("shadow deleted without the lease, and still there", rollout=str(key), failed=failed.mark)

    def _note(self, key: Key, shadow: ShadowObject) -> None:
        """Take a version of our own for the last one seen."""
        last = self.last_seen[key]
        versions = {**last.versions, shadow.meta.uid: shadow.meta.resource_version}
        self.last_seen[key] = last._replace(versions=versions)

    def _tell(self, key: Key, why: str) -> None:
        if self.told.get(key) != why:
            self.told[key] = why
            log.warning("a failing canary is left to the next leader", rollout=str(key), why=why)


def lapsed_term(guard: LapsedGuard, cluster: Cluster, states: Mapping[Key, RolloutState]) -> LapsedTerm:
    """Return the lapsed term after a term of which the states are left, as the caches are at this moment."""
    last_seen = dict[Key, LastSeen]()
    for key, state in states.items():
        body = cluster.rollout(key)
        if body is None or not state.taken_over:
            continue
        try:
            shadow, leader = own_shadow(cluster.view, body, state.spec), read_status(body).leader
        except UnreadableStatus:
            continue
        if shadow is not None:
            last_seen[key] = LastSeen(leader, {shadow.meta.uid: shadow.meta.resource_version})
    return LapsedTerm(guard, last_seen)


def _marked(patch: Json, mark: str) -> Json:
    """Return a patch that takes traffic off a shadow with the reason added, and without the daemon's fingerprint.

    So one that does not know the mark takes it for a lowering by somebody else, and puts nothing back.
    """
    annotations = {**patch["metadata"]["annotations"], FAILED_ANNOTATION: mark}
    del annotations[APPLIED_ANNOTATION]
    return {**patch, "metadata": {"annotations": annotations}}
