"""Curl command that reaches the canary by header or cookie, as ``status`` shows it."""

import re
import shlex
from collections.abc import Iterable

from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.router import Router

_METACHARACTERS = re.compile(r"[][(){}|*+?^$\\]")
"""By these a path is taken for a pattern, of which nobody knows a match; a dot is more often one of a version."""


def curl_command(
    primary: Ingress, stable: str, exposure: Exposure, router: Router, send: str | None = None
) -> str | None:
    """Return the command line; None when only the weight leads to the canary.

    ``stable`` is the Service whose paths are canaried, ``send`` a value that the header's pattern matches, if known.
    Values that a person must fill in are in capitals, and explained after the line.
    """
    headers = router.forcing(exposure, send)
    blanks = []
    if not headers:
        if exposure.header is None or exposure.header.pattern is None:
            return None
        headers = {exposure.header.name: "VALUE"}
        blanks.append(f"VALUE: one that {exposure.header.pattern} matches")
    options = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
    host, path = _place(primary, stable)
    if _METACHARACTERS.search(path):
        blanks.append(f"PATH: one that {path} matches")
        path = "/PATH"
    scheme = "https" if _secured(primary, host) else "http"
    url = shlex.quote(f"{scheme}://{host or 'ADDRESS-OF-THE-CONTROLLER'}{path}")
    hint = f"   # {'; '.join(blanks)}" if blanks else ""
    return f"curl {options} {url}{hint}"


def _place(primary: Ingress, stable: str) -> tuple[str, str]:
    """Return a host and path of the primary that lead to stable: the first that is no pattern, else the first."""
    places = [
        (rule.host.replace("*", "any", 1), path.path or "/")
        for rule in primary.rules
        for path in rule.paths or ()
        if path.backend.service == stable
    ]
    literal = (place for place in places if not _METACHARACTERS.search(place[1]))
    return next(literal, places[0] if places else ("", "/"))


def _secured(primary: Ingress, host: str) -> bool:
    """Return whether TLS is on for a host: by its own name, or by a wildcard, which stands for one label."""
    named: Iterable[str] = (name for tls in primary.spec.get("tls") or () for name in tls.get("hosts") or ())
    _, _, parent = host.partition(".")
    return bool(host) and any(name == host or (bool(parent) and name == f"*.{parent}") for name in named)
