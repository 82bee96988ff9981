"""Identity of a rollout in a pass: the versions that both workloads run, and the series that its requests have.

Derived by ``assemble.py``, which has it remembered: it changes with the workloads, the primary and the spec only.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.objects.revision import same_version, template_hash
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.traffic.router.router import Router


class Versions(NamedTuple):
    """What both workloads run."""

    revision: str | None
    """The canary's; None while its workload does not exist."""
    stable: str | None
    """The hash of the pod template."""
    canary: str | None
    same: bool


def versions_of(
    spec: RolloutSpec, canary: Workload | None, stable: Workload | None, restarts: Collection[str]
) -> Versions:
    """Return the revision, the hashes of stable's and the canary's pod templates, and whether both run one version.

    Annotations named in ``restarts`` make no version.
    """
    of_canary = template_hash(canary, restarts) if canary else None
    return Versions(
        revision=_revision(spec, of_canary),
        stable=template_hash(stable, restarts) if stable else None,
        canary=of_canary,
        same=canary is not None and stable is not None and same_version(canary, stable),
    )


def _revision(spec: RolloutSpec, canary: str | None) -> str | None:
    """Return the revision: ``spec.revision`` from CI, or the canary's hash, or a constant without either."""
    if spec.workload.canary is not None and canary is None:
        return None
    if spec.revision is not None:
        return spec.revision
    return canary if canary is not None else "initial"


def signals_of(
    router: Router, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts, revision: str | None
) -> Signals:
    """Return the router's series of this rollout, with all variables that users' queries may name."""
    signals = router.signals(primary, spec, facts)
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
        needs=slis.needs, every_bound=bool(slis.distributions),
    )  # fmt: skip
