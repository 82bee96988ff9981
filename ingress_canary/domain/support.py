"""What the contract takes and the daemon does not: behaviour of a later release, and more steps than it walks.

Refused in words, never silently ignored. Used by the daemon (reason InvalidSpec) and by ``lint``. A release that
brings a behaviour removes its line here.
"""

from collections.abc import Iterator

from ingress_canary.api.rollout import PromotionStrategy, RolloutSpec, WorkloadSpec
from ingress_canary.api.schedule import MAX_STEPS, ScheduleSpec, Sli
from ingress_canary.api.units import format_duration
from ingress_canary.domain.promql import counter_faults, value_faults
from ingress_canary.domain.steps import Walk

READY_TIMEOUT = WorkloadSpec().not_ready_timeout
"""What the API server writes where nobody said it: no wish of anybody's."""
NO_PROMETHEUS = "needs evidence from Prometheus; run the daemon with --source prometheus, or use requests or latency"
LATER = "is not served by this release; remove it"


def unsupported_rollout(spec: RolloutSpec) -> Iterator[tuple[str, str]]:
    """Yield (field, message) of each member of a rollout whose behaviour is not served yet."""
    if spec.promotion.strategy is not PromotionStrategy.MANUAL:
        yield "spec.promotion.strategy", f"{spec.promotion.strategy} is not served by this release; use Manual"
    if spec.workload.scale_canary is not None:
        yield "spec.workload.scaleCanary", LATER
    if spec.workload.not_ready_timeout != READY_TIMEOUT:
        usual = format_duration(READY_TIMEOUT)
        yield "spec.workload.notReadyTimeout", f"is not served by this release; remove it, or leave it at {usual}"


def unsupported_schedule(
    spec: ScheduleSpec, prefix: str = "spec", *, prometheus: bool = True
) -> Iterator[tuple[str, str]]:
    """Yield (field, message) of each member of a schedule that the daemon does not take.

    ``prometheus`` says whether its evidence comes from there.
    """
    if len(Walk.of(spec)) > MAX_STEPS:
        yield (
            f"{prefix}.steps",
            f"expands to more than {MAX_STEPS} steps; raise by or factor of a ramp, or remove steps",
        )
    for name, value in (("windows", spec.windows), ("gates", spec.gates), ("notifications", spec.notifications)):
        if value:
            yield f"{prefix}.{name}", LATER
    for number, step in enumerate(spec.steps):
        if step.approval is not None:
            yield f"{prefix}.steps[{number}].approval", LATER
    for number, slo in enumerate(spec.slos):
        for member, faults in _queries(slo.sli):
            yield from ((f"{prefix}.slos[{number}].sli.{member}", fault) for fault in faults)
            if not prometheus:
                yield f"{prefix}.slos[{number}].sli.{member}", NO_PROMETHEUS


def _queries(sli: Sli) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield each query of the user's own by its member, with what is wrong with it."""
    if sli.prometheus is not None:
        for member in ("bad", "good", "total"):
            query = getattr(sli.prometheus, member)
            if query is not None:
                yield f"prometheus.{member}", counter_faults(query)
    if sli.prometheus_threshold is not None:
        yield "prometheusThreshold.query", value_faults(sli.prometheus_threshold.query)
