"""Messages of a whole rollout: in order, once, over SIGKILL and restart; who cannot be reached delays nothing."""

import asyncio
import json
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.kubeapi import AuditRecord
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, SCALE, WORKLOADS, checkout, history, until
from tests.e2e.witness import events, is_transition
from tests.forked import ForkedDaemon
from tests.webhook import webhook

pytestmark = pytest.mark.slow

TOKEN = "s3cr3t-token"
STEPS = [{"weight": weight, "bake": "20s", "require": "NoFail", "minRequests": 0} for weight in (10, 50, 100)]
SLOW = {**STEPS[0], "bake": "3m"}
"""Long enough for a kill before the next transition."""
CHAT = {"name": "chat", "secretRef": {"name": "chat", "key": "urls"}, "title": "{{reason}} {{weight}}"}
SCHEDULE: dict[str, Any] = {"steps": STEPS, "slos": [AVAILABILITY], "notifications": [CHAT]}
PASSED = ["Settling 10", "StepPassed 50", "StepPassed 100", "StepPassed 100"]


@dataclass
class Receiver:
    """Somebody else's service: answers at /ok, never at /hang."""

    url: str = ""
    titles: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends what hangs."""

    async def serve(self, request: web.Request) -> web.Response:
        """Take a message."""
        if request.path.startswith("/hang"):
            await self.over.wait()
        body = await request.json()
        self.titles.append(body["title"])
        self.bodies.append(body["message"])
        return web.Response()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with webhook(made.serve) as made.url:
        yield made
        made.over.set()


def secret(name: str, *urls: str, namespace: str = "shop") -> dict[str, Any]:
    """Return a Secret with addresses."""
    data = {"urls": b64encode("\n".join(urls).encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


async def counted(daemon: DaemonProcess) -> dict[str, float]:
    """Return how many messages came to what."""
    lines = [line for line in (await daemon.metrics()).splitlines() if "notifications_total{" in line]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


async def test_a_rollouts_transitions_arrive_in_order_and_once_over_a_kill_and_a_restart(
    lab: Lab, daemon: DaemonProcess, receiver: Receiver
) -> None:
    lab.create("secrets", secret("chat", f"{receiver.url}/ok/{TOKEN}"))
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", checkout(schedule={**SCHEDULE, "steps": [SLOW, *STEPS[1:]]}))
        await until(lambda: receiver.titles)
        daemon.kill()
        await daemon.wait()
        await daemon.start()
        await daemon.ready()
        await until(lambda: len(receiver.titles) == len(PASSED))
        await daemon.stop()
        await daemon.start()
        await daemon.ready()
        lab.set_image("checkout", "shop/checkout:v2")
        await until(lambda: receiver.titles[-1:] == ["Promoted 0"])
        assert receiver.titles == [*PASSED, "Promoted 0"]
        assert f"revision {lab.status()['revision']}" in receiver.bodies[0]
        traffic.cancel()
    assert [reason for _, _, reason in history(lab)] == [title.split()[0] for title in receiver.titles]
    # nothing of the address is anywhere but in the Secret
    assert TOKEN not in daemon.log.read_text()
    assert TOKEN not in json.dumps([lab.rollout(), events(lab)])


async def test_a_kill_between_storing_and_sending_loses_the_message_and_never_doubles_one(
    lab: Lab, daemon: DaemonProcess, receiver: Receiver
) -> None:
    lab.create("secrets", secret("chat", f"{receiver.url}/ok"))
    killed: list[AuditRecord] = []

    def kill(record: AuditRecord) -> None:
        # committed, and the daemon does not know it yet
        if is_transition(record) and record.body["status"]["history"] and not killed:
            killed.append(record)
            daemon.kill()

    lab.api.on_commit.append(kill)
    await daemon.start()
    await daemon.ready()
    traffic = asyncio.create_task(lab.load(100, 900).run())
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    await until(lambda: killed)
    await daemon.wait()
    async with daemon:
        await daemon.ready()
        await until(lambda: lab.status().get("phase") == "Promoting")
        await until(lambda: len(receiver.titles) >= len(PASSED) - 1)
    traffic.cancel()
    assert receiver.titles == PASSED[1:]


async def test_a_service_that_hangs_and_one_that_is_not_there_delay_no_decision_and_no_other(
    lab: Lab, daemon: DaemonProcess, receiver: Receiver
) -> None:
    dead = [f"{receiver.url}/hang/{TOKEN}", f"json://127.0.0.1:1/{TOKEN}"]
    lab.create("secrets", secret("chat", *dead, f"{receiver.url}/ok"))
    nobody = {"name": "pager", "secretRef": {"name": "absent", "key": "urls"}, "severity": "critical"}
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(150, 900).run())
        lab.create("canaryrollouts", checkout(schedule={**SCHEDULE, "notifications": [CHAT, nobody]}))
        await until(lambda: receiver.titles[:2] == PASSED[:2])
        lab.canary.profile = CANARY.__class__("v2", error_ratio=1.0)
        await until(lambda: lab.status()["phase"] == "RolledBack")
        await until(lambda: lab.shadow() is None)
        await until(lambda: receiver.titles[-1] == "SLOViolated 0")
        # the first message to the service that hangs is still under way: nothing of this has waited for it
        assert (await counted(daemon))["failed"] == 0
        why = "notification pager (Secret shop/absent, key urls): "
        await until(lambda: any(one["message"].startswith(why) for one in failures(lab)))
        await until(lambda: any("could not be reached" in one["message"] for one in failures(lab)))
        traffic.cancel()
        assert await daemon.stop() == 0
    assert Counter(one["type"] for one in failures(lab)).keys() == {"Warning"}
    assert TOKEN not in daemon.log.read_text() + json.dumps(failures(lab))


def failures(lab: Lab) -> list[dict[str, Any]]:
    """Return the Events of messages that did not go."""
    return [one for one in events(lab) if one["reason"] == "NotificationFailed"]


async def test_everybody_is_notified_by_the_daemons_own_file_and_a_shared_schedule_names_its_own_namespaces_secrets(
    lab: Lab, tmp_path: Path, receiver: Receiver
) -> None:
    lab.create("secrets", secret("chat", f"{receiver.url}/ok", namespace="ingress-canary"))
    lab.create("secrets", secret("chat", "json://127.0.0.1:1/wrong", namespace="shop"))
    everywhere = tmp_path / "notifications.json"
    everywhere.write_text(json.dumps({"notifications": [{**CHAT, "title": "all {{rollout}} {{reason}}"}]}))
    metadata = {"name": "standard", "namespace": "ingress-canary"}
    kind = {"apiVersion": "ingress-canary.io/v1alpha1", "kind": "CanarySchedule"}
    lab.create("canaryschedules", {**kind, "metadata": metadata, "spec": SCHEDULE})
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token="daemon")
    now, log = datetime.now(UTC), tmp_path / "daemon.log"
    settings = {"warm_up": "30s", "notifications": str(everywhere)}
    body = manifests.rollout("checkout", SCHEDULE, workload=WORKLOADS)
    body["spec"]["schedule"] = {"ref": {"name": "standard"}}
    async with ForkedDaemon(kubeconfig, log, scale=SCALE, epoch=now, **settings) as daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", body)
        await until(lambda: {"all checkout Settling", "Settling 10"} <= set(receiver.titles))
        assert lab.status()["schedule"]["namespace"] == "ingress-canary"
        # an edit by the team does not lend it the Secrets of another namespace, nor take the SRE's message away
        inline = {"spec": {"schedule": {"inline": SCHEDULE, "ref": None}}}
        lab.api.store.patch("canaryrollouts", "shop", "checkout", inline)
        await until(lambda: "StepPassed 50" in receiver.titles)
        traffic.cancel()
    assert failures(lab) == []


async def test_the_command_tries_the_notifications_of_a_rollout_as_the_daemon_would(
    lab: Lab, tmp_path: Path, receiver: Receiver
) -> None:
    lab.create("secrets", secret("chat", f"{receiver.url}/ok", "json://127.0.0.1:1"))
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "person", token="alice")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", "notifications", "test", "--rollout", "shop/checkout", "--kubeconfig",
        str(kubeconfig), "-o", "json", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    first, second = json.loads(out)
    assert process.returncode == 1
    assert (first["notification"], first["secret"], first["address"], first["sent"]) == ("chat", "shop/chat", 1, True)
    assert (second["address"], second["sent"], second["service"]) == (2, False, "json")
    assert receiver.titles == ["[test] StepPassed 0"]
