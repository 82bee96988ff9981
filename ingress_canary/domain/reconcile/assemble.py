"""Assembly of a pass: everything that a decision needs, derived from what was gathered.

``assemble`` is the first of the three functions of a pass, before ``decide`` and ``effects``; one short function for
each thing that is derived. What changes in memory is returned as a value, and kept by the caller.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from ingress_canary.api.gate import GateStatus
from ingress_canary.api.rollout import CanaryRollout
from ingress_canary.api.rollout_status import AT_REST, RolloutStatus
from ingress_canary.domain.decision.observation import Observation, leaves_shadow_alone
from ingress_canary.domain.decision.route import RouteState
from ingress_canary.domain.evaluation.evaluation import Evaluation, EvidenceMode, TickInputs
from ingress_canary.domain.gates.schedule import record_answer
from ingress_canary.domain.metrics.counting import CounterBook, ReadingCounts, advance, requests_by_process
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Reading, Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.metadata import Owner
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.preflight.problem import Findings
from ingress_canary.domain.preflight.run_rules import preflight
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reconcile.evidence import take_evidence
from ingress_canary.domain.reconcile.identity import signals_of, target_of, versions_of
from ingress_canary.domain.reconcile.inputs import (
    CheckRules,
    OwnedShadow,
    PassInputs,
    PassMemory,
    Remember,
    StepBeginning,
    call,
)
from ingress_canary.domain.reconcile.obstacles import configured_facts, findings_of, obstacles_of
from ingress_canary.domain.reconcile.routes import first_held, leftovers_of, route_state
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import wanted_exposure
from ingress_canary.domain.traffic.effectiveness import EffectState
from ingress_canary.domain.traffic.ineffective_diagnosis import Circumstances, likely_causes, requests_since
from ingress_canary.domain.traffic.probe import ProbeRequest, probe_request

FIGHT_UNDOINGS = 5
FIGHT_SECONDS = 600


class AssembledPass(NamedTuple):
    """An observation, with what the effects of its decision will need and what is to be remembered."""

    seen: Observation
    owner: Owner
    """The rollout as the owner of its shadows."""
    target: Target | None
    """The series that the metrics source reads for this rollout."""
    findings: Findings | None
    """What preflight found, graded by the settings; None where it did not run: at rest, or without a schedule."""
    leftovers: tuple[OwnedShadow, ...]
    """Other shadows of this rollout, or of an earlier one of its name; they must not send traffic to the canary."""
    asked: bool
    """Whether the rollout carries the annotation of an action, answered or not."""
    memory: PassMemory
    """What is to be remembered, whatever is decided."""
    tick: TickInputs | None
    """By what evidence is counted and judged; None without a schedule or a primary."""
    has_evidence: bool = False
    """Whether new evidence was taken in."""
    fault: Exception | None = None
    """Why the evidence could not be judged, the first time that it is so."""


def assemble(inputs: PassInputs, remembered: Remember = call, check: CheckRules = preflight) -> AssembledPass:
    """Return what a pass is about; ``remembered`` and ``check`` may know already what they would return."""
    spec, status, memory, compiled, options = (
        inputs.spec, inputs.status, inputs.memory, inputs.compiled, inputs.options,
    )  # fmt: skip
    owner = Owner(CanaryRollout.__name__, inputs.key.name, inputs.uid)
    routes = tuple([route_state(route, inputs, owner, remembered) for route in inputs.routes])
    # one target is read so far, so that evidence is that of the first route
    router, primary = routes[0].router, routes[0].primary
    facts = _facts_of_reading(inputs)
    findings = findings_of(inputs, routes, facts, remembered, check)
    versions = remembered(versions_of, spec, inputs.canary, inputs.stable, options.restarts)
    signals = counted = None
    if primary is not None:
        configured = configured_facts(inputs.view, router, remembered)
        counted = remembered(router.counts, primary, spec, configured)
        signals = remembered(signals_of, router, primary, spec, configured, versions.revision)
    tick = _tick(inputs, compiled, signals, routes) if compiled is not None and signals else None
    evaluation, fault = _evaluation(inputs, routes), None
    has_evidence = evaluation is not None and tick is not None and inputs.evidence is not None
    if evaluation is not None and tick is not None and inputs.evidence is not None:
        count = partial(_count, remembered)
        evaluation, fault = take_evidence(evaluation, inputs.evidence, tick, count, clock_set=memory.clock_set)
    step_began = _step_began(inputs, evaluation)
    # the fight has been reported: after a person's resume, undone changes are counted anew
    undone = () if leaves_shadow_alone(status) else memory.undone
    leftovers = leftovers_of(inputs, owner, routes)
    gates = _gate_records(inputs)
    seen = Observation(
        key=inputs.key,
        generation=inputs.generation,
        spec=spec,
        status=status,
        compiled=compiled,
        shared_in=inputs.shared_in,
        obstacles=tuple(obstacles_of(inputs, findings)),
        problems=findings.problems if findings else (),
        revision=versions.revision,
        canary=inputs.canary,
        stable=inputs.stable,
        stable_hash=versions.stable,
        canary_hash=versions.canary,
        same_version=versions.same,
        causes=_causes(inputs, evaluation, findings, facts, step_began),
        stable_ready=len(inputs.stable_endpoints.ready),
        canary_ready=len(inputs.canary_endpoints.ready),
        routes=routes,
        leftover=first_held(leftovers),
        fighting=_fighting(undone, inputs.monotonic),
        rejected=memory.rejected,
        frozen=inputs.frozen,
        outdated=inputs.outdated,
        denied=memory.denied,
        unwritten=memory.unwritten,
        action=_action(inputs.action, status),
        gates=gates,
        evaluation=evaluation,
        counted=counted,
        interval=options.interval,
        warm_up=options.warm_up,
    )
    return AssembledPass(
        seen=seen,
        owner=owner,
        target=remembered(target_of, inputs.key, spec, compiled, signals) if signals is not None else None,
        findings=findings,
        leftovers=leftovers,
        asked=inputs.action is not None,
        memory=PassMemory(
            evaluation=evaluation,
            step_began=step_began,
            facts=facts,
            gates=gates,
            undone=undone,
            clock_set=memory.clock_set and not has_evidence,
            removed=memory.removed,
            rejected=memory.rejected,
            denied=memory.denied,
            failures=memory.failures,
            unwritten=memory.unwritten,
        ),
        tick=tick,
        has_evidence=has_evidence,
        fault=fault,
    )


def probe_of(assembled: AssembledPass, status: RolloutStatus) -> ProbeRequest | None:
    """Return the probe that the next tick is to send for a rollout with this status; None before its first step."""
    probe = assembled.seen.spec.probe
    if probe is None or status.step is None or assembled.target is None:
        return None
    return probe_request(probe, wanted_exposure(status), assembled.seen.routes[0].router, status.revision or "")


def _facts_of_reading(inputs: PassInputs) -> ControllerFacts:
    """Return what the newest usable reading of the source shows of the controllers."""
    evidence = inputs.evidence
    if isinstance(evidence, Reading) and evidence.error is None:
        return ControllerFacts(pods=len(evidence.instances), orphaned=evidence.orphaned)
    return inputs.memory.facts


def _evaluation(inputs: PassInputs, routes: Sequence[RouteState]) -> Evaluation | None:
    """Return the evaluation before this pass's evidence; None at rest, or without a schedule."""
    status, memory, compiled = inputs.status, inputs.memory, inputs.compiled
    if compiled is None or status.phase in AT_REST:
        return None
    evaluation = memory.evaluation
    if evaluation is None or not evaluation.continues(status):
        # after a restart, and after a transition whose answer was lost: its own evidence was stored with it
        began = status.schedule is not None
        evaluation = (Evaluation.restored(compiled, status) if began else Evaluation.new(compiled)).after(status)
    if status.step is not None and evaluation.analysis.step != status.step.index:
        # somebody has written another step into the status: the evidence is of the one that was stored with it
        evaluation = evaluation.enter(status.step.index)
    is_pending = any(route.is_pending for route in routes)
    # while the shadow cannot be written, the exposure that it has is judged: a canary may fail meanwhile
    if is_pending and not memory.failures and not leaves_shadow_alone(status):
        return evaluation.unapplied()
    return evaluation


def _tick(inputs: PassInputs, compiled: CompiledSchedule, signals: Signals, routes: Sequence[RouteState]) -> TickInputs:
    """Return by what this pass's evidence is counted and judged."""
    status, mode, wanted = inputs.status, EvidenceMode.of(inputs.status), wanted_exposure(inputs.status)
    carried = next((route.carried for route in routes if route.carried != wanted), wanted)
    return TickInputs(
        compiled=compiled,
        signals=signals,
        # no step bakes at another exposure than its own
        mode=EvidenceMode.WATCHING if mode is EvidenceMode.JUDGING and carried != wanted else mode,
        step=compiled.walk.at(status.step.index) if status.step else None,
        exposure=carried,
        sticky=any(route.sticky for route in routes),
        interval=inputs.options.interval,
        probe=inputs.probed,
        overdue=inputs.memory.failures > 0 and any(route.is_pending for route in routes),
    )


def _count(
    remembered: Remember, book: CounterBook, reading: Reading, signals: Signals, measures: SliSet, span: timedelta
) -> tuple[CounterBook, ReadingCounts]:
    """Return what ``advance`` returns: the ticker may have counted the same reading already."""
    return remembered(advance, book, reading, signals, measures, span)


def _step_began(inputs: PassInputs, evaluation: Evaluation | None) -> StepBeginning | None:
    """Return the counters that the present step began with, once it has settled."""
    step, began = inputs.status.step, inputs.memory.step_began
    if evaluation is None or step is None or evaluation.settling:
        return began
    if began is None or began[0] != step.started_at:
        return step.started_at, requests_by_process(evaluation.book)
    return began


def _causes(
    inputs: PassInputs,
    evaluation: Evaluation | None,
    findings: Findings | None,
    facts: ControllerFacts,
    step_began: StepBeginning | None,
) -> tuple[Message, ...]:
    """Return why the weight may have no effect, once it has none."""
    if evaluation is None or step_began is None or inputs.status.step is None or evaluation.settling:
        return ()
    if evaluation.effect.state is not EffectState.NOT_EFFECTIVE:
        return ()
    return likely_causes(
        Circumstances(
            weight=inputs.status.weight / 100,
            problems=findings.problems if findings else (),
            orphaned=facts.orphaned,
            processes=requests_since(requests_by_process(evaluation.book), step_began[1]),
            ready=len(inputs.canary_endpoints.ready),
            unready=len(inputs.canary_endpoints.unready),
        )
    )


def _fighting(undone: tuple[tuple[float, str], ...], monotonic: float) -> str | None:
    """Return the other writer whose changes have been undone too often of late."""
    recent = [writer for at, writer in undone if monotonic - at <= FIGHT_SECONDS]
    return (recent[-1] or "unknown") if len(recent) > FIGHT_UNDOINGS else None


def _gate_records(inputs: PassInputs) -> tuple[GateStatus, ...]:
    """Return the records of webhook gates, with the answers that no pass has taken yet."""
    records, answers = inputs.memory.gates, inputs.answers
    if records is None:
        records = tuple(inputs.status.gates)
    if not answers:
        return records
    return tuple(
        record_answer(record, answers[record.name]) if record.name in answers else record for record in records
    )


def _action(text: str | None, status: RolloutStatus) -> Action | None:
    """Return the action that is asked for, unless it has been answered."""
    if text is None:
        return None
    action = Action.parse(text)
    return None if status.last_action is not None and status.last_action.id == action.id else action
