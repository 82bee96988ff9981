"""The daemon's own metrics (docs/reference/metrics.md) on a registry that it is given: nothing global."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingress_canary.api.rollout import RolloutStatus, Verdict
from ingress_canary.domain.objects import Key

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
ROLLBACK_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300)
ROLLOUT = ("namespace", "name")
VERDICTS = {Verdict.FAIL: -1, Verdict.INCONCLUSIVE: 0, Verdict.PASS: 1, Verdict.NO_DATA: 2}


class PrometheusTelemetry:
    """Implements ports.Telemetry with prometheus_client."""

    def __init__(self, registry: CollectorRegistry, source: str = "controllers") -> None:
        self._source = source
        self._info = Gauge(
            "ingress_canary_rollout_info",
            "1 for each rollout, with where it is in its life.",
            (*ROLLOUT, "phase", "reason", "revision"),
            registry=registry,
        )
        self._weight = Gauge(
            "ingress_canary_weight", "Weight meant for the canary, percent.", ROLLOUT, registry=registry
        )
        self._share = Gauge(
            "ingress_canary_observed_share", "Canary requests over both sides', 0..1.", ROLLOUT, registry=registry
        )
        self._step = Gauge("ingress_canary_step", "Step a rollout is at, from 1; 0 before.", ROLLOUT, registry=registry)
        self._evalue = Gauge(
            "ingress_canary_slo_log_evalue",
            "Natural logarithm of an E-value.",
            (*ROLLOUT, "slo", "test"),
            registry=registry,
        )
        self._verdict = Gauge(
            "ingress_canary_slo_verdict",
            "-1 fail, 0 inconclusive, 1 pass, 2 no data.",
            (*ROLLOUT, "slo"),
            registry=registry,
        )
        self._transitions = Counter(
            "ingress_canary_transitions_total", "Entries made in rollouts' histories.", ("reason",), registry=registry
        )
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
        self._depth = Gauge("ingress_canary_queue_depth", "Rollouts that wait for a pass.", registry=registry)
        self._query = Histogram(
            "ingress_canary_source_query_seconds",
            "Time of one look at a metrics source.",
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
        self._leader = Gauge("ingress_canary_leader", "1 while this process leads and writes.", registry=registry)
        self._shown: dict[Key, dict[tuple[Gauge, tuple[str, ...]], Gauge]] = {}
        """The series of each rollout, so that none is looked up anew with every tick."""

    def rollout(self, key: Key, status: RolloutStatus) -> None:
        """Show a rollout as it is now, and no longer as it was."""
        place = (key.namespace, key.name)
        values: list[tuple[Gauge, tuple[str, ...], float]] = [
            (self._info, (*place, status.phase, status.reason, status.revision or ""), 1),
            (self._weight, place, status.weight),
            (self._step, place, status.step.index if status.step else 0),
        ]
        if status.observed_share is not None:
            values.append((self._share, place, status.observed_share))
        for slo in status.slos:
            values.append((self._verdict, (*place, slo.name), VERDICTS[slo.verdict]))
            tests = (("absolute", slo.log_e.absolute), ("relative", slo.log_e.relative), ("pass", slo.log_e.passing))
            values += [(self._evalue, (*place, slo.name, test), value) for test, value in tests]
        before, shown = self._shown.get(key, {}), dict[tuple[Gauge, tuple[str, ...]], Gauge]()
        for gauge, labels, value in values:
            one = (gauge, labels)
            series = shown[one] = before.get(one) or gauge.labels(*labels)
            series.set(value)
        self._drop(before.keys() - shown.keys())
        self._shown[key] = shown

    def forget(self, key: Key) -> None:
        """Show a rollout no longer."""
        self._drop(self._shown.pop(key, {}))

    def _drop(self, shown: Iterable[tuple[Gauge, tuple[str, ...]]]) -> None:
        for gauge, labels in shown:
            gauge.remove(*labels)

    def transition(self, reason: str) -> None:
        """Count an entry of a history."""
        self._transitions.labels(reason).inc()

    def rollback(self, seconds: float) -> None:
        """Observe one rollback, in the clock's seconds."""
        self._rollback.observe(seconds)

    def reconciled(self, seconds: float) -> None:
        """Observe one pass."""
        self._reconcile.observe(seconds)

    def queue_depth(self, depth: int) -> None:
        """Show how many rollouts wait."""
        self._depth.set(depth)

    def leads(self, *, leading: bool) -> None:
        """Show whether this process leads."""
        self._leader.set(leading)

    def notified(self, result: str, messages: int = 1) -> None:
        """Count messages by what became of them."""
        self._notifications.labels(result).inc(messages)

    def source_read(self, seconds: float, errors: int) -> None:
        """Observe one look at the metrics source."""
        self._query.labels(self._source).observe(seconds)
        if errors:
            self._errors.labels(self._source).inc(errors)

    def api_request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """Count a request to the API server."""
        del seconds  # shown by the API server's own metrics
        self._requests.labels(verb, resource, code).inc()
