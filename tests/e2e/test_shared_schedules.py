"""Schedules that rollouts share by name: kept as begun, reported when newer, and whose they may be."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.api import API_VERSION, SCHEDULE_KIND
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, SCALE, checkout, until
from tests.e2e.people import Person, condition, reason_is
from tests.forked import ForkedDaemon

pytestmark = pytest.mark.slow


def shared(weight: float, name: str = "standard-web", namespace: str = "ingress-canary") -> dict[str, Any]:
    """Return a CanarySchedule of one long step."""
    spec = {"steps": [{"weight": weight, "bake": "10h"}, {"weight": 90, "bake": "10h"}], "slos": [AVAILABILITY]}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": SCHEDULE_KIND, "metadata": metadata, "spec": spec}


def sharing(name: str = "standard-web", **ref: str) -> dict[str, Any]:
    """Return the shop's rollout with a schedule by name."""
    body = checkout()
    body["spec"]["schedule"] = {"ref": {"name": name, **ref}}
    return body


@pytest.mark.usefixtures("shoppers")
async def test_a_rollout_keeps_the_schedule_it_began_with_until_it_is_asked_to_restart(
    lab: Lab, daemon: DaemonProcess, tmp_path: Path
) -> None:
    person = Person(lab.api.write_kubeconfig(tmp_path / "person", token="alice"))
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", sharing())
        await until(reason_is(lab, "ScheduleMissing"))
        lab.create("canaryschedules", shared(10))
        await until(lambda: lab.status().get("weight") == 10)
        assert condition(lab, "ScheduleCurrent") == {}

        lab.api.store.patch("canaryschedules", "ingress-canary", "standard-web", {"spec": shared(30)["spec"]})
        await until(lambda: condition(lab, "ScheduleCurrent").get("status") == "False")
        message = condition(lab, "ScheduleCurrent")["message"]
        assert message.startswith("the rollout keeps the schedule it began with (")
        assert "CanarySchedule ingress-canary/standard-web spec has changed since" in message
        _, shown, _ = await person.says("status", "checkout")
        assert f"schedule  {message}" in shown
        assert lab.status()["weight"] == 10
        assert lab.status()["schedule"]["content"]["steps"][0]["weight"] == 10

        # over a restart of the daemon too
        await daemon.stop()
        await daemon.start()
        await daemon.ready()
        await until(lambda: lab.status()["step"].get("bakedSeconds", 0) > 0)
        assert (lab.status()["weight"], condition(lab, "ScheduleCurrent")["status"]) == (10, "False")

        code, answer = await person.asks("restart", "checkout")
        assert (code, answer["result"]) == (0, "done")
        await until(lambda: lab.status()["weight"] == 30)
        await until(lambda: condition(lab, "ScheduleCurrent")["status"] == "True")

        lab.api.store.delete("canaryschedules", "ingress-canary", "standard-web")
        await until(lambda: "does not exist" in condition(lab, "ScheduleCurrent").get("message", ""))
        assert (lab.status()["phase"], lab.status()["weight"]) == ("Progressing", 30)
        code, answer = await person.asks("restart", "checkout")
        assert code != 0
        assert answer["result"].startswith("no effect: ")
        assert "CanarySchedule ingress-canary/standard-web does not exist" in answer["result"]
        assert (lab.status()["phase"], lab.status()["weight"]) == ("Progressing", 30)
        baked = lab.status()["step"].get("bakedSeconds", 0)
        await daemon.stop()
        await daemon.start()
        await daemon.ready()
        await until(lambda: lab.status()["step"].get("bakedSeconds", 0) > baked)
        assert (lab.status()["phase"], lab.status()["weight"]) == ("Progressing", 30)
        lab.create("canaryschedules", shared(30))
        await until(lambda: condition(lab, "ScheduleCurrent")["status"] == "True")


@pytest.mark.usefixtures("shoppers")
async def test_settings_say_whose_schedules_are_taken(lab: Lab, tmp_path: Path) -> None:
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token="daemon")
    daemon = ForkedDaemon(
        kubeconfig, tmp_path / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), warm_up="30s",
        inline_schedules="false", schedule_namespaces="platform",
    )  # fmt: skip
    for namespace in ("platform", "theirs"):
        lab.create("namespaces", manifests.namespace(namespace))
        lab.create("canaryschedules", shared(20, namespace=namespace))
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout())
        await until(reason_is(lab, "InvalidSpec"))
        assert lab.status()["message"] == (
            "spec.schedule.inline: this daemon takes shared schedules only; use spec.schedule.ref"
        )
        lab.api.store.patch(
            "canaryrollouts", "shop", "checkout",
            {"spec": {"schedule": {"inline": None, "ref": {"name": "standard-web", "namespace": "theirs"}}}},
        )  # fmt: skip
        await until(lambda: "theirs is none that this daemon takes schedules from" in lab.status()["message"])
        lab.api.store.patch(
            "canaryrollouts", "shop", "checkout", {"spec": {"schedule": {"ref": {"namespace": "platform"}}}}
        )
        await until(lambda: lab.status().get("weight") == 20)
