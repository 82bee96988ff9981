"""What the contract names and this release does not serve yet: refused in words, never silently ignored.

Used by the daemon (reason InvalidSpec) and by ``lint``. A release that brings a behaviour removes its line here.
"""

from collections.abc import Iterator

from ingress_canary.api.rollout import PromotionStrategy, RolloutSpec
from ingress_canary.api.schedule import ScheduleSpec

LATER = "is not served by this release; remove it"


def unsupported_rollout(spec: RolloutSpec) -> Iterator[tuple[str, str]]:
    """Yield (field, message) of each member of a rollout whose behaviour is not served yet."""
    if spec.promotion.strategy is not PromotionStrategy.MANUAL:
        yield "spec.promotion.strategy", f"{spec.promotion.strategy} is not served by this release; use Manual"
    if spec.workload.scale_canary is not None:
        yield "spec.workload.scaleCanary", LATER
    if spec.probe is not None:
        yield "spec.probe", LATER


def unsupported_schedule(spec: ScheduleSpec, prefix: str = "spec") -> Iterator[tuple[str, str]]:
    """Yield (field, message) of each member of a schedule whose behaviour is not served yet."""
    for name, value in (("windows", spec.windows), ("gates", spec.gates), ("notifications", spec.notifications)):
        if value:
            yield f"{prefix}.{name}", LATER
    for number, step in enumerate(spec.steps):
        if step.approval is not None:
            yield f"{prefix}.steps[{number}].approval", LATER
    for number, slo in enumerate(spec.slos):
        for member in ("prometheus", "prometheus_threshold"):
            if getattr(slo.sli, member) is not None:
                alias = "prometheus" if member == "prometheus" else "prometheusThreshold"
                yield f"{prefix}.slos[{number}].sli.{alias}", LATER.replace("remove it", "use requests or latency")
