"""Metrics of the daemon itself (docs/reference/metrics.md), on a registry that it is given: nothing global.

What is rarely counted is there from the start, at 0: ``increase()`` does not see a series' first value.
"""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingress_canary import __version__
from ingress_canary.adapters.telemetry.rollout_series import RolloutSeries
from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.slo.proof_levels import ProofLevels

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
ROLLBACK_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300)


class PrometheusTelemetry:
    """Implements ports.Telemetry with prometheus_client."""

    def __init__(self, registry: CollectorRegistry, source: str = "controllers") -> None:
        self._source = source
        self._rollouts = RolloutSeries()
        registry.register(self._rollouts)
        self._transitions = Counter(
            "ingress_canary_transitions_total", "Entries made in rollouts' histories.", ("reason",), registry=registry
        )
        for reason in Reason:
            self._transitions.labels(reason)
        self._rollback = Histogram(
            "ingress_canary_rollback_seconds",
            "From the sample that proved a fail to the shadow gone.",
            buckets=ROLLBACK_SECONDS,
            registry=registry,
        )
        self._reconcile = Histogram(
            "ingress_canary_reconcile_seconds",
            "Real time of one pass over a rollout.",
            buckets=SECONDS,
            registry=registry,
        )
        self._failures = Counter(
            "ingress_canary_reconcile_errors_total",
            "Passes that could not do what they wanted, conflicts left out.",
            registry=registry,
        )
        self._depth = Gauge("ingress_canary_queue_depth", "Rollouts that wait for a pass.", registry=registry)
        self._oldest = Gauge(
            "ingress_canary_queue_oldest_seconds",
            "Real time that the rollout which waits longest has waited for its pass.",
            registry=registry,
        )
        self._query = Histogram(
            "ingress_canary_source_query_seconds",
            "Time of one reading of a metrics source.",
            ("source",),
            buckets=SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "ingress_canary_source_errors_total",
            "Targets that a source had no answer for.",
            ("source",),
            registry=registry,
        )
        self._answered = Gauge(
            "ingress_canary_source_last_success_timestamp_seconds",
            "When a metrics source last gave an answer; before that, when the first reading was taken.",
            ("source",),
            registry=registry,
        )
        self._query.labels(source)
        self._errors.labels(source)
        self._begun = False
        self._requests = Counter(
            "ingress_canary_api_requests_total",
            "Requests to the API server.",
            ("verb", "resource", "code"),
            registry=registry,
        )
        self._notifications = Counter(
            "ingress_canary_notifications_total",
            "Messages to each address by what became of them: sent, failed, or dropped because too many waited.",
            ("result",),
            registry=registry,
        )
        for result in ("sent", "failed", "dropped"):
            self._notifications.labels(result)
        self._gates = Counter(
            "ingress_canary_gate_answers_total",
            "Attempts to ask a webhook gate: passed, rejected or unknown.",
            ("when", "outcome"),
            registry=registry,
        )
        self._leader = Gauge("ingress_canary_leader", "1 while this process leads and writes.", registry=registry)
        Gauge("ingress_canary_build_info", "1, with the daemon's version.", ("version",), registry=registry).labels(
            __version__
        ).set(1)

    def rollout(self, key: Key, shown: Callable[[], RolloutStatus], levels: ProofLevels) -> None:
        """Replace what is shown of a rollout by its present status; at rest with the evidence that ended it."""
        self._rollouts.show(key, shown, levels)

    def forget(self, key: Key) -> None:
        """Remove a rollout's series."""
        self._rollouts.forget(key)

    def transition(self, reason: str) -> None:
        """Count a transition."""
        self._transitions.labels(reason).inc()

    def rollback(self, seconds: float) -> None:
        """Observe one rollback, in the clock's seconds."""
        self._rollback.observe(seconds)

    def reconciled(self, seconds: float, *, failed: bool) -> None:
        """Observe one pass, and count one that failed."""
        self._reconcile.observe(seconds)
        self._failures.inc(failed)

    def queue(self, depth: Callable[[], float], oldest: Callable[[], float]) -> None:
        """Read the queue's length and age at each scrape, since passes that hang report nothing."""
        self._depth.set_function(depth)
        self._oldest.set_function(oldest)

    def leads(self, *, leading: bool) -> None:
        """Show whether this process leads."""
        self._leader.set(leading)

    def notified(self, result: str, messages: int = 1) -> None:
        """Count notifications by outcome."""
        self._notifications.labels(result).inc(messages)

    def source_read(self, at: datetime, seconds: float, answers: int, errors: int) -> None:
        """Observe one reading of the metrics source."""
        self._query.labels(self._source).observe(seconds)
        self._errors.labels(self._source).inc(errors)
        if answers or not self._begun:
            self._answered.labels(self._source).set(at.timestamp())
        self._begun = True

    def gate_answered(self, when: str, outcome: str) -> None:
        """Count an attempt to ask a webhook gate."""
        self._gates.labels(when, outcome).inc()

    def api_request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """Count a request to the API server."""
        del seconds  # shown by the API server's own metrics
        self._requests.labels(verb, resource, code).inc()
