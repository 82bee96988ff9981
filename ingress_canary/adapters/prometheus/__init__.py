"""Prometheus source of evidence: a Prometheus that scrapes the ingress controllers, or a compatible API.

``source.py`` asks once a tick for all rollouts, ``client.py`` speaks HTTP, ``queries.py`` writes the PromQL, and
``controller_processes.py`` tells whose series are whose.
"""

from ingress_canary.adapters.prometheus.client import Access, PrometheusClient, Row
from ingress_canary.adapters.prometheus.errors import PrometheusError
from ingress_canary.adapters.prometheus.queries import Dialect
from ingress_canary.adapters.prometheus.source import PrometheusSource, Sampling

__all__ = ["Access", "Dialect", "PrometheusClient", "PrometheusError", "PrometheusSource", "Row", "Sampling"]
