"""Series of a rollout: how the router's signals and the schedule's SLIs make the target that a source reads."""

from dataclasses import replace

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.views import Ingress, Key
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.traffic.router.router import Router


def signals_of(router: Router, primary: Ingress, spec: RolloutSpec, revision: str | None) -> Signals:
    """Return the router's series of this rollout, with all variables that users' queries may name."""
    signals = router.signals(primary, spec)
    also = {
        "namespace": primary.meta.namespace, "ingress": spec.primary, "stableService": spec.stable_service,
        "canaryService": spec.canary_service, "revision": revision or "",
    }  # fmt: skip
    return replace(signals, variables={**signals.variables, **also})


def target_of(key: Key, spec: RolloutSpec, compiled: CompiledSchedule | None, signals: Signals) -> Target:
    """Return the series that the metrics source reads for a rollout."""
    target = Target(key.namespace, spec.primary, spec.stable_service, spec.shadow_name)
    if compiled is None:
        return target
    slis = compiled.measures
    asked = slis.questions(signals.variables)
    return target._replace(
        bounds=frozenset(slis.thresholds.values()), totals=asked.totals, parts=asked.parts, values=asked.values,
        needs=slis.needs,
    )  # fmt: skip
