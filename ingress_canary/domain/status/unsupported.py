"""Unsupported fields of a spec: valid in the schema, refused by this daemon, each with its remedy.

Refused in words, never silently ignored. Used by the daemon (reason InvalidSpec) and by ``lint``. A release that
brings a behaviour removes its line here.
"""

from collections.abc import Iterator, Sequence

from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import PromotionStrategy, RolloutSpec
from ingress_canary.api.schedule import MAX_STEPS, ScheduleSpec
from ingress_canary.api.units import format_duration
from ingress_canary.api.workload import WorkloadKind
from ingress_canary.domain.metrics.capabilities import EVERYTHING, Capabilities, lacking
from ingress_canary.domain.metrics.kinds.registry import kind_of
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.schedule.steps import StepList
from ingress_canary.domain.schedule.windows import Calendar
from ingress_canary.domain.status.notice_template import notification_faults


def unsupported_rollout(spec: RolloutSpec) -> Iterator[FieldFault]:
    """Yield the fault of each field of a rollout that cannot be combined with the others."""
    if spec.promotion.strategy is PromotionStrategy.COPY_IMAGES:
        for side in ("canary", "stable"):
            if getattr(spec.workload, side) is None:
                yield FieldFault("CopyImages needs both workloads", "name it, or use Manual", f"spec.workload.{side}")
    canary = spec.workload.canary
    if canary is not None and canary == spec.workload.stable:
        remedy = "name the one behind the stable Service, or none"
        yield FieldFault("is the canary's workload too", remedy, "spec.workload.stable")
    if spec.workload.scale_canary is not None and (canary is None or canary.kind is WorkloadKind.DAEMON_SET):
        remedy = "set spec.workload.canary to a Deployment or a StatefulSet"
        yield FieldFault("there is nothing to scale", remedy, "spec.workload.scaleCanary")


def unsupported_schedule(
    spec: ScheduleSpec, prefix: str = "spec", sources: Sequence[Capabilities] = (EVERYTHING,)
) -> Iterator[FieldFault]:
    """Yield the fault of each field of a schedule that the daemon does not support.

    ``sources`` says what each of its metrics sources can answer.
    """
    if len(StepList.of(spec)) > MAX_STEPS:
        remedy = "raise by or factor of a ramp, or remove steps"
        yield FieldFault(f"expands to more than {MAX_STEPS} steps", remedy, f"{prefix}.steps")
    yield from _never_finished(spec, prefix)
    yield from _of_no_step(spec, prefix)
    yield from notification_faults(spec.notifications, f"{prefix}.notifications")
    yield from _slis(spec, prefix, sources)


def _slis(spec: ScheduleSpec, prefix: str, sources: Sequence[Capabilities]) -> Iterator[FieldFault]:
    """Yield what the kind of each SLI refuses, and what no source can answer."""
    slis = SliSet.of(spec.slos, spec.analysis)
    missing = lacking(slis.needs, sources)
    for number, slo in enumerate(spec.slos):
        member, sli = kind_of(slo.sli)
        for fault in sli.faults(missing):
            yield fault._replace(field=".".join(filter(None, (f"{prefix}.slos[{number}].sli.{member}", fault.field))))
    for number, slo in enumerate(spec.slos):
        if slo.name in list(slis.distributions)[1:]:
            # each would take its part of alpha to say the same
            first = next(iter(slis.distributions))
            yield FieldFault(f"compares what {first} compares", "remove one of them", f"{prefix}.slos[{number}].sli")


def _of_no_step(spec: ScheduleSpec, prefix: str) -> Iterator[FieldFault]:
    """Yield the steps that gates name and that do not exist."""
    steps = StepList.of(spec).steps
    known = {str(step.index) for step in steps} | {step.name for step in steps if step.name}
    names = [step.name for step in steps if step.name]
    there = f"{', '.join(dict.fromkeys(names))} or a number" if names else "a number"
    for number, gate in enumerate(spec.gates):
        for place, step in enumerate(gate.steps):
            if step not in known:
                remedy = f"write {there} from 1 to {len(steps)}"
                yield FieldFault(f"there is no step {step}", remedy, f"{prefix}.gates[{number}].steps[{place}]")


def _never_finished(spec: ScheduleSpec, prefix: str) -> Iterator[FieldFault]:
    """Yield the steps that no window is long enough for, with finishInWindow."""
    windows = spec.windows
    if windows is None or not windows.finish_in_window or not windows.allow:
        return
    longest = Calendar.of(windows).longest()
    for step in StepList.of(spec).steps[:MAX_STEPS] if longest is not None else ():
        needed = spec.least_time(step.bake)
        if longest is not None and needed > longest:
            why = f"{step.title} takes {format_duration(needed)}, no window more than {format_duration(longest)}"
            yield FieldFault(f"finishInWindow: {why}", "shorten the bake or allow longer hours", f"{prefix}.windows")
            return
