"""What people decide, end to end: approve, skip, promote, restart, wait, abort --all; and who waits for them."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.api import ACTION_ANNOTATION, FREEZE_ANNOTATION
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import Refuse, requests
from ingress_canary.lab.process import DaemonProcess
from ingress_canary.lab.stage import ROLLBACKS
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.people import Person, condition, reason_is

pytestmark = pytest.mark.slow

QUICK: dict[str, Any] = {"bake": "10s", "require": "NoFail", "minRequests": 0}
LONG = {"weight": 50, "bake": "10h"}
APPROVED: dict[str, Any] = {
    "steps": [
        {"name": "first", "weight": 20, **QUICK, "approval": {"when": "After"}},
        {"weight": 50, **QUICK, "approval": {"when": "Before"}},
        {"weight": 80, "bake": "10h"},
        {"weight": 100, "bake": "10h"},
    ],
    "slos": [AVAILABILITY],
}


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Person:
    """Somebody with a kubeconfig."""
    return Person(lab.api.write_kubeconfig(tmp_path / "person", token="alice"))


@pytest.mark.usefixtures("shoppers")
async def test_a_person_approves_skips_promotes_and_begins_anew(
    lab: Lab, daemon: DaemonProcess, person: Person
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=APPROVED))
        await until(reason_is(lab, "AwaitingApproval"))
        assert lab.status()["weight"] == 20
        code, shown, _ = await person.says("status", "checkout")
        assert "approval  step 1 waits for it since" in shown
        assert "ingress-canary approve checkout -n shop" in shown

        code, answer = await person.asks("approve", "checkout", "--step", "2")
        assert (code, answer["result"]) == (1, "stale: it names step 2, what waits for an approval is step 1")
        code, answer = await person.asks("approve", "checkout", "--revision", "older")
        assert code == 1
        assert answer["result"].startswith("stale: it names revision older")
        code, answer = await person.asks("approve", "checkout", "--reason", "seen by QA")
        assert (code, answer["result"]) == (0, "done")
        await until(lambda: (lab.status().get("approval") or {}).get("step") == 2)
        assert lab.status()["weight"] == 20
        assert "(seen by QA)" in next(one["message"] for one in lab.status()["history"] if one["reason"] == "Approved")
        assert (await person.asks("approve", "checkout"))[0] == 0
        await until(lambda: lab.status()["weight"] in (50, 80))

        await until(lambda: lab.status()["weight"] == 80)
        code, answer = await person.asks("approve", "checkout")
        assert (code, answer["result"]) == (1, "no effect: no step waits for an approval")
        code, answer = await person.asks("skip", "checkout", "--step", "2")
        assert (code, answer["result"]) == (1, "stale: it names step 2, this is step 3")
        code, answer = await person.asks("restart", "checkout")
        assert (code, answer["result"]) == (0, "done")
        await until(lambda: lab.status()["weight"] == 20)
        code, answer = await person.asks("promote", "checkout", "--reason", "hotfix")
        assert (code, answer["result"]) == (0, "done")
        await until(lambda: lab.status()["weight"] == 100)
        assert lab.status()["lastAction"]["note"] == "hotfix"
        code, answer = await person.asks("skip", "checkout")
        assert (code, answer["phase"]) == (0, "Promoting")
    assert [entry for entry in history(lab) if entry[2] in ("Approved", "Restarted", "Skipped")] == [
        (1, 20, "Approved"), (1, 20, "Approved"), (0, 0, "Restarted"), (4, 100, "Skipped"), (4, 100, "Skipped"),
    ]  # fmt: skip


@pytest.mark.usefixtures("shoppers")
async def test_a_crash_between_recording_and_consuming_skip_is_one_skip(lab: Lab, daemon: DaemonProcess) -> None:
    steps = [{"weight": weight, "bake": "10h"} for weight in (10, 20, 30, 40)]
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule={"steps": steps, "slos": [AVAILABILITY]}))
        await until(lambda: lab.status().get("weight") == 10)
        consuming = requests(verb="patch", resource="canaryrollouts", subresource="", user="daemon")
        fault = lab.api.faults.add(consuming, Refuse(503))
        skip = f"skip:{lab.status()['revision']}/1#once"
        change = {"metadata": {"annotations": {ACTION_ANNOTATION: skip}}}
        lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, "checkout", change)
        await until(lambda: lab.status()["weight"] == 20 and fault.hits > 0)
        daemon.kill()
        await daemon.wait()
        assert lab.rollout()["metadata"]["annotations"][ACTION_ANNOTATION] == skip
        lab.api.faults.clear()
        await daemon.start()
        await daemon.ready()
        await until(lambda: not lab.rollout()["metadata"].get("annotations"))
        await until(lambda: lab.status()["step"].get("bakedSeconds", 0) > 0)
    assert lab.status()["weight"] == 20
    assert history(lab) == [(1, 10, "Settling"), (2, 20, "Skipped")]


def _hours(open_since: timedelta) -> dict[str, Any]:
    """Return a daily window of almost a day that has been open for so long."""
    since = datetime.now(UTC) - open_since
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    end = since - timedelta(minutes=1)
    return {"allow": [{"days": days, "from": f"{since:%H:%M}", "to": f"{end:%H:%M}"}], "finishInWindow": True}


WAITS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "progressing": ({"bake": "10h"}, {}, "Baking"),
    # a step of 23 h does not fit into the hours that are left
    "window": ({}, {"windows": _hours(timedelta(hours=2))}, "OutsideWindow"),
    "freeze": ({"bake": "10h"}, {}, "Frozen"),
    "paused": ({"bake": "10h"}, {}, "PausedByUser"),
    "approval": ({"approval": {}}, {}, "AwaitingApproval"),
}


@pytest.mark.usefixtures("shoppers")
@pytest.mark.parametrize("name", WAITS)
async def test_a_failing_canary_is_rolled_back_as_fast_whatever_it_waits_for(
    name: str, lab: Lab, daemon: DaemonProcess, person: Person
) -> None:
    step, members, reason = WAITS[name]
    schedule = {
        "steps": [{"weight": 30, **QUICK, **step}, {"weight": 50, "bake": "23h"}],
        "slos": [AVAILABILITY],
        **members,
    }
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=schedule))
        await until(lambda: lab.status().get("weight") == 30)
        if name == "freeze":
            change = {"metadata": {"annotations": {FREEZE_ANNOTATION: "incident"}}}
            lab.api.store.patch("namespaces", "", "ingress-canary", change)
        if name == "paused":
            await person.asks("pause", "checkout")
        await until(reason_is(lab, reason))
        await until(lambda: lab.status()["weight"] == 30 and bool(lab.status().get("slos")))
        lab.canary.profile = replace(lab.canary.profile, error_ratio=1.0)
        await until(lambda: lab.status()["phase"] == "RolledBack")
        await until(lambda: lab.shadow() is None)
        assert lab.status()["reason"] == "SLOViolated"
        # reported once the shadow is known to be gone
        took: dict[str, str] = {}
        while took.get("count") != "1.0":
            took = dict(ROLLBACKS.findall(await daemon.metrics()))
    # on the lab's clock, twenty times real time; two evaluations, and room for a busy machine
    assert float(took["sum"]) < 60
    assert history(lab)[-1][2] == "SLOViolated"


@pytest.mark.usefixtures("shoppers")
async def test_a_pipeline_waits_for_its_revision_and_learns_how_it_ended(
    lab: Lab, daemon: DaemonProcess, person: Person
) -> None:
    schedule = {"steps": [{"weight": 50, **QUICK}], "slos": [AVAILABILITY]}
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=schedule, revision="v2"))
        pipeline = await person.begins("wait", "checkout", "--for", "promoting", "--revision", "v2", "-o", "json")
        done = await person.begins("wait", "checkout", "--timeout", "5m", "-o", "json")
        out, _ = await pipeline.communicate()
        assert (pipeline.returncode, json.loads(out)["result"]) == (0, "reached")
        fault = lab.api.faults.add(requests(resource="canaryrollouts", user="alice"), Refuse(503))
        await until(lambda: fault.hits > 0)
        lab.api.faults.clear()
        lab.set_image("checkout", "shop/checkout:v2")
        out, errors = await done.communicate()
        assert (done.returncode, json.loads(out)["phase"]) == (0, "Succeeded"), errors
        assert b"asking again" in errors

        code, answer = await person.asks("wait", "checkout", "--revision", "v3", "--timeout", "1s")
        assert (code, answer["result"]) == (3, "timedOut")
        lab.api.store.patch("canaryrollouts", "shop", "checkout", {"spec": {"revision": "v3"}})
        lab.set_image("checkout-canary", "shop/checkout:v1")
        code, out, err = await person.says("wait", "nobody", "--timeout", "1s")
        assert (code, out) == (1, "")
        assert "nobody" in err
    code, out, err = await person.says("wait", "checkout", "--for", "ever")
    assert (code, out) == (64, "")


@pytest.mark.usefixtures("shoppers")
async def test_a_pipeline_learns_that_its_revision_was_rolled_back(
    lab: Lab, daemon: DaemonProcess, person: Person
) -> None:
    schedule = {"steps": [{"weight": 50, "bake": "10h"}], "slos": [AVAILABILITY]}
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=schedule))
        await until(lambda: lab.status().get("weight") == 50)
        pipeline = await person.begins("wait", "checkout")
        assert (await person.asks("abort", "checkout", "--reason", "wrong build"))[0] == 0
        out, _ = await pipeline.communicate()
    assert pipeline.returncode == 2
    assert b"rolledBack shop/checkout: revision " in out
    assert b"(wrong build)" in out


async def test_on_the_worst_day_every_canary_is_taken_off(lab: Lab, daemon: DaemonProcess, person: Person) -> None:
    names = [f"shop-{number}" for number in range(1, 5)]
    for number, name in enumerate(names, 1):
        for side, part in ((name, 3), (f"{name}-canary", 4)):
            lab.create("services", manifests.service(side))
            lab.create("endpointslices", manifests.endpoint_slice(side, [f"127.0.{part}.{number}"]))
        lab.create("ingresses", manifests.ingress(name, host=f"{name}.example"))
    async with daemon:
        await daemon.ready()
        for namespace in ("shop", "nirvana"):
            code, out, err = await person.says("abort", "--all", namespace=namespace)
            assert (code, out, err) == (1, "", f"error: there is no CanaryRollout in namespace {namespace}\n")
        for name in names:
            lab.create("canaryrollouts", manifests.rollout(name, {"steps": [LONG], "slos": [AVAILABILITY]}))
        await until(lambda: all(lab.status(name).get("phase") == "Pending" for name in names))
        code, out, err = await person.says("abort", "--all", "-o", "json")
        answers = json.loads(out)
        assert (code, [answer["name"] for answer in answers]) == (0, names), err
        assert {answer["phase"] for answer in answers} == {"RolledBack"}
        assert all(lab.status(name)["reason"] == "AbortedByUser" for name in names)
        assert await person.says("abort", "--all", namespace="") == (
            0, "nothing to abort: every rollout is at rest\n", ""
        )  # fmt: skip
        for name in names[:2]:
            lab.api.store.patch("canaryrollouts", "shop", name, {"spec": {"revision": "again"}})
        await until(lambda: all(lab.status(name).get("phase") == "Pending" for name in names[:2]))
    code, out, err = await person.says("abort", "--all", "--timeout", "1")
    assert code == 1
    assert "no answer within 1 s; is the daemon running?" in out
    assert err == "error: 2 of 2 are not known to be off\n"


async def shown_until(process: asyncio.subprocess.Process, last: bytes) -> bytes:
    """Return what a command prints until a text is among it."""
    assert process.stdout is not None
    seen = b""
    async with asyncio.timeout(60):
        while last not in seen:
            line = await process.stdout.readline()
            assert line, f"it ended before it printed {last!r}"
            seen += line
    return seen


@pytest.mark.usefixtures("shoppers")
async def test_status_w_shows_each_change_as_a_table_and_in_full(
    lab: Lab, daemon: DaemonProcess, person: Person
) -> None:
    lab.create("canaryrollouts", checkout(schedule={"steps": [LONG], "slos": [AVAILABILITY]}))
    whole, single = [await person.begins("status", *words, "-w") for words in ((), ("checkout",))]
    try:
        # both have shown it as it was before the daemon came
        assert b"Progressing" not in await shown_until(whole, b"checkout")
        assert b"step 1 (50 %) begins" not in await shown_until(single, b"checkout")
        async with daemon:
            await shown_until(whole, b"Progressing")
            await shown_until(single, b"step 1 (50 %) begins")
    finally:
        for process in (whole, single):
            process.terminate()
            await process.communicate()
    assert condition(lab, "Promoted")["status"] == "Unknown"
