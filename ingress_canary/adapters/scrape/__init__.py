"""Scrape source of evidence: the ingress controllers' own /metrics pages, for clusters without Prometheus.

``scrape/source.py`` fetches every controller pod's page once a tick, ``metrics_page.py`` keeps the few lines that
matter while the page streams by, ``sample_line.py`` parses each, ``addresses.py`` says where the pages are.
"""

from ingress_canary.adapters.scrape.addresses import Address, pod_addresses, static_addresses
from ingress_canary.adapters.scrape.metrics_page import Exposition
from ingress_canary.adapters.scrape.source import ControllerScrape, Limits

__all__ = [
    "Address",
    "ControllerScrape",
    "Exposition",
    "Limits",
    "pod_addresses",
    "static_addresses",
]
