"""Bad input on the cluster: a condition and an Event that name field and remedy, and everybody else is served."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, until
from tests.e2e.witness import ROLLOUTS, assert_finite_and_accepted, by_person, events

pytestmark = pytest.mark.slow

GOOD: dict[str, Any] = {
    "steps": [{"weight": 20, "bake": "10s", "require": "NoFail", "minRequests": 0}, {"weight": 50, "bake": "10h"}],
    "slos": [AVAILABILITY],
}
Spec = dict[str, Any]


def schedule(**changes: Any) -> Callable[[Spec], None]:
    """Return the edit that changes members of the schedule."""
    return lambda spec: spec["schedule"]["inline"].update(changes)


def first_step(**changes: Any) -> Callable[[Spec], None]:
    """Return the edit that changes members of the first step."""
    return lambda spec: spec["schedule"]["inline"]["steps"][0].update(changes)


def slo(**changes: Any) -> Callable[[Spec], None]:
    """Return the edit that changes members of the SLO."""
    return lambda spec: spec["schedule"]["inline"]["slos"][0].update(changes)


def spec(**changes: Any) -> Callable[[Spec], None]:
    """Return the edit that changes members of the spec."""
    return lambda spec: spec.update(changes)


CHAT = {"name": "chat", "secretRef": {"name": "chat", "key": "urls"}}
DEEP = {"prometheusThreshold": {"query": "-" * 26 + "load", "max": 1}}
PROMQL = {"prometheus": {"bad": "errors_total", "total": "requests_total"}}
ELSEWHERE = {"name": "qa", "when": "beforeStep", "url": "http://qa.shop/", "steps": ["hafl"]}
FALLING = [{"weight": 50, "bake": "1m"}, {"weight": 10, "bake": "1m"}]
BAD: dict[str, tuple[Callable[[Spec], None], str, tuple[str, ...]]] = {
    "falling": (schedule(steps=FALLING), "InvalidSpec", ("spec.schedule.inline", "50", "10")),
    "burn": (slo(objective=50, maxBurn=10), "InvalidSpec", ("slos[0]", "lower maxBurn")),
    "two-slos": (schedule(slos=[AVAILABILITY, AVAILABILITY]), "InvalidSpec", ("slos", "availability")),
    "both-sources": (
        lambda spec: spec["schedule"].update(ref={"name": "x"}),
        "InvalidSpec",
        ("spec.schedule", "exactly one of ref and inline"),
    ),
    "one-service": (spec(canaryService="one-service"), "InvalidSpec", ("canaryService must not be stableService",)),
    "header": (
        first_step(header={"name": "X-Canary", "pattern": "a b("}),
        "PreflightFailed",
        ("header", "pattern"),
    ),
    "windows": (schedule(windows={"timezone": "Europe/Berlon"}), "InvalidSpec", ("timezone", "Europe/Berlin")),
    "gates": (schedule(gates=[ELSEWHERE]), "InvalidSpec", ("gates[0].steps[0]", "no step hafl", "from 1 to 2")),
    "notified": (
        schedule(notifications=[{**CHAT, "body": "{{revison}}"}]),
        "InvalidSpec",
        ("notifications[0].body", "unknown variable {{revison}}", "{{revision}}"),
    ),
    "approval": (
        first_step(approval={"timeout": "0s"}),
        "InvalidSpec",
        ("steps[0].approval.timeout", "must be 1ms to 8760h"),
    ),
    "settle": (schedule(analysis={"settle": "99999999h"}), "InvalidSpec", ("analysis.settle", "must be 0s to 10m")),
    "promql": (slo(sli=PROMQL), "InvalidSpec", ("slos[0].sli.prometheus", "use requests or latency")),
    "deep": (
        schedule(slos=[AVAILABILITY, {"name": "deep", "sli": DEEP}]),
        "InvalidSpec",
        ("slos[1].sli.prometheusThreshold.query", "nested 26 levels deep", "25 are the most", "record parts of it"),
    ),
    "copy-images": (
        spec(promotion={"strategy": "CopyImages"}),
        "InvalidSpec",
        ("spec.workload.canary", "use Manual"),
    ),
    "scaled": (
        lambda spec: spec["workload"].update(scaleCanary={"to": 3}),
        "InvalidSpec",
        ("spec.workload.scaleCanary", "set spec.workload.canary to a Deployment"),
    ),
    "no-stable": (spec(stableService="nobody"), "PreflightFailed", ("nobody",)),
    "no-canary": (spec(canaryService="nobody-canary"), "PreflightFailed", ("nobody-canary",)),
    "no-primary": (spec(ingresses=["nothing"]), "PreflightFailed", ("nothing",)),
    "no-schedule": (
        spec(schedule={"ref": {"name": "absent"}}),
        "ScheduleMissing",
        ("CanarySchedule ingress-canary/absent", "create it or correct the name"),
    ),
    "their-schedule": (
        spec(schedule={"ref": {"name": "absent", "namespace": "theirs"}}),
        "InvalidSpec",
        ("spec.schedule.ref.namespace", "theirs"),
    ),
}


def open_shop(lab: Lab, name: str, number: int) -> None:
    """Create what a rollout of this name needs."""
    for side, part in ((name, 3), (f"{name}-canary", 4)):
        lab.create("services", manifests.service(side))
        lab.create("endpointslices", manifests.endpoint_slice(side, [f"127.0.{part}.{number}"]))
    lab.create("ingresses", manifests.ingress(name, host=f"{name}.example"))


def ready(lab: Lab, name: str) -> dict[str, Any]:
    """Return a rollout's Ready condition."""
    return next((one for one in lab.status(name).get("conditions", ()) if one["type"] == "Ready"), {})


async def test_each_mistake_is_a_condition_and_an_event_and_the_others_are_served(
    lab: Lab, daemon: DaemonProcess
) -> None:
    for number, (name, (edit, _, _)) in enumerate(BAD.items(), 1):
        open_shop(lab, name, number)
        body = copy.deepcopy(manifests.rollout(name, GOOD, workload={}))
        edit(body["spec"])
        lab.create("canaryrollouts", body)
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", checkout(schedule=GOOD))
        await until(lambda: lab.status().get("weight") == 50)
        for name, (_, reason, words) in BAD.items():
            await until(lambda name=name: ready(lab, name), 5)
            status, condition = lab.status(name), ready(lab, name)
            assert (name, status["phase"], status["reason"]) == (name, "Pending", reason)
            assert (condition["status"], condition["reason"]) == ("False", reason), name
            for word in words:
                assert word in status["message"], (name, status["message"])
                assert word in condition["message"], (name, condition["message"])
            reported = [one for one in events(lab, name) if one["reason"] == reason]
            assert [one["type"] for one in reported] == ["Warning"], (name, reported)
            assert all(word in reported[0]["message"] for word in words), (name, reported)
            assert lab.shadow(f"{name}-canary") is None
        traffic.cancel()
    assert_finite_and_accepted(lab)


async def test_a_mistake_that_is_corrected_is_forgotten(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", checkout(schedule={**GOOD, "steps": FALLING}))
        await until(lambda: lab.status().get("reason") == "InvalidSpec")
        await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout", {"spec": {"schedule": {"inline": GOOD}}})
        await until(lambda: lab.status()["weight"] == 20)
        assert ready(lab, "checkout")["status"] == "True"
        traffic.cancel()


async def test_a_latency_threshold_that_is_no_bucket_is_refused_before_any_traffic_with_the_bounds(
    lab: Lab, daemon: DaemonProcess
) -> None:
    slos = [{"name": "latency", "objective": 99, "maxBurn": 5, "sli": {"latency": {"threshold": "300ms"}}}]
    async with daemon:
        await daemon.ready()
        load = lab.load(100, 900)
        traffic = asyncio.create_task(load.run())
        lab.create("canaryrollouts", checkout(schedule={**GOOD, "slos": slos}))
        await until(lambda: lab.status().get("reason") == "InvalidSpec")
        served = load.tally.total
        # some ticks on the same is reported, once, and nobody has met the canary
        await until(lambda: load.tally.total > served + 200)
        assert lab.status()["reason"] == "InvalidSpec"
        assert ready(lab, "checkout")["status"] == "False"
        for word in ("latency", "0.3", "0.25", "0.5"):
            assert word in lab.status()["message"]
        (reported,) = [one for one in events(lab) if one["reason"] == "InvalidSpec"]
        assert reported["count"] == 1
        assert load.tally.by_version()["v2"] == 0
        assert lab.status()["weight"] == 0
        traffic.cancel()


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "after a restart"])
@pytest.mark.parametrize(
    "spoilt", [{"schedule": {"inline": {"steps": FALLING}}}, {"shadow": {"name": "checkout"}}], ids=["steps", "shadow"]
)
async def test_a_spec_spoilt_in_mid_rollout_neither_advances_nor_protects_a_failing_canary(
    lab: Lab, daemon: DaemonProcess, spoilt: Spec, restarted: bool
) -> None:
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(150, 900).run())
        lab.create("canaryrollouts", checkout(schedule=GOOD))
        await until(lambda: lab.status().get("weight") == 50)
        await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout", {"spec": spoilt})
        await until(lambda: lab.status()["reason"] == "InvalidSpec")
        assert (lab.status()["phase"], lab.status()["weight"]) == ("Progressing", 50)
        if restarted:
            await daemon.stop()
            await daemon.start()
            await daemon.ready()
        lab.canary.profile = lab.canary.profile.__class__("v2", error_ratio=1.0)
        await until(lambda: lab.status()["phase"] == "RolledBack", 20)
        assert lab.status()["reason"] == "SLOViolated"
        await until(lambda: lab.shadow() is None)
        traffic.cancel()


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("weight", 101, "spec.schedule.inline.steps[0].weight"),
        ("bake", 10, "spec.schedule.inline.steps[0].bake"),
        ("bake", "10", "spec.schedule.inline.steps[0].bake"),
        ("require", "Luck", "spec.schedule.inline.steps[0].require"),
    ],
)
async def test_the_schema_itself_refuses_what_it_can(lab: Lab, field: str, value: object, path: str) -> None:
    body = copy.deepcopy(manifests.rollout("checkout", GOOD))
    body["spec"]["schedule"]["inline"]["steps"][0][field] = value
    async with (
        aiohttp.ClientSession() as session,
        session.post(lab.api.url + ROLLOUTS, json=body, headers={"Authorization": "Bearer alice"}) as answer,
    ):
        assert answer.status == 422
        assert path in (await answer.json())["message"]


async def test_a_field_that_nobody_knows_is_pruned_with_a_warning_and_harms_nothing(
    lab: Lab, daemon: DaemonProcess
) -> None:
    body = copy.deepcopy(checkout(schedule=GOOD))
    body["spec"]["wieght"] = 5
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        stored = await by_person(lab, "POST", ROLLOUTS, body)
        assert "wieght" not in stored["spec"]
        await until(lambda: lab.status().get("weight") == 20)
        traffic.cancel()
