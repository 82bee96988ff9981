"""What the daemon makes of preflight's findings: what it holds, what it says, how often, and when it goes on."""

from pathlib import Path
from typing import Any

import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import Refuse, RequestInfo, requests
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import SCALE, WORKLOADS, checkout, until
from tests.e2e.preflight_shop import annotate, ingress, with_service
from tests.e2e.test_conflicts import LONG, SHOP, traffic
from tests.forked import ForkedDaemon

pytestmark = pytest.mark.slow

HASTY = {**LONG, "analysis": {"settle": "10s"}}
"""Of which several controller pods are warned."""


def condition(lab: Lab) -> dict[str, Any]:
    return next((one for one in lab.status().get("conditions", ()) if one["type"] == "Preflight"), {})


def preflight_warnings(lab: Lab) -> list[tuple[str, int]]:
    """Return message and count of each Event that warns of what preflight found."""
    events = lab.api.store.list("events", SHOP)
    return [(event["message"], event["count"]) for event in events if event["reason"] == "PreflightWarning"]


async def test_a_warning_is_a_conditions_message_and_one_event_over_a_restart_too(
    lab: Lab, daemon: DaemonProcess
) -> None:
    annotate(lab, affinity="cookie")
    lab.create("canaryrollouts", checkout(schedule=LONG))
    async with traffic(lab):
        async with daemon:
            await daemon.ready()
            await until(lambda: lab.status().get("step", {}).get("bakedSeconds", 0) > 0)
            assert (condition(lab)["status"], condition(lab)["reason"]) == ("True", "PreflightWarning")
            assert condition(lab)["message"].startswith("rule 16: Ingress shop/checkout metadata.annotations[")
        before = lab.status()["step"]["bakedSeconds"]
        async with daemon:
            await daemon.ready()
            await until(lambda: lab.status()["step"]["bakedSeconds"] > before)
    ((message, count),) = preflight_warnings(lab)
    assert message.startswith("rule 16: ")
    assert count == 1


async def test_several_controller_pods_are_warned_of_once_their_pages_have_been_read(
    lab: Lab, daemon: DaemonProcess
) -> None:
    await lab.add_controller()
    lab.create("canaryrollouts", checkout(schedule=HASTY))
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: condition(lab).get("reason") == "PreflightWarning" and lab.status().get("weight") == 50)
        assert "rule 23: ingress controllers replicas: 2 pods apply a change" in condition(lab)["message"]
    assert [message.partition(": ")[0] for message, _ in preflight_warnings(lab)] == ["rule 23"]


async def test_a_restart_repeats_no_warning_though_one_of_them_comes_with_the_first_reading(
    lab: Lab, daemon: DaemonProcess
) -> None:
    annotate(lab, affinity="cookie")
    await lab.add_controller()
    lab.create("canaryrollouts", checkout(schedule=HASTY))
    async with traffic(lab):
        baked = 0.0
        for _ in range(2):
            async with daemon:
                await daemon.ready()
                await until(lambda: lab.status().get("step", {}).get("bakedSeconds", 0) > baked)  # noqa: B023
            baked = lab.status()["step"]["bakedSeconds"]
            assert "rule 16: " in condition(lab)["message"]
            assert "rule 23: " in condition(lab)["message"]
    warned = {message.partition(": ")[0]: count for message, count in preflight_warnings(lab)}
    assert warned == {"rule 16": 1, "rule 23": 1}


async def test_a_warning_is_sent_though_a_write_after_the_status_is_refused(lab: Lab, daemon: DaemonProcess) -> None:
    annotate(lab, affinity="cookie")
    # the first pass stores the status with the finding, and fails when it scales the canary
    lab.api.faults.add(requests(resource="deployments", verb="patch"), Refuse(500))
    rollout = checkout(schedule=LONG)
    rollout["spec"]["workload"] = {**WORKLOADS, "scaleCanary": {"to": 5}}
    lab.create("canaryrollouts", rollout)
    async with daemon:
        await daemon.ready()
        await until(lambda: condition(lab).get("reason") == "PreflightWarning")
        await until(lambda: preflight_warnings(lab) != [])
    assert [message.partition(": ")[0] for message, _ in preflight_warnings(lab)] == ["rule 16"]


async def test_an_error_found_in_mid_rollout_holds_the_weight_and_clears_by_itself(
    lab: Lab, daemon: DaemonProcess
) -> None:
    lab.create("canaryrollouts", checkout())
    with_service(lab, "other")
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: lab.status().get("weight") == 10)
        lab.create("ingresses", ingress("zz-canary", backend="other", canary="true", canary_weight="0"))
        await until(lambda: lab.status()["reason"] == "PreflightFailed")
        assert (condition(lab)["status"], condition(lab)["reason"]) == ("False", "PreflightFailed")
        assert "Ingress shop/zz-canary" in lab.status()["message"]
        assert (lab.status()["phase"], lab.status()["weight"]) == ("Progressing", 10)
        lab.api.store.delete("ingresses", SHOP, "zz-canary")
        await until(lambda: condition(lab)["status"] == "True")
        assert condition(lab)["reason"] == "PreflightPassed"
        await until(lambda: lab.status().get("weight") == 50)


async def test_without_stable_endpoints_it_is_called_an_outage_of_stable(lab: Lab, daemon: DaemonProcess) -> None:
    lab.create("canaryrollouts", checkout(schedule=LONG))
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: lab.status().get("weight") == 50)
        lab.stable.ready = False
        lab.publish("checkout")
        await until(lambda: lab.status()["reason"] == "PreflightFailed")
        assert "an outage of stable while the canary carries traffic" in lab.status()["message"]
        assert lab.status()["weight"] == 50


@pytest.mark.parametrize("accepted", [False, True], ids=["refused", "accepted"])
async def test_what_could_not_be_checked_is_refused_unless_the_settings_accept_it(
    lab: Lab, tmp_path: Path, accepted: bool
) -> None:
    def everywhere(info: RequestInfo) -> bool:
        reads = info.verb in ("list", "watch") and info.token == "narrow"
        return reads and (info.resource == "ingressclasses" or (info.resource == "ingresses" and not info.namespace))

    lab.api.faults.add(everywhere, Refuse(403, "forbidden"))
    lab.create("canaryrollouts", checkout())
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "narrow", token="narrow")
    flags = {"namespaces": manifests.NAMESPACE, "accept_unchecked": str(accepted), "warm_up": "0s"}
    async with ForkedDaemon(kubeconfig, tmp_path / "log", scale=SCALE, **flags) as daemon, traffic(lab):
        await daemon.ready()
        if accepted:
            await until(lambda: lab.status().get("weight") == 10)
            assert condition(lab)["status"] == "True"
        else:
            await until(lambda: lab.status().get("reason") == "PreflightFailed")
            assert lab.status()["message"].startswith("not checked: rules 1, 5, 6, 7, 8, 9 ")
            assert lab.shadow() is None
        assert "rule 9" in condition(lab)["message"]


async def test_what_the_controllers_are_configured_with_counts_and_a_change_is_seen_at_once(
    lab: Lab, daemon: DaemonProcess
) -> None:
    name = "ingress-nginx-controller"
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ingress-nginx"}}
    lab.create("configmaps", {**config, "data": {"annotations-risk-level": "Low"}})
    lab.create("canaryrollouts", checkout(schedule={**LONG, "routing": {"cookie": "canary"}}))
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: lab.status().get("reason") == "PreflightFailed")
        assert "data.annotations-risk-level" in lab.status()["message"]
        lab.api.store.patch("configmaps", "ingress-nginx", name, {"data": {"annotations-risk-level": "High"}})
        await until(lambda: lab.status().get("weight") == 50)
