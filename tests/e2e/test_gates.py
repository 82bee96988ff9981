"""Webhook gates over real HTTP, the daemon a process: each answer has its effect, and one that hangs delays nothing."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import Refuse, requests
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.gate_server import HANG, KEY, GateServer
from tests.e2e.replicas import LEASE, WITHIN, Blow, replicas
from tests.e2e.witness import ROLLOUTS, assert_finite_and_accepted, by_person, events

pytestmark = pytest.mark.slow

STEPS = [
    {"name": "few", "weight": 20, "bake": "10s", "require": "NoFail", "minRequests": 0},
    {"name": "half", "weight": 50, "bake": "10s", "require": "NoFail", "minRequests": 0},
]


@pytest.fixture
async def receiver() -> AsyncIterator[GateServer]:
    async with GateServer() as made:
        yield made


@pytest.fixture
async def shop(lab: Lab, daemon: DaemonProcess) -> AsyncIterator[Lab]:
    """The lab with a daemon on it and traffic."""
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        yield lab
        traffic.cancel()
    assert_finite_and_accepted(lab)


def rollout(*gates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return checkout(schedule={"steps": STEPS, "slos": [AVAILABILITY], "gates": list(gates)}, **spec)


def gate_record(lab: Lab, name: str = "qa") -> dict[str, Any]:
    """Return what a gate's record in the status says."""
    return next((one for one in lab.status().get("gates", ()) if one["name"] == name), {})


async def act(lab: Lab, action: str) -> None:
    await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout", {"metadata": {"annotations": {ACTION_ANNOTATION: action}}})


async def test_all_occasions_of_a_rollout_are_asked_in_order_and_signed_and_its_end_is_sent(
    shop: Lab, receiver: GateServer
) -> None:
    secret = {"metadata": {"name": "gates", "namespace": "shop"}, "data": {"hmac": b64encode(KEY.encode()).decode()}}
    shop.create("secrets", {"apiVersion": "v1", "kind": "Secret", **secret})
    signed = {"secretRef": {"name": "gates", "key": "hmac"}}
    gates = [
        receiver.gate("over", "afterFinish", **signed), receiver.gate("last", "beforePromotion", **signed),
        receiver.gate("all-the-time", "duringStep", steps=["half"], **signed),
        receiver.gate("each", "beforeStep", **signed), receiver.gate("first", "beforeStart", **signed),
    ]  # fmt: skip
    receiver.codes["over"] = 503
    shop.create("canaryrollouts", rollout(*gates, promotion={"strategy": "CopyImages"}))
    await until(lambda: len(receiver.of("over")) >= 3)
    assert shop.status()["phase"] == "Succeeded"
    assert gate_record(shop, "over")["verdict"] == "unknown"
    receiver.codes["over"] = 200
    await until(lambda: gate_record(shop, "over")["verdict"] == "passed")
    assert receiver.unsigned == 0
    once = dict.fromkeys(receiver.from_each(lambda one: (one["gate"], (one["step"] or {}).get("name"))))
    assert list(once) == [
        ("first", "few"), ("each", "few"), ("each", "half"), ("all-the-time", "half"), ("last", "half"),
        ("over", "half"),
    ]  # fmt: skip
    assert len({one["id"] for one in receiver.of("over")}) == 1
    assert {one["attempt"] for one in receiver.of("each")} == {1}
    (ended,) = {(one["phase"], one["reason"]) for one in receiver.of("over")}
    assert ended == ("Succeeded", "Promoted")
    assert receiver.of("last")[0]["evidence"][0]["canary"]["total"] > 0
    # at rest nobody is asked, and the Secret was read by its name alone
    times = len(receiver.asked)
    await asyncio.sleep(1)
    assert len(receiver.asked) == times
    reads = {(one.verb, one.name) for one in shop.api.audit if one.resource == "secrets" and one.token == "daemon"}
    assert reads == {("get", "gates")}


@pytest.mark.parametrize("when", ["beforeStart", "beforeStep", "duringStep", "beforePromotion"])
@pytest.mark.parametrize(("effect", "phase"), [("Hold", None), ("Pause", "Paused"), ("Rollback", "RolledBack")])
async def test_a_rejection_does_what_its_gate_says(
    shop: Lab, receiver: GateServer, when: str, effect: str, phase: str | None
) -> None:
    receiver.codes["qa"] = 409
    steps = {"steps": ["half"]} if when in ("beforeStep", "duringStep") else {}
    shop.create("canaryrollouts", rollout(receiver.gate("qa", when, onReject=effect, **steps)))
    if phase is not None:
        await until(lambda: shop.status().get("phase") == phase)
        assert shop.status()["reason"] == "GateRejected"
        assert "rejected: qa says 409" in shop.status()["message"]
    else:
        await until(lambda: shop.status().get("reason") == "GateRejected" and len(receiver.asked) > 2)
        assert shop.status()["phase"] == ("Pending" if when == "beforeStart" else "Progressing")
    assert gate_record(shop)["verdict"] == "rejected"
    weight = {"beforeStart": 0, "beforeStep": 20}.get(when, 50)
    assert shop.status()["weight"] == (0 if phase == "RolledBack" else weight)
    await until(lambda: [one for one in events(shop) if one["reason"] == "GateRejected"])
    assert {one["type"] for one in events(shop) if one["reason"] == "GateRejected"} == {"Warning"}
    if phase == "RolledBack":
        await until(lambda: shop.shadow() is None)
        return
    receiver.codes["qa"] = 200
    if phase == "Paused":
        await act(shop, "resume#1")
    await until(lambda: shop.status()["phase"] == "Promoting")


@pytest.mark.parametrize("code", [HANG, 500, -200, -409, 307], ids=["hangs", "500", "html", "html-409", "redirect"])
async def test_what_is_no_answer_holds_and_the_rollout_goes_on_when_the_gate_recovers(
    shop: Lab, receiver: GateServer, code: int
) -> None:
    receiver.codes["qa"] = code
    gate = receiver.gate("qa", "beforeStep", quick=code == HANG, steps=["2"], onReject="Rollback")
    shop.create("canaryrollouts", rollout(gate))
    await until(lambda: len(receiver.asked) > 2 and gate_record(shop).get("attempts", 0) > 1)
    assert (shop.status()["phase"], shop.status()["reason"], shop.status()["weight"]) == (
        "Progressing", "AwaitingGate", 20,
    )  # fmt: skip
    assert "gate qa (beforeStep, step 2) unknown: " in shop.status()["message"]
    assert gate_record(shop)["nextAt"] > gate_record(shop)["at"]
    receiver.codes["qa"] = 200
    await until(lambda: shop.status()["phase"] == "Promoting")
    assert len({one["id"] for one in receiver.asked}) == 1
    assert [reason for *_, reason in history(shop)] == ["Settling", "StepPassed", "StepPassed"]


async def test_a_missing_secret_holds_until_it_is_there(shop: Lab, receiver: GateServer) -> None:
    gate = receiver.gate("qa", "beforeStart", secretRef={"name": "late", "key": "hmac"})
    shop.create("canaryrollouts", rollout(gate))
    await until(lambda: "secretRef: " in gate_record(shop).get("message", ""))
    assert (shop.status()["phase"], shop.status()["reason"], receiver.asked) == ("Pending", "AwaitingGate", [])
    data = {"hmac": b64encode(KEY.encode()).decode()}
    metadata = {"name": "late", "namespace": "shop"}
    shop.create("secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    await until(lambda: shop.status().get("weight") == 20)
    assert receiver.unsigned == 0


@pytest.mark.parametrize("code", [HANG, 503])
async def test_a_restart_in_the_middle_asks_the_same_again_and_skips_nothing(
    lab: Lab, daemon: DaemonProcess, receiver: GateServer, code: int
) -> None:
    receiver.codes["qa"] = code
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", rollout(receiver.gate("qa", "beforeStep", quick=True, steps=["2"])))
        await until(lambda: gate_record(lab).get("attempts", 0) > 1)
        daemon.kill()
        await daemon.wait()
        times = len(receiver.asked)
        await daemon.start()
        await until(lambda: len(receiver.asked) > times + 1)
        assert (lab.status()["weight"], lab.status()["reason"]) == (20, "AwaitingGate")
        assert len({one["id"] for one in receiver.asked}) == 1
        receiver.codes["qa"] = 200
        await until(lambda: lab.status()["phase"] == "Promoting")
        traffic.cancel()
    assert [reason for *_, reason in history(lab)] == ["Settling", "StepPassed", "StepPassed"]


@pytest.mark.parametrize("when", ["beforeStep", "duringStep"])
async def test_evidence_and_rollback_go_on_while_a_gate_hangs(shop: Lab, receiver: GateServer, when: str) -> None:
    receiver.codes["qa"] = HANG
    gate = receiver.gate("qa", when, steps=["2" if when == "beforeStep" else "1"], timeout="60s")
    shop.create("canaryrollouts", rollout(gate))
    await until(lambda: shop.status().get("reason") == "AwaitingGate" and receiver.asked)
    assert len(receiver.asked) == 1
    seen = shop.status()["slos"][0]["canary"]["total"]
    await until(lambda: shop.status()["slos"][0]["canary"]["total"] > seen)
    shop.canary.profile = shop.canary.profile.__class__("v2", error_ratio=1.0)
    await until(lambda: shop.status()["phase"] == "RolledBack", 20)
    assert (shop.status()["reason"], len(receiver.asked)) == ("SLOViolated", 1)


async def test_a_rejection_takes_the_canary_off_though_nothing_can_be_stored(shop: Lab, receiver: GateServer) -> None:
    steps = [{**STEPS[0], "bake": "10h"}]
    gates = [receiver.gate("qa", "duringStep", onReject="Rollback"), receiver.gate("over", "afterFinish")]
    shop.create("canaryrollouts", checkout(schedule={"steps": steps, "slos": [AVAILABILITY], "gates": gates}))
    await until(lambda: gate_record(shop).get("verdict") == "passed")
    fault = shop.api.faults.add(requests(resource="canaryrollouts", verb="patch"), Refuse(500))
    times = len(receiver.asked)
    await until(lambda: len(receiver.asked) > times + 3)
    receiver.codes["qa"] = 409
    await until(lambda: shop.shadow() is None)
    assert (shop.status()["phase"], receiver.of("over")) == ("Progressing", [])
    shop.api.faults.remove(fault)
    await until(lambda: shop.status()["phase"] == "RolledBack" and receiver.of("over"))
    assert shop.status()["reason"] == "GateRejected"


async def test_a_rollback_is_sent_and_the_answers_are_counted(
    shop: Lab, daemon: DaemonProcess, receiver: GateServer
) -> None:
    shop.create("canaryrollouts", rollout(receiver.gate("over", "afterFinish"), receiver.gate("go", "beforeStart")))
    await until(lambda: shop.status().get("weight") == 20)
    await act(shop, "abort#1")
    await until(lambda: gate_record(shop, "over").get("verdict") == "passed")
    (ended,) = receiver.of("over")
    assert (ended["phase"], ended["reason"], ended["weight"]) == ("RolledBack", "AbortedByUser", 0)
    page = await daemon.metrics()
    assert 'ingress_canary_gate_answers_total{outcome="passed",when="afterFinish"} 1.0' in page
    assert 'ingress_canary_gate_answers_total{outcome="passed",when="beforeStart"} 1.0' in page
    assert len(receiver.of("go")) == 1


@pytest.mark.parametrize("blow", [Blow.KILLED, Blow.DEAD])
async def test_who_follows_never_asks_and_who_takes_over_asks_the_same(
    lab: Lab, tmp_path: Path, receiver: GateServer, blow: Blow
) -> None:
    receiver.codes["qa"] = HANG
    async with replicas(lab, tmp_path, LEASE) as both:
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", rollout(receiver.gate("qa", "beforeStep", steps=["2"], timeout="60s")))
        await until(lambda: receiver.asked, WITHIN)
        before = await both.strike(blow)
        await both.taken_over(before)
        await until(lambda: len(receiver.asked) > 1, WITHIN)
        assert [one["id"] for one in receiver.asked] == [receiver.asked[0]["id"]] * 2
        # the one that lost its term has cut its own question
        await until(lambda: receiver.open == 1, WITHIN)
        assert lab.status()["weight"] == 20
        traffic.cancel()
    assert len(receiver.asked) == 2
