"""Takeover by a new leader: its first writes, after which the API server rejects the old leader's.

All updates carry the resourceVersion that they were decided on. So it is enough to move it once, of the status and of
the shadow, before anything else is done to a rollout. ``engine/loop.py`` does so on the first pass of a term.
"""

from ingress_canary.api import LEADER_ANNOTATION
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import AT_REST
from ingress_canary.domain.decision.observation import is_shadow
from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key, Meta
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.engine.spec_parser import read_status
from ingress_canary.ports import Cluster


async def take_over(cluster: Cluster, body: Json, spec: RolloutSpec | None, leader: str) -> Json:
    """Stamp an active rollout's status, its shadow, and the workload that it copies images to; return the rollout.

    Active is what has a shadow or is under way. For all others a late write is the first of a rollout, made on what
    was so at that time: the new leader sees it come. Raises ClusterError.
    """
    status, name = read_status(body), shadow_name(body, spec)
    if own_shadow(cluster.view, body, spec) is None and (status.phase in AT_REST or status.started_at is None):
        return body
    if status.leader != leader:
        body = await cluster.patch_status(body, {"leader": leader})
    if name is not None:
        # a watch that stands still shows nothing of what the old leader has done
        await cluster.read_shadows(name)
    shadow = own_shadow(cluster.view, body, spec)
    if shadow is not None and shadow.meta.annotations.get(LEADER_ANNOTATION) != leader:
        await cluster.patch_shadow(shadow, {"metadata": {"annotations": {LEADER_ANNOTATION: leader}}})
    if status.copying is not None and spec is not None and (stable := _stable(cluster.view, body, spec)) is not None:
        await cluster.stamp_workload(stable, leader)
    return body


def _stable(view: ClusterView, body: Json, spec: RolloutSpec) -> Workload | None:
    ref = spec.workload.stable
    return view.workload(ref.kind, Key(Meta.of(body).namespace, ref.name)) if ref is not None else None


def misses_shadow(view: ClusterView, body: Json, spec: RolloutSpec | None) -> bool:
    """Return whether the caches lack a shadow that carries a step by the status: it is deleted, or they are behind."""
    recorded = read_status(body).shadow
    return recorded is not None and recorded.uid is not None and own_shadow(view, body, spec) is None


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
