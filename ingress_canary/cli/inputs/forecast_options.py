"""Options that the commands which forecast a rollout share: ``plan``, ``simulate``, ``backtest``."""

from pathlib import Path
from typing import Annotated

import typer

from ingress_canary.cli.inputs.amounts import number, seconds

WarmUp = Annotated[
    float | None,
    typer.Option(parser=seconds, metavar="SPAN", help="Stable's history before (30m, as with Prometheus)."),
]
ForcedRps = Annotated[
    float,
    typer.Option(
        parser=number(0, 1e6), metavar="N", help="Requests a second by header or cookie, at steps of weight 0."
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same answer.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="With --prometheus: the daemon's own file of settings.")
]
