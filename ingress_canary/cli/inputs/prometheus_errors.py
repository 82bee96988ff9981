"""How commands end that ask Prometheus about the past or about queries, and cannot."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ingress_canary.adapters.prometheus import PrometheusError
from ingress_canary.settings import SettingsError


@contextmanager
def told() -> Iterator[None]:
    """Exit 64 where the settings are wrong and 1 where Prometheus has no usable answer, with the error's words."""
    try:
        yield
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(64) from None
    except PrometheusError as error:
        print(f"error: Prometheus: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
