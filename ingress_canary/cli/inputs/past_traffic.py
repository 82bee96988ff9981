"""Past traffic of an Ingress over seven days, for ``plan --prometheus``."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.settings import Settings, load

if TYPE_CHECKING:
    from ingress_canary.adapters.prometheus.past_traffic import PastTraffic

PATIENCE = 60.0
"""Time-out in seconds of queries over the past week."""


def asked(url: str, key: Key, settings_file: Path | None, spec: ScheduleSpec) -> "PastTraffic":
    """Return an Ingress's traffic from Prometheus; exit 1 when it does not answer, 64 when the settings are wrong."""
    from ingress_canary.cli.inputs.prometheus_errors import told  # noqa: PLC0415 - the other uses need none of it

    with told():
        settings = load({"prometheus_url": url}, settings_file)
        return asyncio.run(_ask(settings, key, SliSet.of(spec.slos, spec.analysis)))


async def _ask(settings: Settings, key: Key, measures: SliSet) -> "PastTraffic":
    from ingress_canary.adapters.prometheus import PrometheusError  # noqa: PLC0415
    from ingress_canary.adapters.prometheus.past_traffic import last_week  # noqa: PLC0415
    from ingress_canary.sources import client_of, dialect_of  # noqa: PLC0415

    slow = list(measures.thresholds.values())
    client, http = client_of(settings)
    async with http:
        try:
            async with asyncio.timeout(PATIENCE):
                return await last_week(
                    client, dialect_of(settings), Target(key.namespace, key.name, ""),
                    "|".join(measures.bad_statuses or ["5.."]), "|".join(sorted(measures.excluded)),
                    slow[0] if slow else None,
                )  # fmt: skip
        except TimeoutError:
            raise PrometheusError(f"no answer within {PATIENCE:g} s") from None
