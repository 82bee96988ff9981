"""The request that reaches the canary now, as a person types it. ``status`` shows it where a header or cookie does."""

import shlex

from ingress_canary.domain.objects import Ingress
from ingress_canary.domain.router import Router
from ingress_canary.domain.steps import Exposure


def curl(primary: Ingress, stable: str, exposure: Exposure, router: Router, send: str | None = None) -> str | None:
    """Return the command line; None when only the weight leads to the canary.

    ``stable`` is the Service whose paths are canaried, ``send`` a value that the header's pattern matches, if known.
    """
    headers = router.forcing(exposure, send)
    hint = ""
    if not headers:
        if exposure.header is None or exposure.header.pattern is None:
            return None
        headers = {exposure.header.name: "VALUE"}
        hint = f"   # VALUE: one that {exposure.header.pattern} matches"
    told = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
    return f"curl {told} {shlex.quote(_address(primary, stable))}{hint}"


def _address(primary: Ingress, stable: str) -> str:
    """Return the URL of the primary's first path that leads to stable."""
    places = (
        (rule.host, path.path)
        for rule in primary.rules
        for path in rule.paths or ()
        if path.backend.service == stable
    )  # fmt: skip
    host, path = next(places, ("", ""))
    hosts = {name for tls in primary.spec.get("tls") or () for name in tls.get("hosts") or ()}
    scheme = "https" if host in hosts else "http"
    return f"{scheme}://{host.replace('*', 'any', 1) or 'ADDRESS-OF-THE-CONTROLLER'}{path or '/'}"
