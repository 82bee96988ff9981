"""Takeover by a new leader: its first writes, after which the API server rejects the old leader's.

All updates carry the resourceVersion that they were decided on. So it is enough to move it once, of the status and of
the shadow, before anything else is done to a rollout. ``engine/loop.py`` does so on the first passes of a term.
"""

from collections.abc import Collection

from ingress_canary.api import LEADER_ANNOTATION
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import AT_REST
from ingress_canary.api.workload import WorkloadRef
from ingress_canary.domain.decision.observation import is_shadow
from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.digest import same
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key, Meta
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reconcile.identity import versions_of
from ingress_canary.engine.spec_parser import read_status
from ingress_canary.ports import Cluster


async def take_over(
    cluster: Cluster, body: Json, spec: RolloutSpec | None, leader: str, restarts: Collection[str]
) -> Json | None:
    """Stamp an active rollout's status, its shadow, and the workload that it copies images to; return the rollout.

    Of all others, for which None is returned, a late write is the first of a rollout, made on what was so at that time:
    the new leader sees it come, and takes over then. Raises ClusterError.
    """
    if spec is not None and has_another_canary(cluster.view, body, spec, restarts):
        # a watch that stands still shows the version that was there before the one that the old leader has judged
        for ref in filter(None, (spec.workload.canary, spec.workload.stable)):
            await cluster.read_workload(ref.kind, Key(Meta.of(body).namespace, ref.name))
    if not is_active(cluster.view, body, spec):
        return None
    status, name = read_status(body), shadow_name(body, spec)
    if status.leader != leader:
        body = await cluster.patch_status(body, {"leader": leader})
    if name is not None:
        # a watch that stands still shows nothing of what the old leader has done
        await cluster.read_shadows(name)
    shadow = own_shadow(cluster.view, body, spec)
    if shadow is not None and shadow.meta.annotations.get(LEADER_ANNOTATION) != leader:
        await cluster.patch_shadow(shadow, {"metadata": {"annotations": {LEADER_ANNOTATION: leader}}})
    stable = _workload(cluster.view, body, spec.workload.stable) if spec is not None else None
    if status.copying is not None and stable is not None:
        await cluster.stamp_workload(stable, leader)
    return body


def is_active(view: ClusterView, body: Json, spec: RolloutSpec | None) -> bool:
    """Return whether a rollout has a shadow or is under way, by the caches."""
    status = read_status(body)
    return own_shadow(view, body, spec) is not None or (status.phase not in AT_REST and status.started_at is not None)


def _workload(view: ClusterView, body: Json, ref: WorkloadRef | None) -> Workload | None:
    return view.workload(ref.kind, Key(Meta.of(body).namespace, ref.name)) if ref is not None else None


def is_behind(view: ClusterView, body: Json, spec: RolloutSpec | None, restarts: Collection[str]) -> bool:
    """Return whether the caches may lack what a former leader has done or seen, and what they show is no reason to act.

    They lack a shadow that carries a step by the status, or have another canary: so they do after a change, too.
    """
    recorded = read_status(body).shadow
    misses_shadow = recorded is not None and recorded.uid is not None and own_shadow(view, body, spec) is None
    return misses_shadow or (spec is not None and has_another_canary(view, body, spec, restarts))


def has_another_canary(view: ClusterView, body: Json, spec: RolloutSpec, restarts: Collection[str]) -> bool:
    """Return whether the canary is another version by the caches than by the status."""
    status = read_status(body)
    versions = versions_of(spec, _workload(view, body, spec.workload.canary), None, restarts)
    under_way = status.baseline if status.phase not in AT_REST else None
    began = under_way.canary if under_way is not None else None
    return False in (same(status.revision, versions.revision), same(began, versions.canary))


def shadow_name(body: Json, spec: RolloutSpec | None) -> Key | None:
    """Return the name of a rollout's shadow, by its status, else by its spec; None where neither has one."""
    status = read_status(body)
    name = status.shadow.name if status.shadow is not None else spec.shadow_name if spec is not None else None
    return None if name is None else Key(Meta.of(body).namespace, name)


def own_shadow(view: ClusterView, body: Json, spec: RolloutSpec | None) -> ShadowObject | None:
    """Return the shadow of a rollout as the caches have it."""
    name, owner, recorded = shadow_name(body, spec), Meta.of(body).uid, read_status(body).shadow
    found = view.shadows_named(name) if name is not None else ()
    return next((shadow for shadow in found if is_shadow(shadow, owner, recorded)), None)
