"""Series of each rollout on /metrics, made when they are scraped, so that a tick pays nothing for them.

``daemon_metrics.py`` registers it and says what there is. All families are there from the start, without a sample.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingress_canary.api.rollout_status import AT_REST, RolloutStatus, Verdict
from ingress_canary.api.sli import SequentialTest
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.slo.proof_levels import ProofLevels

ROLLOUT = ("namespace", "name")
VERDICTS = {Verdict.FAIL: -1, Verdict.INCONCLUSIVE: 0, Verdict.PASS: 1, Verdict.NO_DATA: 2}
LABELS = {SequentialTest.ABSOLUTE: "absolute", SequentialTest.RELATIVE: "relative", SequentialTest.PASSING: "pass"}


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
        self._shown: dict[Key, tuple[Callable[[], RolloutStatus], ProofLevels]] = {}

    def show(self, key: Key, shown: Callable[[], RolloutStatus], levels: ProofLevels) -> None:
        """Replace what is shown of a rollout; ``shown`` is called at each scrape."""
        self._shown[key] = shown, levels

    def forget(self, key: Key) -> None:
        """Remove a rollout's series."""
        self._shown.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families."""
        families = _empty()
        for key, (shown, levels) in self._shown.items():
            _add(families, (key.namespace, key.name), shown(), levels)
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


def _add(to: _Families, place: tuple[str, str], status: RolloutStatus, levels: ProofLevels) -> None:
    to.info.add_metric((*place, status.phase, status.reason, status.revision or ""), 1)
    to.weight.add_metric(place, status.shown_weight)
    to.step.add_metric(place, status.step.index if status.step else 0)
    if status.observed_share is not None and status.phase not in AT_REST:
        to.share.add_metric(place, status.observed_share)
    if status.history:
        to.moved.add_metric(place, status.history[-1].at.timestamp())
    for slo in status.slos:
        to.verdict.add_metric((*place, slo.name), VERDICTS[slo.verdict])
        held = levels.get(slo.name)
        for test in SequentialTest if held is None else held:
            to.evalue.add_metric((*place, slo.name, LABELS[test]), getattr(slo.log_e, test))
        for test, level in (held or {}).items():
            to.threshold.add_metric((*place, slo.name, LABELS[test]), level)
