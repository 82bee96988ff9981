"""The start page does what it says: its blocks run as they stand, in order, on the lab and with a stock kubectl."""

import asyncio
import re
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingress_canary.lab.cluster import Lab
from tests.e2e.conftest import SCALE, until
from tests.e2e.line import Line
from tests.e2e.shell import Shell, environment
from tests.pages import DOCS, ROOT, blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PAGE = DOCS / "start.md"
DEMO, *ON_A_CLUSTER = (one for one in blocks(PAGE) if one.language == "sh")
STAYS = "*In another terminal, left running"
NOT_RUN = "(not run in CI:"
PORTS = (8080, 10254)
"""Those that the page names: the daemon's and, by the forwarding, the controllers'."""


def free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def clone(room: Path) -> Path:
    """Return a directory that looks like a clone, in which the page may leave files."""
    place = room / "clone"
    place.mkdir()
    for one in ROOT.iterdir():
        if one.name != ".git":
            (place / one.name).symlink_to(one)
    for one in blocks(PAGE):
        if one.title:
            (place / one.title).write_text(one.text)
    return place


def test_one_block_alone_is_not_run_and_the_page_says_why() -> None:
    (left_out,) = [one for one in (DEMO, *ON_A_CLUSTER) if NOT_RUN in one.before]
    assert left_out.text.split()[:4] == ["kubectl", "-n", "ingress-nginx", "port-forward"]
    assert re.search(r"\(not run in CI: \w+", left_out.before)


async def test_the_demo_runs_as_written(tmp_path: Path) -> None:
    async with Shell(clone(tmp_path), environment(tmp_path)) as shell:
        assert DEMO.text == "make demo\n"
        assert "Promoted" in await shell.run(DEMO)


async def test_every_block_for_a_cluster_runs_as_written_and_the_rollout_ends_promoted(
    lab: Lab, tmp_path: Path
) -> None:
    await until(lambda: all(map(free, PORTS)), within=120)  # another run of this test on the machine, if any
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "config")
    # the lab's clock, and loopback only; everything else is as a reader has it
    settings = {
        "INGRESS_CANARY_CLOCK_SCALE": f"{SCALE:g}", "INGRESS_CANARY_CLOCK_EPOCH": datetime.now(UTC).isoformat(),
        "INGRESS_CANARY_LISTEN": f"127.0.0.1:{PORTS[0]}",
    }  # fmt: skip
    outputs: dict[str, str] = {}
    traffic = asyncio.create_task(lab.load(rate=200, seconds=900).run())
    async with (
        Line(lab.plane.pods[0].metrics_url, PORTS[1]),  # what port-forward does
        Shell(clone(tmp_path), environment(tmp_path, KUBECONFIG=str(kubeconfig), **settings)) as shell,
    ):
        for block in ON_A_CLUSTER:
            if NOT_RUN in block.before:
                continue
            if block.before.startswith(STAYS):
                await shell.leave_running(block)
            else:
                outputs[block.text.splitlines()[0]] = await shell.run(block)
        assert outputs["ingress-canary lint rollout.yaml"].endswith("shop/checkout: clean\n")
        assert "REASON" in outputs["kubectl get icr -n shop"]
        assert "condition met" in outputs["kubectl set image deployment/checkout app=shop/checkout:v2 -n shop"]
        await until(lambda: lab.shadow() is None)
    traffic.cancel()
    await asyncio.gather(traffic, return_exceptions=True)
