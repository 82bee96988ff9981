"""Option ``lint --prometheus``: whether the server itself takes the queries of SLIs; the parser of ``lint`` is not its.

Every dialect has the endpoint that is asked, and of an instant of which it has no samples it parses and does no more.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import aiohttp

from ingress_canary.adapters.prometheus import PrometheusError
from ingress_canary.adapters.prometheus.client import PrometheusClient
from ingress_canary.adapters.prometheus.errors import QueryRefused
from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.cli.inputs.prometheus_errors import told
from ingress_canary.domain.metrics.promql import example
from ingress_canary.lint.check import Spec, SpecRule
from ingress_canary.settings import Settings, load
from ingress_canary.sources import client_of

PATIENCE = 10.0
"""Seconds within which the server must answer each query."""
INSTANT = "0"
"""Of which no server has samples."""


@contextmanager
def taken_by(url: str, settings_file: Path | None) -> Iterator[SpecRule]:
    """Give the rule that a server takes the queries; exit 1 where it does not answer, 64 where settings are wrong."""
    with told(), asyncio.Runner() as runner:
        client, http = runner.run(_connected(load({"prometheus_url": url}, settings_file)))
        try:
            refusal = cache(lambda query: runner.run(_refusal(client, query)))
            yield lambda spec: _faults(spec, refusal)
        finally:
            runner.run(http.close())


async def _connected(settings: Settings) -> tuple[PrometheusClient, aiohttp.ClientSession]:
    return client_of(settings)


async def _refusal(client: PrometheusClient, query: str) -> str:
    """Return the server's words where it does not take a query; empty where it does. Raises PrometheusError."""
    try:
        async with asyncio.timeout(PATIENCE):
            await client.query(query, time=INSTANT)
    except QueryRefused as error:
        return error.words
    except TimeoutError:
        raise PrometheusError(f"no answer within {PATIENCE:g} s") from None
    return ""


def _faults(spec: Spec, refusal: Callable[[str], str]) -> Iterator[FieldFault]:
    inline = spec.schedule.inline if isinstance(spec, RolloutSpec) else None
    schedule, prefix = (inline, "spec.schedule.inline") if isinstance(spec, RolloutSpec) else (spec, "spec")
    for place, slo in enumerate(schedule.slos if schedule is not None else ()):
        for name, query in slo.sli.queries.items():
            if words := refusal(example(query)):
                field = f"{prefix}.slos[{place}].sli.{name}"
                yield FieldFault(f"the server does not take it: {words}", "correct it", field)
