"""Obstacles of a pass: what preflight finds on any route, and everything that prevents an advance."""

from collections.abc import Iterator, Sequence

from ingress_canary.api.rollout_status import AT_REST
from ingress_canary.domain.decision.observation import Obstacle, preflight_obstacle
from ingress_canary.domain.decision.route import RouteState
from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.preflight.inputs import UNKNOWN_FACTS, ControllerFacts, PreflightInputs
from ingress_canary.domain.preflight.problem import Findings, Problem
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.reconcile.inputs import CheckRules, PassInputs, Remember
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.status.unsupported import unsupported_rollout
from ingress_canary.domain.traffic.probe import unaskable_probe
from ingress_canary.domain.traffic.router.router import Router


def findings_of(
    inputs: PassInputs, routes: Sequence[RouteState], facts: ControllerFacts, remembered: Remember, check: CheckRules
) -> Findings | None:
    """Return what preflight finds on any route; None at rest, or without a schedule or a cluster."""
    view, compiled = inputs.view, inputs.compiled
    if view is None or compiled is None or inputs.status.phase in AT_REST:
        return None
    problems: tuple[Problem, ...] = ()
    for route in routes:
        known = configured_facts(view, route.router, remembered)._replace(pods=facts.pods, orphaned=facts.orphaned)
        problems += check(_subject(inputs, view, compiled, route, known), route.router.rules)
    return remembered(Findings, problems, inputs.options.accept_unchecked)


def configured_facts(view: ClusterView | None, router: Router, remembered: Remember) -> ControllerFacts:
    """Return what the configuration of a router's controllers says, as far as it can be read."""
    if view is None:
        return UNKNOWN_FACTS
    return remembered(router.facts, view.controller_config, view.controller_arguments)


def _subject(
    inputs: PassInputs, view: ClusterView, compiled: CompiledSchedule, route: RouteState, facts: ControllerFacts
) -> PreflightInputs:
    """Return what the rules of a route's router read."""
    status, router = inputs.status, route.router
    # rules that read shadows are those of routers by annotations
    shadow = route.shadow if isinstance(route.shadow, Ingress) else None
    return PreflightInputs(
        key=inputs.key, uid=inputs.uid, created=inputs.created, phase=status.phase, spec=inputs.spec,
        routes=compiled.routes, primary=route.primary, shadow=shadow, view=view, prefix=router.prefix,
        rivals=inputs.rivals, next_weight=compiled.next_weight(status.step.index if status.step else 0),
        controllers=inputs.options.controllers,
        facts=facts,
        bad_statuses=compiled.measures.bad_statuses,
        judged_by=compiled.measures.by_controllers,
        settle=compiled.spec.analysis.settle.total_seconds(),
    )  # fmt: skip


def obstacles_of(inputs: PassInputs, findings: Findings | None) -> Iterator[Obstacle]:
    """Yield what prevents an advance: an unreadable spec, the schedule, unsupported fields, preflight."""
    if inputs.spec_problem is not None:
        yield Obstacle(Reason.INVALID_SPEC, *inputs.spec_problem)
    yield from inputs.obstacles
    probe, compiled = inputs.spec.probe, inputs.compiled
    unaskable = unaskable_probe(probe, compiled.routes) if probe is not None and compiled is not None else ()
    for fault in (*unsupported_rollout(inputs.spec), *unaskable):
        yield Obstacle(Reason.INVALID_SPEC, *fault)
    if findings is not None and findings.refused:
        yield preflight_obstacle(findings.refused)
