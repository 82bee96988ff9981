"""Details of a rollout for ``status NAME``: pure functions of the objects. All that is shown the daemon has stored."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from ingress_canary.api.rollout_status import AT_REST, PausedBy, Phase, RolloutStatus, SloStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.sli import SequentialTest
from ingress_canary.api.units import format_percent, format_seconds
from ingress_canary.cli.views.rollout_table import age, aligned, schedule_of, status_of, weight_text
from ingress_canary.domain.objects.metadata import Json, Meta
from ingress_canary.domain.reasons.printable import printable
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import StepList, wanted_exposure
from ingress_canary.domain.slo.proof_levels import ProofLevels, proof_levels
from ingress_canary.domain.status.condition_types import FROZEN, PREFLIGHT, SCHEDULE_CURRENT, SHADOW_REMOVED


def render_rollout(body: Json, now: datetime, primary: Json | None = None) -> str:
    """Return the details of a rollout; with its primary also the curl command that reaches the canary now."""
    meta, status = Meta.of(body), status_of(body)
    stable = f", stable {status.stable_revision}" if status.stable_revision else ""
    failed = f", failed {status.failed_revision}" if status.failed_revision else ""
    lines = [
        f"CanaryRollout {meta.key}: revision {status.revision or '(none yet)'}{stable}{failed}",
        f"{status.phase}, {status.reason or 'not seen by a daemon yet'}: {status.message or '-'}",
    ]
    schedule = schedule_of(status)
    sections = (
        _rail(status, schedule), [*_step(status, schedule), *_reach(status, body, primary)],
        _evidence(status, schedule), _conditions(status), _gates(status), _person(status, meta), _history(status, now),
    )  # fmt: skip
    for section in sections:
        if part := list(section):
            lines += ["", *part]
    # objects may have been written by anybody
    return "\n".join(map(printable, lines))


def _rail(status: RolloutStatus, schedule: ScheduleSpec | None) -> Iterator[str]:
    """Yield the steps in a line: passed, present, to come."""
    if schedule is None:
        return
    at = status.step.index if status.step else 0
    # stable may have become the revision by another writer, long before the last step
    overtaken = status.phase is Phase.SUCCEEDED and status.reason == Reason.SUPERSEDED
    beyond = status.phase in (Phase.PROMOTING, Phase.SUCCEEDED) and not overtaken
    stop = "-" if overtaken else {Phase.ROLLED_BACK: "x", Phase.PAUSED: "="}.get(status.phase, ">")
    marks = []
    for step in StepList.of(schedule).steps:
        mark = "+" if step.index < at or beyond else stop if step.index == at else "."
        marks.append(f"{mark} {step.name or f'{step.exposure.weight:g} %'}")
    yield "steps     " + "   ".join(marks)


def _step(status: RolloutStatus, schedule: ScheduleSpec | None) -> Iterator[str]:
    share = "" if status.observed_share is None else f", observed share {format_percent(status.observed_share)}"
    shadow = f", shadow {status.shadow.name}" if status.shadow else ", no shadow"
    yield f"weight    {weight_text(status)}{share}{shadow}"
    if status.step is None or schedule is None or status.phase in AT_REST:
        return
    step = StepList.of(schedule).at(status.step.index)
    baked = f"baked {format_seconds(status.step.baked_seconds)} of {format_seconds(step.bake)}"
    held = f"held {format_seconds(status.step.held_seconds)} of {format_seconds(schedule.max_hold.total_seconds())}"
    since = f"{status.step.started_at:%Y-%m-%d %H:%M:%SZ}"
    yield f"step      {status.step.index} since {since}, {baked}, {held}, require {step.require}"


def _reach(status: RolloutStatus, body: Json, primary: Json | None) -> Iterator[str]:
    """Yield the curl command that reaches the canary now, whatever the weight."""
    if primary is None or status.shadow is None or status.shadow.uid is None:
        return
    from ingress_canary.domain.objects.ingress import Ingress  # noqa: PLC0415
    from ingress_canary.domain.traffic.curl_hint import curl_command  # noqa: PLC0415 - routers bring preflight along
    from ingress_canary.domain.traffic.router.nginx.router import NginxRouter  # noqa: PLC0415

    spec = body.get("spec") or {}
    send = (spec.get("probe") or {}).get("send")
    line = curl_command(
        Ingress.of(primary), spec.get("stableService") or "", wanted_exposure(status), NginxRouter(), send
    )
    if line is not None:
        yield f"reach it  {line}"


def _evidence(status: RolloutStatus, schedule: ScheduleSpec | None) -> Iterator[str]:
    """Yield each SLO's counts, and its log E-values with their thresholds."""
    if not status.slos:
        return
    levels: ProofLevels = proof_levels(schedule) if schedule else {}
    head = ("SLO", "VERDICT", "CANARY", "STABLE", "STEP", "FAIL ABSOLUTE", "FAIL RELATIVE", "PASS")
    rows = [_slo(slo, levels.get(slo.name)) for slo in status.slos]
    yield from aligned([head, *rows]).splitlines()
    yield from (f"{slo.name}: {slo.message}" for slo in status.slos if slo.message)


def _slo(slo: SloStatus, levels: Mapping[SequentialTest, float] | None) -> tuple[str, ...]:
    """Return an SLO's row, without levels where they are not known.

    One that compares a histogram has one test, and counts of the bound that shows most.
    """
    bad = "slower" if levels and levels.keys() == {SequentialTest.RELATIVE} else "bad"
    sides = (f"{side.bad:,} {bad} of {side.total:,}" for side in (slo.canary, slo.stable, slo.step))
    return (slo.name, slo.verdict, *sides, *(_log_e(slo, test, levels) for test in SequentialTest))


def _log_e(slo: SloStatus, test: SequentialTest, levels: Mapping[SequentialTest, float] | None) -> str:
    if levels is not None and test not in levels:
        return "-"
    log_e: float = getattr(slo.log_e, test)
    return f"{log_e:.2f}" if levels is None else f"{log_e:.2f} of {levels[test]:.2f}"


def _conditions(status: RolloutStatus) -> Iterator[str]:
    for condition in status.conditions:
        if condition.type == PREFLIGHT:
            yield f"{condition.type.lower():9} {condition.reason}: {condition.message}"
        elif condition.type in (FROZEN, SCHEDULE_CURRENT):
            if condition.status == ("True" if condition.type == FROZEN else "False"):
                yield f"{'frozen' if condition.type == FROZEN else 'schedule':9} {condition.message}"
        elif condition.type == SHADOW_REMOVED:
            if condition.status == "False":
                yield f"{'shadow':9} {condition.message}"
        elif condition.type == "Effective":
            yield f"{condition.type.lower():9} {condition.status}: {condition.message or 'not tested'}"


def _gates(status: RolloutStatus) -> Iterator[str]:
    """Yield each webhook gate's last answer, and when it is asked next."""
    if not status.gates:
        return
    head = ("GATE", "WHEN", "STEP", "VERDICT", "ASKED", "LAST", "NEXT", "MESSAGE")
    rows = [
        (gate.name, gate.when, str(gate.step or "-"), gate.verdict, f"{gate.attempts}x", _second(gate.at),
         _second(gate.next_at), gate.message or "-")
        for gate in status.gates
    ]  # fmt: skip
    yield from aligned([head, *rows]).splitlines()


def _second(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%H:%M:%SZ}"


def _person(status: RolloutStatus, meta: Meta) -> Iterator[str]:
    """Yield a person's last action, and the action that is waited for."""
    approval = status.approval
    if approval is not None and approval.given_at is None:
        until = "in vain since" if approval.overdue else "until"
        yield (
            f"approval  step {approval.step} waits for it since {approval.asked_at:%Y-%m-%d %H:%M:%SZ}, "
            f"{until} {approval.until:%Y-%m-%d %H:%M:%SZ}: ingress-canary approve {meta.name} -n {meta.namespace}"
        )
    elif approval is not None:
        yield f"approval  of step {approval.step} given at {approval.given_at:%Y-%m-%d %H:%M:%SZ}"
    if status.pause is not None:
        yield f"paused    {_pause(status, status.pause.by, meta)}"
    elif status.phase is Phase.ROLLED_BACK:
        yield f"at rest   to try {status.failed_revision} again: ingress-canary retry {meta.name} -n {meta.namespace}"
    if status.last_action is not None:
        note = f": {status.last_action.note}" if status.last_action.note else ""
        yield f"action    {status.last_action.verb} ({status.last_action.result}){note}"


def _pause(status: RolloutStatus, by: PausedBy, meta: Meta) -> str:
    """Return who or what paused the rollout, and what resumes it."""
    resume = f"to go on: ingress-canary resume {meta.name} -n {meta.namespace}"
    match by:
        case PausedBy.SPEC:
            return "by spec.paused; to go on: set it to false"
        case PausedBy.USER:
            return f"by a person; {resume}"
        case PausedBy.DAEMON:
            return f"because of {status.reason}; {resume}"


def _history(status: RolloutStatus, now: datetime) -> Iterator[str]:
    if not status.history:
        return
    head = ("AGO", "PHASE", "REASON", "STEP", "WEIGHT", "MESSAGE")
    rows = [
        (age(entry.at, now), entry.phase, entry.reason, str(entry.step or "-"), f"{entry.weight:g} %", entry.message)
        for entry in reversed(status.history)
    ]
    yield from aligned([head, *rows]).splitlines()
