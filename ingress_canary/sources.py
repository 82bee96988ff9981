"""Metrics sources from the settings: for the daemon (``app.py``), and for commands that read the past."""

from datetime import timedelta

import aiohttp

from ingress_canary.adapters.http import http_session
from ingress_canary.adapters.prometheus import Access, Dialect, PrometheusClient, PrometheusSource, Sampling
from ingress_canary.adapters.prometheus.client import MAX_BYTES
from ingress_canary.adapters.tls import TlsContext, TlsOptions
from ingress_canary.ports import Clock
from ingress_canary.settings import Settings, SettingsError


def prometheus_of(settings: Settings, clock: Clock) -> tuple[PrometheusSource, aiohttp.ClientSession]:
    """Return the Prometheus source, and its connections, to be closed. Raises SettingsError."""
    client, http = client_of(settings)
    within = look_within(settings, settings.prometheus_timeout)
    sampling = Sampling(settings.prometheus_scrape_interval.total_seconds(), within)
    return PrometheusSource(client, clock, dialect_of(settings), sampling), http


def look_within(settings: Settings, timeout: timedelta) -> float:
    """Return the seconds that a reading may take: one that ends after the next has begun is too old to act on."""
    return min(timeout, 0.8 * settings.interval).total_seconds()


def client_of(settings: Settings, max_bytes: int = MAX_BYTES) -> tuple[PrometheusClient, aiohttp.ClientSession]:
    """Return the Prometheus client, and its connections, to be closed; ``max_bytes`` bounds an answer.

    Raises SettingsError.
    """
    if settings.prometheus_url is None:
        raise SettingsError("--source prometheus needs an address: set --prometheus-url")
    try:
        tls = TlsContext(lambda: TlsOptions(ca_file=settings.prometheus_ca_file))
    except OSError as error:
        raise SettingsError(f"--prometheus-ca-file {settings.prometheus_ca_file} cannot be used: {error}") from None
    access = Access(
        settings.prometheus_url,
        _pairs(settings.prometheus_headers),
        settings.prometheus_token_file,
        settings.prometheus_user,
        settings.prometheus_password_file,
    )
    http = http_session()
    return PrometheusClient(http, access, max_bytes, tls=tls.current), http


def dialect_of(settings: Settings) -> Dialect:
    """Return the label and metric names of this Prometheus."""
    return Dialect(
        _pairs(settings.prometheus_labels), settings.prometheus_matchers, replicas=settings.prometheus_replica_labels
    )


def _pairs(settings: tuple[str, ...]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in settings)
