"""The pipeline of docs/howto/ci.md does what the page says: its blocks deploy, say the revision, wait and promote."""

import asyncio
from pathlib import Path

import pytest
import yaml

from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import SCHEDULE, until
from tests.e2e.shell import Shell, environment
from tests.pages import DOCS, blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = DOCS / "howto/ci.md"
REVISION, IMAGE = "v2.3.1", "registry.example/checkout:v2.3.1"


async def test_the_pipeline_deploys_says_the_revision_waits_and_promotes(
    lab: Lab, daemon: DaemonProcess, tmp_path: Path
) -> None:
    (manifest,) = (yaml.safe_load(one.text) for one in blocks(PAGE) if one.language == "yaml")
    deploy, wait, wait_by_kubectl, promote = (one for one in blocks(PAGE) if one.language == "sh")
    assert manifest["spec"]["revision"] == REVISION
    lab.images[IMAGE] = Profile(REVISION)
    lab.create("canaryschedules", {
        "apiVersion": manifest["apiVersion"], "kind": "CanarySchedule", "spec": SCHEDULE,
        "metadata": manifest["spec"]["schedule"]["ref"],
    })  # fmt: skip
    traffic = asyncio.create_task(lab.load(rate=200, seconds=900).run())
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "config")
    async with daemon, Shell(tmp_path, environment(tmp_path, KUBECONFIG=str(kubeconfig))) as shell:
        await daemon.ready()
        lab.create("canaryrollouts", {**manifest, "spec": {**manifest["spec"], "revision": "v2.3.0"}})
        await until(lambda: lab.status().get("phase") == "Progressing")
        output = await shell.run(deploy)
        assert "successfully rolled out" in output
        output = await shell.run(promote)
        assert output.count("reached shop/checkout: ") == 2
        assert (lab.status()["phase"], lab.status()["revision"]) == ("Succeeded", REVISION)
        assert "reached shop/checkout: " in await shell.run(wait)
        assert "condition met" in await shell.run(wait_by_kubectl)
    traffic.cancel()
    await asyncio.gather(traffic, return_exceptions=True)
