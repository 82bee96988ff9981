"""Addresses of the controllers' metrics pages: pods found in the cluster, or URLs from the settings."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from ingress_canary.ports import PodAddress

METRICS_PORT = 10254
"""Port on which ingress-nginx serves /metrics by default."""


class Address(NamedTuple):
    """The address of one page."""

    name: str
    """Whose page it is, for messages, and as the instance where the page does not say."""
    url: str


def pod_addresses(pods: Iterable[PodAddress], port: str = "metrics") -> tuple[Address, ...]:
    """Return the pages of ``pods``: at the port of that name or number, else at ingress-nginx's default port."""
    return tuple(Address(pod.name, _url(pod, port)) for pod in pods)


def _url(pod: PodAddress, port: str) -> str:
    number = int(port) if port.isdecimal() else pod.ports.get(port, METRICS_PORT)
    host = f"[{pod.host}]" if ":" in pod.host else pod.host
    return f"http://{host}:{number}/metrics"


def static_addresses(urls: Sequence[str]) -> tuple[Address, ...]:
    """Return pages by URL, named after their host and port."""
    return tuple(Address(urlsplit(url).netloc or url, url) for url in urls)
