"""Option ``lint --live``: the rules of preflight against a cluster, without starting anything."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import typer

from ingress_canary.cli.inputs.kube_context import kubeconfig_of, namespace_of
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.problem import Problem, blocking
from ingress_canary.logs import configure
from ingress_canary.ports import ClusterError, Missing, Unavailable
from ingress_canary.settings import Settings, SettingsError, load

Findings = Mapping[Key, tuple[Problem, ...]]

PATIENCE = 3.0
"""Seconds after which the problem of a cache that is not filled is reported."""


def lint_live(
    names: list[str], namespace: str | None, settings_file: Path | None, flags: Mapping[str, Any], output: Output, *,
    everywhere: bool,
) -> None:  # fmt: skip
    """Print the problems of the rollouts of a namespace, or of all; exit 1 when there are any."""
    configure("error")
    try:
        settings = load({name: value for name, value in flags.items() if value}, settings_file)
        path = kubeconfig_of(settings.kubeconfig)
        where = None if everywhere else namespace_of(namespace, path, settings.context)
        findings = asyncio.run(look(settings, where))
        wanted = {key: problems for key, problems in findings.items() if not names or key.name in names}
        if missing := set(names) - {key.name for key in wanted}:
            raise Missing(
                f"no CanaryRollout {', '.join(sorted(missing))} in {f'namespace {where}' if where else 'any namespace'}"
            )
        if where and not findings:
            raise Missing(f"there is no CanaryRollout in namespace {where}")
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(64) from None
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    _print(wanted, output)
    if any(blocking(problems, settings.accept_unchecked) for problems in wanted.values()):
        raise typer.Exit(1)


async def look(settings: Settings, namespace: str | None) -> Findings:
    """Return the findings of preflight in the cluster as it is now. Raises ClusterError."""
    from ingress_canary.adapters.kube.cache.listwatch import WatchSettings  # noqa: PLC0415
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415
    from ingress_canary.adapters.kube.cluster import KubeCluster  # noqa: PLC0415 - half a second that help need not cost
    from ingress_canary.app import options_of, routers_of, scope_of  # noqa: PLC0415
    from ingress_canary.engine.cluster_preflight import preflight_cluster  # noqa: PLC0415

    path = kubeconfig_of(settings.kubeconfig)
    timeout = settings.request_timeout.total_seconds()
    session = await connect(kubeconfig=path, context=settings.context, request_timeout=timeout)
    scope = replace(scope_of(settings), namespaces=(namespace,) if namespace else (), by_person=True)
    routers = routers_of(settings)
    cluster = KubeCluster(session, scope, WatchSettings(lacking="you need"), routers.kinds)
    cluster.start()
    try:
        synced = asyncio.ensure_future(cluster.synced())
        # a cache that cannot be filled says why, and goes on trying for as long as it is let
        while not (await asyncio.wait((synced,), timeout=PATIENCE))[0]:
            if problems := cluster.problems:
                synced.cancel()
                raise Unavailable("; ".join(problems))
        return preflight_cluster(cluster, routers, options_of(settings), cluster.sees_schedules)
    finally:
        await cluster.stop()
        await session.close()


def _print(findings: Findings, output: Output) -> None:
    if output is Output.JSON:
        rows = [
            {
                "namespace": key.namespace,
                "name": key.name,
                **asdict(problem),
                "flags": [flag.name for flag in problem.flags],
            }
            for key, problems in findings.items()
            for problem in problems
        ]
        print(json.dumps(rows, indent=2))
        return
    if not findings:
        print("no CanaryRollout found")
    for key, problems in findings.items():
        for problem in problems:
            print(f"{key}: {problem.severity}, rule {problem.rule} ({problem.id}): {problem}")
        if not problems:
            print(f"{key}: clean")
