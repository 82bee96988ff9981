"""Command ``lint``: every problem of manifests at once, before they reach a cluster."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ingress_canary.cli.inputs.cluster_names import namespace_names
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.lint.check import SpecRule, lint_files
from ingress_canary.lint.findings import LintFinding, LintSeverity

STDIN = Path("-")


def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Manifests, YAML or JSON; - is standard input. With --live, names of CanaryRollouts.",
        ),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="How findings are printed.")] = Output.TEXT,
    live: Annotated[
        bool, typer.Option("--live", help="Ask preflight of a cluster instead; nothing is started.")
    ] = False,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            help="With --live: namespace of the rollouts; by default the context's, else default.",
            autocompletion=namespace_names,
        ),
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="With --live: of all namespaces.")] = False,
    accept_unchecked: Annotated[
        bool, typer.Option("--accept-unchecked", help="With --live: do not fail for rules that rights are missing for.")
    ] = False,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="With --live: kubeconfig to use; kubectl's by default.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="With --live: context of the kubeconfig.")] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Ask this Prometheus whether it takes the queries of SLIs; it evaluates none."
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option("--settings", help="With --live or --prometheus: the daemon's own file of settings."),
    ] = None,
) -> None:
    """Check CanaryRollouts and CanarySchedules: every problem with its file, line, field and remedy.

    Exits 1 when there is a problem. Objects of other kinds are skipped with a note, and a file without any object is
    noted: neither is a problem. With --live the rollouts of a
    cluster are checked against everything around them, by the rules that the daemon asks before every step.
    """
    if live and prometheus is not None:
        raise typer.BadParameter("goes with files, not with --live", param_hint="--prometheus")
    if live:
        from ingress_canary.cli.lint_live import lint_live  # noqa: PLC0415 - the daemon's own rules and client

        flags = {"kubeconfig": kubeconfig, "context": context, "accept_unchecked": accept_unchecked}
        lint_live([str(name) for name in files or ()], namespace, settings_file, flags, output, everywhere=everywhere)
        return
    if namespace or everywhere:
        raise typer.BadParameter("goes with --live; files name their namespaces themselves", param_hint="-n, -A")
    if not files:
        raise typer.BadParameter("name a file, or say --live", param_hint="FILE...")
    if prometheus is None:
        findings = _read_and_check(files)
    else:
        from ingress_canary.cli.lint_prometheus import taken_by  # noqa: PLC0415 - the daemon's own client

        with taken_by(prometheus, settings_file) as taken:
            findings = _read_and_check(files, taken)
    if output is Output.JSON:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(finding)
    if any(finding.severity is LintSeverity.ERROR for finding in findings):
        raise typer.Exit(1)


def _read_and_check(files: list[Path], *more: SpecRule) -> list[LintFinding]:
    """Check all files together, standard input included, so that references between them are resolved."""
    also = [("-", sys.stdin.read())] if STDIN in files else []
    return lint_files([file for file in files if file != STDIN], also, more)
