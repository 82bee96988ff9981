"""The generated pages of docs/reference, each made from what the program itself goes by. Used by ``generate.py``."""

from collections.abc import Callable, Mapping

from ingress_canary.domain.preflight.reference_page import reference as preflight
from ingress_canary.domain.traffic.router.nginx.rules import RULES
from reference import cli, crds, metrics, reasons, settings, verbs

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/crds.md": crds.page,
    "docs/reference/settings.md": settings.page,
    "docs/reference/cli.md": cli.page,
    "docs/reference/metrics.md": metrics.page,
    "docs/reference/reasons.md": reasons.page,
    "docs/reference/verbs.md": verbs.page,
    "docs/reference/preflight.md": lambda: preflight(RULES),
}
"""Path from the repository's root, and what makes the whole text."""
