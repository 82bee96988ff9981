"""Series of each rollout on /metrics, made when they are scraped, so that a tick pays nothing for them.

``daemon_metrics.py`` registers it and says what there is. All families are there from the start, without a sample.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingress_canary.api.rollout import AT_REST, RolloutStatus, SloStatus, Verdict
from ingress_canary.domain.objects.views import Key
from ingress_canary.domain.slo.plan import Plan

ROLLOUT = ("namespace", "name")
VERDICTS = {Verdict.FAIL: -1, Verdict.INCONCLUSIVE: 0, Verdict.PASS: 1, Verdict.NO_DATA: 2}


class _Families(NamedTuple):
    """The metric families of one scrape."""

    info: GaugeMetricFamily
    weight: GaugeMetricFamily
    share: GaugeMetricFamily
    step: GaugeMetricFamily
    evalue: GaugeMetricFamily
    threshold: GaugeMetricFamily
    verdict: GaugeMetricFamily
    moved: GaugeMetricFamily


class RolloutSeries(Collector):
    """Collector of the series of every rollout; at rest with the evidence that ended it."""

    def __init__(self) -> None:
        self._shown: dict[Key, tuple[Callable[[], RolloutStatus], Plan | None]] = {}

    def show(self, key: Key, shown: Callable[[], RolloutStatus], plan: Plan | None) -> None:
        """Replace what is shown of a rollout; ``shown`` is called at each scrape."""
        self._shown[key] = shown, plan

    def forget(self, key: Key) -> None:
        """Remove a rollout's series."""
        self._shown.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families."""
        families = _empty()
        for key, (shown, plan) in self._shown.items():
            _add(families, (key.namespace, key.name), shown(), plan)
        yield from families


def _empty() -> _Families:
    return _Families(
        _gauge("rollout_info", "1 for each rollout, with where it is in its life.", "phase", "reason", "revision"),
        _gauge("weight", "Weight on the shadow, percent."),
        _gauge("observed_share", "Canary requests over both sides', 0..1."),
        _gauge("step", "Step a rollout is at, from 1; 0 before."),
        _gauge("slo_log_evalue", "Natural logarithm of an E-value.", "slo", "test"),
        _gauge("slo_log_evalue_threshold", "Where that logarithm is a proof.", "slo", "test"),
        _gauge("slo_verdict", "-1 fail, 0 inconclusive, 1 pass, 2 no data.", "slo"),
        _gauge("last_transition_timestamp_seconds", "When the newest entry of a rollout's history was made."),
    )


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ingress_canary_{name}", meaning, labels=(*ROLLOUT, *labels))


def _add(to: _Families, place: tuple[str, str], status: RolloutStatus, plan: Plan | None) -> None:
    to.info.add_metric((*place, status.phase, status.reason, status.revision or ""), 1)
    to.weight.add_metric(place, status.shown_weight)
    to.step.add_metric(place, status.step.index if status.step else 0)
    if status.observed_share is not None and status.phase not in AT_REST:
        to.share.add_metric(place, status.observed_share)
    if status.history:
        to.moved.add_metric(place, status.history[-1].at.timestamp())
    uncalibrated = {bound.name for bound in plan.bounds} if plan is not None else set[str]()
    compared = {test.name: test.log_fail for test in plan.distributions} if plan is not None else dict[str, float]()
    for slo in status.slos:
        to.verdict.add_metric((*place, slo.name), VERDICTS[slo.verdict])
        if slo.name in compared:
            # a distribution has no objective, and so but one test
            to.evalue.add_metric((*place, slo.name, "relative"), slo.log_e.relative)
            to.threshold.add_metric((*place, slo.name, "relative"), compared[slo.name])
        elif slo.name not in uncalibrated:
            _add_evidence(to, (*place, slo.name), slo, plan)


def _add_evidence(to: _Families, place: tuple[str, str, str], slo: SloStatus, plan: Plan | None) -> None:
    """Add the logarithms of an SLO's E-values, and their thresholds."""
    tests = {"absolute": slo.log_e.absolute, "relative": slo.log_e.relative, "pass": slo.log_e.passing}
    for test, value in tests.items():
        to.evalue.add_metric((*place, test), value)
    design = (
        next((objective.design for objective in plan.objectives if objective.name == slo.name), None) if plan else None
    )
    if design is not None:
        proofs = {"absolute": design.log_fail, "relative": design.log_fail, "pass": design.log_pass}
        for test, value in proofs.items():
            to.threshold.add_metric((*place, test), value)
