"""Command ``demo`` in the image, which carries no embedded cluster: it says where to run it instead."""

import sys

import typer

OPTIONS = {"context_settings": {"allow_extra_args": True, "ignore_unknown_options": True}}


def demo() -> None:
    """Run a whole rollout on an embedded cluster: not in the image."""
    print("error: the image has no embedded cluster; pip install ingress-canary, then say demo there", file=sys.stderr)
    raise typer.Exit(1)
