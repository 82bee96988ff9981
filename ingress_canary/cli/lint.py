"""``ingress-canary lint``: every problem of manifests at once, before they reach a cluster."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ingress_canary.cli.output import Output
from ingress_canary.lint.check import lint_files
from ingress_canary.lint.findings import Finding, Severity

STDIN = Path("-")


def lint(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Manifests, YAML or JSON; - is standard input.")
    ],
    output: Annotated[Output, typer.Option("--output", "-o", help="How findings are printed.")] = Output.TEXT,
) -> None:
    """Check CanaryRollouts and CanarySchedules: every problem with its file, line, field and remedy.

    Exits 1 when there is a problem. Objects of other kinds are skipped with a note.
    """
    findings = _read_and_check(files)
    if output is Output.JSON:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(finding)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)


def _read_and_check(files: list[Path]) -> list[Finding]:
    """Check all files together, so that references between them are seen, standard input among them."""
    if STDIN not in files:
        return lint_files(files)
    return lint_files([file for file in files if file != STDIN], also=[("-", sys.stdin.read())])
