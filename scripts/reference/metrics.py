"""Every metric of the daemon's own, from the registry that they are registered with."""

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from ingress_canary.adapters.telemetry.daemon_metrics import PrometheusTelemetry
from reference.markdown import GENERATED, code, table

HEAD = f"""\
# Metrics

{GENERATED}
On `/metrics` of the daemon's address (setting `listen`), with the usual `process_*` and `python_*` ones. Histograms
have `_bucket`, `_sum` and `_count`; a series of a rollout ends with the rollout.

"""


class _Recorded(CollectorRegistry):
    """A registry that keeps what is registered in order."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        self.collectors.append(collector)
        super().register(collector)


def page() -> str:
    """Return the page."""
    registry = _Recorded()
    PrometheusTelemetry(registry)
    rows = []
    for collector in registry.collectors:
        for family in collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            # a metric knows its labels itself, a family that is made when scraped has them
            owner = collector if hasattr(collector, "_labelnames") else family
            labels = ", ".join(code(label) for label in owner._labelnames)  # type: ignore[attr-defined]  # noqa: SLF001
            rows.append((code(name), family.type, labels, family.documentation))
    return HEAD + table(("name", "type", "labels", "meaning"), rows)
