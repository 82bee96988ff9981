"""The daemon's own metrics: a rollout's series are those of now and end with it; what is rare is counted from 0."""

from datetime import UTC, datetime
from math import log
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ingress_canary.adapters.telemetry.daemon_metrics import PrometheusTelemetry
from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.slo.proof_levels import proof_levels

KEY = Key("shop", "checkout")
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
SPEC = ScheduleSpec.model_validate(
    {
        "steps": [{"weight": 10, "bake": "5m"}, {"weight": 50, "bake": "5m"}],
        "slos": [
            {"name": "availability", "objective": 99.9, "sli": {"requests": {}}},
            {"name": "shape", "sli": {"latencyDistribution": {}}},
            {"name": "load", "sli": {"prometheusThreshold": {"query": "max(load)", "max": 1, "window": "1m"}}},
        ],
    }
)
LEVELS = proof_levels(SPEC)


def progressing(**members: Any) -> RolloutStatus:
    slo = {"verdict": "inconclusive", "logE": {"absolute": 1.5, "relative": -0.5, "passing": 2}}
    stored = {
        "phase": "Progressing", "reason": "Baking", "revision": "v2", "weight": 10, "observedShare": 0.125,
        "step": {"index": 1, "weight": 10, "startedAt": "2026-03-02T10:00:00Z"},
        "slos": [
            {"name": "availability", **slo}, {"name": "shape", "verdict": "fail", "logE": {"relative": 7}},
            {"name": "load", "verdict": "pass"},
        ],
        "history": [{"at": "2026-03-02T10:00:00Z", "phase": "Progressing", "reason": "Settling"}],
        **members,
    }  # fmt: skip
    return RolloutStatus.model_validate(stored)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> PrometheusTelemetry:
    return PrometheusTelemetry(registry, "prometheus")


def of_rollouts(registry: CollectorRegistry) -> dict[str, list[dict[str, str]]]:
    """Return the labels of every series that belongs to a rollout."""
    return {
        family.name.removeprefix("ingress_canary_"): [sample.labels for sample in family.samples]
        for family in registry.collect()
        if any("name" in sample.labels for sample in family.samples)
    }


def value(registry: CollectorRegistry, metric: str, /, **labels: str) -> float | None:
    return registry.get_sample_value(f"ingress_canary_{metric}", labels)


def test_a_rollout_is_shown_as_it_is_now_and_no_longer_as_it_was(
    registry: CollectorRegistry, telemetry: PrometheusTelemetry
) -> None:
    telemetry.rollout(KEY, progressing, LEVELS)
    telemetry.rollout(KEY, lambda: progressing(reason="InsufficientEvidence", weight=12.5), LEVELS)
    place = {"namespace": "shop", "name": "checkout"}
    assert of_rollouts(registry)["rollout_info"] == [
        {**place, "phase": "Progressing", "reason": "InsufficientEvidence", "revision": "v2"}
    ]
    assert value(registry, "weight", **place) == 12.5
    assert value(registry, "observed_share", **place) == 0.125
    assert value(registry, "step", **place) == 1
    assert value(registry, "last_transition_timestamp_seconds", **place) == AT.timestamp()
    assert value(registry, "slo_verdict", **place, slo="load") == 1


def test_evidence_is_shown_with_where_it_is_a_proof(
    registry: CollectorRegistry, telemetry: PrometheusTelemetry
) -> None:
    telemetry.rollout(KEY, progressing, LEVELS)
    labels = {"namespace": "shop", "name": "checkout", "slo": "availability"}
    shown = {
        test: [value(registry, one, **labels, test=test) for one in ("slo_log_evalue", "slo_log_evalue_threshold")]
        for test in ("absolute", "relative", "pass")
    }
    fail, proof = pytest.approx(log(4 / 0.01)), pytest.approx(log(1 / 0.05))
    assert shown == {"absolute": [1.5, fail], "relative": [-0.5, fail], "pass": [2, proof]}


def test_an_uncalibrated_slo_has_a_verdict_and_no_e_value(
    registry: CollectorRegistry, telemetry: PrometheusTelemetry
) -> None:
    telemetry.rollout(KEY, progressing, LEVELS)
    shown = of_rollouts(registry)
    assert {one["slo"] for one in shown["slo_verdict"]} == {"availability", "shape", "load"}
    assert {one["slo"] for one in shown["slo_log_evalue"]} == {"availability", "shape"}


def test_a_distribution_has_the_relative_test_alone(
    registry: CollectorRegistry, telemetry: PrometheusTelemetry
) -> None:
    telemetry.rollout(KEY, progressing, LEVELS)
    labels = {"namespace": "shop", "name": "checkout", "slo": "shape"}
    assert value(registry, "slo_log_evalue", **labels, test="relative") == 7
    assert value(registry, "slo_log_evalue_threshold", **labels, test="relative") == pytest.approx(log(4 / 0.01))
    assert value(registry, "slo_log_evalue", **labels, test="absolute") is None


def test_at_rest_the_evidence_that_ended_it_stays_and_no_share(
    registry: CollectorRegistry, telemetry: PrometheusTelemetry
) -> None:
    telemetry.rollout(KEY, progressing, LEVELS)
    telemetry.rollout(KEY, lambda: progressing(phase="RolledBack", reason="SLOViolated", weight=0), LEVELS)
    shown = of_rollouts(registry)
    assert "observed_share" not in shown
    assert len(shown["slo_log_evalue"]) == 4


def test_the_series_of_a_rollout_end_with_it(registry: CollectorRegistry, telemetry: PrometheusTelemetry) -> None:
    telemetry.rollout(KEY, progressing, LEVELS)
    telemetry.rollout(Key("shop", "cart"), progressing, {})
    telemetry.forget(KEY)
    assert {one["name"] for labels in of_rollouts(registry).values() for one in labels} == {"cart"}
    telemetry.forget(Key("shop", "cart"))
    telemetry.forget(KEY)
    assert of_rollouts(registry) == {}


def test_what_is_rare_is_there_from_the_start(registry: CollectorRegistry, telemetry: PrometheusTelemetry) -> None:
    assert {value(registry, "transitions_total", reason=reason) for reason in Reason} == {0}
    assert value(registry, "source_errors_total", source="prometheus") == 0
    assert value(registry, "reconcile_errors_total") == 0
    telemetry.reconciled(0.01, failed=True)
    telemetry.reconciled(0.01, failed=False)
    assert value(registry, "reconcile_errors_total") == 1


def test_the_last_good_reading_is_the_last_that_brought_an_answer(
    registry: CollectorRegistry, telemetry: PrometheusTelemetry
) -> None:
    name, later = "source_last_success_timestamp_seconds", datetime(2026, 3, 2, 11, tzinfo=UTC)
    telemetry.source_read(AT, 0.1, 0, 2)
    assert value(registry, name, source="prometheus") == AT.timestamp()
    telemetry.source_read(later, 0.1, 0, 2)
    assert value(registry, name, source="prometheus") == AT.timestamp()
    telemetry.source_read(later, 0.1, 1, 1)
    assert value(registry, name, source="prometheus") == later.timestamp()
    assert value(registry, "source_errors_total", source="prometheus") == 5


def test_the_queue_is_asked_with_each_scrape(registry: CollectorRegistry, telemetry: PrometheusTelemetry) -> None:
    waits = [0.5]
    telemetry.queue(lambda: len(waits), lambda: waits[0])
    assert (value(registry, "queue_depth"), value(registry, "queue_oldest_seconds")) == (1, 0.5)
    waits[:] = [90, 2]
    assert (value(registry, "queue_depth"), value(registry, "queue_oldest_seconds")) == (2, 90)
