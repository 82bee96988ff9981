"""Preflight of a whole cluster without starting anything: what the daemon would find if it began now.

``lint --live`` asks; it is the very observation that the engine makes, of every rollout at once.
"""

from collections.abc import Iterable, Mapping

from ingress_canary.api.rollout import RolloutStatus
from ingress_canary.domain.objects import Json, Key
from ingress_canary.domain.observation import AT_REST, Obstacle
from ingress_canary.domain.preflight.problem import Problem, Severity
from ingress_canary.domain.reasons import Reason
from ingress_canary.domain.router.choice import Routers
from ingress_canary.engine.documents import UnreadableStatus, read_spec, read_status
from ingress_canary.engine.ledger import Ledger
from ingress_canary.engine.observe import claim, observe
from ingress_canary.engine.options import Options
from ingress_canary.ports import Cluster


def survey(cluster: Cluster, routers: Routers, options: Options) -> Mapping[Key, tuple[Problem, ...]]:
    """Return what stands in the way of each rollout, by key; one at rest is looked at as a new revision would be."""
    ledger, found = Ledger(), dict[Key, tuple[Problem, ...]]()
    bodies = {key: body for key in sorted(cluster.rollouts()) if (body := cluster.rollout(key)) is not None}
    for key, body in bodies.items():
        entry = ledger.entry(key, body["metadata"].get("uid", ""))
        read_spec(body, entry)
        if entry.spec is not None:
            claim(body, entry, ledger, cluster.view)
    for key, stored in bodies.items():
        entry = ledger.entry(key, stored["metadata"].get("uid", ""))
        if entry.spec is None:
            found[key] = tuple(_refused(key, [(Reason.INVALID_SPEC, entry.spec_problem or "")]))
            continue
        try:
            body = _begun_anew(stored)
        except UnreadableStatus as unreadable:
            found[key] = tuple(_refused(key, [(Reason.INVALID_SPEC, str(unreadable))]))
            continue
        scene = observe(body, entry, ledger, cluster, routers, options, 0.0)
        found[key] = (*_refused(key, scene.seen.obstacles), *scene.seen.problems)
    return found


def _begun_anew(body: Json) -> Json:
    at_rest = read_status(body).phase in AT_REST
    return {**body, "status": RolloutStatus().dump()} if at_rest else body


def _refused(key: Key, obstacles: Iterable[Obstacle]) -> Iterable[Problem]:
    """Yield what keeps the rollout from being looked at: its spec, or its schedule."""
    for reason, message in obstacles:
        if reason is not Reason.PREFLIGHT_FAILED:
            name = "schedule-exists" if reason is Reason.SCHEDULE_MISSING else "spec-is-served"
            yield Problem(0, name, Severity.ERROR, f"CanaryRollout {key}", "spec", message, "correct it and apply it")
