"""Preflight of a whole cluster without starting anything, for ``lint --live``.

Called by ``lint --live``: the observation that the engine makes, of every rollout at once.
"""

from collections.abc import Callable, Mapping

from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import AT_REST, RolloutStatus
from ingress_canary.domain.decision.observation import Obstacle
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.preflight.problem import Problem, ProblemSeverity
from ingress_canary.domain.preflight.reference_page import SCHEDULE_EXISTS, SPEC_IS_SERVED
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.engine.inputs import claim, observe
from ingress_canary.engine.options import Options
from ingress_canary.engine.spec_parser import UnreadableStatus, read_spec, read_status
from ingress_canary.engine.state.rollout_state import RolloutStates
from ingress_canary.ports import Cluster

Visibility = Callable[[str], bool]
"""Whether the schedules of a namespace may be read."""
CORRECT = "correct it and apply it"


def preflight_cluster(
    cluster: Cluster, routers: Routers, options: Options, sees: Visibility = lambda _: True
) -> Mapping[Key, tuple[Problem, ...]]:
    """Return the problems of each rollout, by key; one at rest is checked as a new revision would be.

    ``sees`` says in which namespaces schedules may be read: elsewhere a missing schedule is reported as not checked.
    """
    states, found = RolloutStates(), dict[Key, tuple[Problem, ...]]()
    bodies = {key: body for key in sorted(cluster.rollouts()) if (body := cluster.rollout(key)) is not None}
    for key, body in bodies.items():
        state = states.state_of(key, body["metadata"].get("uid", ""))
        read_spec(body, state)
        if state.spec is not None:
            claim(body, state, states, cluster.view)
    for key, stored in bodies.items():
        state = states.state_of(key, stored["metadata"].get("uid", ""))
        if state.spec is None:
            found[key] = (_unserved(key, state.spec_problem or FieldFault("it cannot be read")),)
            continue
        try:
            body = _begun_anew(stored)
        except UnreadableStatus as unreadable:
            found[key] = (_unserved(key, unreadable.fault._replace(field="status")),)
            continue
        inputs = observe(body, state, states, cluster, routers, options, 0.0)
        unseen = _unseen(state.spec, options, sees)
        refused = (_refused(key, obstacle, unseen) for obstacle in inputs.seen.obstacles)
        found[key] = (*(problem for problem in refused if problem is not None), *inputs.seen.problems)
    return found


def _begun_anew(body: Json) -> Json:
    at_rest = read_status(body).phase in AT_REST
    return {**body, "status": RolloutStatus().dump()} if at_rest else body


def _unseen(spec: RolloutSpec, options: Options, sees: Visibility) -> str | None:
    """Return the namespace of the spec's shared schedule where it cannot be read."""
    ref = spec.schedule.ref
    where = None if ref is None else ref.namespace or options.namespace
    return where if where is not None and not sees(where) else None


def _refused(key: Key, obstacle: Obstacle, unseen: str | None) -> Problem | None:
    """Return the problem of an obstacle in the spec or the schedule; None for what preflight found itself."""
    if obstacle.reason is Reason.PREFLIGHT_FAILED:
        return None
    if obstacle.reason is Reason.SCHEDULE_MISSING and unseen is not None:
        return Problem(
            0, SCHEDULE_EXISTS, ProblemSeverity.NOT_CHECKED, f"CanaryRollout {key}", "spec.schedule.ref",
            f"CanarySchedules of namespace {unseen} cannot be read",
            "you need get, list and watch on them, or say --accept-unchecked",
        )  # fmt: skip
    if obstacle.reason is Reason.SCHEDULE_MISSING:
        return Problem(
            0, SCHEDULE_EXISTS, ProblemSeverity.ERROR, f"CanaryRollout {key}", "spec.schedule.ref",
            str(obstacle.what), str(obstacle.remedy),
        )  # fmt: skip
    if obstacle.object:
        # what is wrong is in another object, which the rollout names
        return _unserved(key, FieldFault(str(obstacle._replace(remedy="")), str(obstacle.remedy)))
    return _unserved(key, FieldFault(str(obstacle.what), str(obstacle.remedy), obstacle.field))


def _unserved(key: Key, fault: FieldFault) -> Problem:
    """Return the problem of an unusable spec or status."""
    return Problem(
        0, SPEC_IS_SERVED, ProblemSeverity.ERROR, f"CanaryRollout {key}", fault.field or "spec", fault.what,
        fault.remedy or CORRECT,
    )  # fmt: skip
