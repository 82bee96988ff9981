"""Readings of one Ingress's metrics for ``record`` and ``backtest``: from now on by scraping, or of the past.

The same sources, settings and credentials as the daemon's.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from math import floor

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.http import http_session
from ingress_canary.adapters.prometheus.past_readings import LONGEST_ANSWER, PastReader
from ingress_canary.adapters.scrape import Address, ControllerScrape, Limits, pod_addresses, static_addresses
from ingress_canary.cli.inputs.kube_context import kubeconfig_of
from ingress_canary.domain.metrics.samples import Reading, Target
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.ports import Unavailable
from ingress_canary.settings import Settings
from ingress_canary.sources import client_of, dialect_of, look_within

PATIENCE = 10.0
"""Seconds in which the controllers' pods must be found."""


async def page_readings(
    settings: Settings, key: Key, urls: Sequence[str], interval: float, seconds: float
) -> AsyncIterator[Reading]:
    """Yield a reading of the controllers' pages each interval, for some seconds or until Ctrl-C or SIGTERM.

    Without ``urls`` the controllers' pods are found in the cluster. Raises ClusterError.
    """
    clock, stopped = SystemClock(), asyncio.Event()
    async with AsyncExitStack() as stack:
        http = http_session()
        stack.push_async_callback(http.close)
        addresses = await _addresses(settings, urls or settings.scrape_urls, stack)
        limits = Limits(seconds=min(look_within(settings, settings.scrape_timeout), 0.8 * interval))
        source = ControllerScrape(http, clock, addresses, if_none="no controller is ready", limits=limits)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
            stack.callback(loop.remove_signal_handler, number)
        target, begin, tick = Target(key.namespace, key.name, "", every_bound=True), loop.time(), 0
        while not stopped.is_set():
            yield (await source.read([target]))[target]
            tick += 1
            if tick * interval > seconds:
                return
            try:
                async with asyncio.timeout_at(begin + tick * interval):
                    await stopped.wait()
            except TimeoutError:
                continue


async def _addresses(settings: Settings, urls: Sequence[str], stack: AsyncExitStack) -> Callable[[], Sequence[Address]]:
    """Return where the pages are: at these URLs, or at the ready pods of the controllers. Raises ClusterError."""
    if urls:
        pages = static_addresses(urls)
        return lambda: pages
    from ingress_canary.adapters.kube.cache.pods import KubePods  # noqa: PLC0415 - half a second that URLs do without
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415

    path = kubeconfig_of(settings.kubeconfig)
    session = await connect(kubeconfig=path, context=settings.context)
    stack.push_async_callback(session.close)
    pods = KubePods(session, settings.scrape_selector, settings.scrape_namespace)
    pods.start()
    stack.push_async_callback(pods.stop)
    try:
        async with asyncio.timeout(PATIENCE):
            await pods.synced()
    except TimeoutError:
        raise Unavailable(pods.problem or f"the API server did not list pods within {PATIENCE:g} s") from None
    if not pods.ready():
        where = settings.scrape_namespace or "any namespace"
        raise Unavailable(
            f"no ready controller pod matches {settings.scrape_selector} in {where}: name the addresses of their "
            "pages, or set scrape_selector and scrape_namespace in --settings"
        )
    return lambda: pod_addresses(pods.ready(), settings.scrape_port)


def past_interval(settings: Settings, interval: float | None) -> float:
    """Return the seconds between two readings of the past: nothing new comes between two scrapes."""
    usual = max(settings.interval, settings.prometheus_scrape_interval).total_seconds()
    return interval or usual


async def past_readings(settings: Settings, key: Key, interval: float, seconds: float) -> AsyncIterator[Reading]:
    """Yield the readings of the last ``seconds`` from Prometheus. Raises PrometheusError and SettingsError."""
    now = floor(SystemClock().now().timestamp())
    instants = [now - place * interval for place in range(int(seconds // interval), -1, -1)]
    client, http = client_of(settings, LONGEST_ANSWER)
    async with http:
        target = Target(key.namespace, key.name, "")
        every = settings.prometheus_scrape_interval.total_seconds()
        async for reading in PastReader(client, dialect_of(settings), target, every).readings(instants):
            yield reading
