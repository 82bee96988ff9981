"""A real Prometheus on loopback that scrapes the lab's controllers every second, for the whole-system tests.

The environment's E2E_PROMETHEUS names another program than Debian's: a later Prometheus, or VictoriaMetrics.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import aiohttp
import pytest

from ingress_canary.lab.cluster import Lab

HOW = "Prometheus is missing: apt-get install prometheus"
PROGRAM = os.environ.get("E2E_PROMETHEUS", "prometheus")
IS_VICTORIA = Path(PROGRAM).name.startswith("victoria-metrics")
CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 900ms, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
- job_name: ingress-nginx
  file_sd_configs: [{{files: [{targets}], refresh_interval: 1s}}]
  {options}
- job_name: ingress-canary
  honor_labels: true
  static_configs: [{{targets: {daemons}, labels: {{namespace: ingress-canary}}}}]
"""
STOP_WITHIN = 15.0


def binary() -> str:
    """Return the program; without it the test is skipped, in CI it fails."""
    found = shutil.which(PROGRAM)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW)
        pytest.skip(HOW)
    return found


class Prometheus:
    """The process, its data and its targets, all below one directory.

    Its scrape labels clash with the controllers' as a ServiceMonitor's do, so that exported_namespace is tested too.
    ``daemons`` are addresses of daemons that it scrapes as well, ``rules`` a file that it evaluates every second,
    ``options`` lines of the controllers' job.
    """

    def __init__(
        self, lab: Lab, room: Path, *, daemons: Sequence[str] = (), rules: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._lab = lab
        self._room = room
        self._daemons, self._rules = list(daemons), [str(rules)] if rules else []
        self._job = "\n  ".join(options)
        self._binary = binary()
        self._process: asyncio.subprocess.Process | None = None
        self._follower: asyncio.Task[None] | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        targets = self._room / "targets.json"
        (self._room / "prometheus.yml").write_text(
            CONFIG.format(
                targets=targets, options=self._job, daemons=json.dumps(self._daemons),
                rules=json.dumps(self._rules),
            )
        )  # fmt: skip
        self._write_targets()
        self._port = await _free_port()
        self._follower = asyncio.create_task(self._follow(), name="service discovery")
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._follower is not None:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower
        await self.stop()

    @property
    def url(self) -> str:
        """Where it answers, on the same port after each start."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it on the data that it has, and wait until it answers."""
        with (self._room / "prometheus.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._binary, *self._flags(), stdout=log, stderr=log, start_new_session=True
            )
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                assert self._process.returncode is None, (self._room / "prometheus.log").read_text()
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/-/ready") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    def _flags(self) -> Sequence[str]:
        config, data, address = f"{self._room}/prometheus.yml", f"{self._room}/data", f"127.0.0.1:{self._port}"
        if IS_VICTORIA:
            return (
                f"-promscrape.config={config}", f"-storageDataPath={data}", f"-httpListenAddr={address}",
                # it evaluates no rules, and would rather not start than pass them over
                "-promscrape.config.strictParse=false", "-promscrape.fileSDCheckInterval=1s", "-loggerLevel=WARN",
            )  # fmt: skip
        return (
            f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address={address}",
            "--log.level=warn",
        )  # fmt: skip

    async def stop(self) -> None:
        """End it as a pod is ended."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _follow(self) -> None:
        """Keep the targets as the lab's pods are."""
        while True:
            self._write_targets()
            await asyncio.sleep(0.2)

    def _write_targets(self) -> None:
        groups = [
            {
                "targets": [pod.metrics_url.removeprefix("http://").removesuffix("/metrics")],
                "labels": {"namespace": "ingress-nginx", "service": "controller-metrics", "pod": pod.name},
            }
            for pod in self._lab.plane.pods
        ]
        text, file = json.dumps(groups), self._room / "targets.json"
        if not file.exists() or file.read_text() != text:
            fresh = self._room / "targets.new"
            fresh.write_text(text)
            fresh.rename(file)


async def _free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
    return port
