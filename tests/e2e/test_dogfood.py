"""Staff first, over real HTTP: a header decides at weight 0, header and weight decide together later."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ingress_canary.lab.application import VERSION_HEADER
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.load import Load, Visitor
from ingress_canary.lab.manifests import NAMESPACE
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, deployed, until
from tests.e2e.people import Person

pytestmark = pytest.mark.slow

STAFF = {"X-Canary": "staff"}
SCHEDULE: dict[str, Any] = {
    "routing": {"header": {"name": "X-Canary", "value": "staff"}, "cookie": "canary"},
    "steps": [
        {"name": "dogfood", "weight": 0, "bake": "20s", "require": "NoFail", "minRequests": 10, "approval": {}},
        {"weight": 10, "bake": "10h"},
    ],
    "slos": [AVAILABILITY],
}


@asynccontextmanager
async def crowds(lab: Lab) -> AsyncIterator[tuple[Load, Load]]:
    """Yield the traffic of staff and that of everybody else, each with its own tally."""
    staff = lab.load(40, 900, visitors=[Visitor(headers=STAFF), Visitor(cookies={"canary": "always"})], seed=1)
    others = lab.load(80, 900, visitors=[Visitor(), Visitor(headers={"X-Canary": "always"})], seed=2)
    tasks = [asyncio.create_task(crowd.run()) for crowd in (staff, others)]
    try:
        yield staff, others
    finally:
        for task in tasks:
            task.cancel()


async def answers(load: Load, wanted: int = 150) -> dict[str, int]:
    """Return which versions answer the next requests of a crowd."""
    before = load.tally.by_version()
    await until(lambda: load.tally.total >= before.total() + wanted)
    return {version: count for version, count in (load.tally.by_version() - before).items() if version}


def met(load: Load) -> set[str]:
    """Return the versions that have answered a crowd; a busy machine leaves some requests without an answer."""
    return {version for version in load.tally.by_version() if version}


async def reached_by(lab: Lab, line: str) -> str:
    """Send what a curl line says to the lab's controllers and return the version that answers."""
    words = shlex.split(line, comments=True)
    assert words[0] == "curl"
    headers = dict(word.split(": ", 1) for flag, word in pairwise(words) if flag == "-H")
    host = words[-1].split("/")[2]
    asked = {"headers": {"Host": host, **headers}}
    async with aiohttp.ClientSession() as session, session.get(lab.plane.urls[0], **asked) as answer:
        return answer.headers[VERSION_HEADER]


async def test_staff_are_on_the_canary_at_weight_0_and_at_weight_10_both_rules_hold(
    lab: Lab, daemon: DaemonProcess, tmp_path: Path
) -> None:
    person = Person(lab.api.write_kubeconfig(tmp_path / "person", token="alice"))
    async with daemon, crowds(lab) as (staff, others):
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("reason") == "AwaitingApproval")
        # judged on what staff sent alone, and nobody else was sent anywhere
        assert await answers(staff) == {"v2": pytest.approx(150, abs=60)}
        assert met(others) == {"v1"}
        (slo,) = lab.status()["slos"]
        assert 10 <= slo["canary"]["total"] <= staff.tally.total
        _, shown, _ = await person.says("status", "checkout")
        (line,) = [line.removeprefix("reach it  ") for line in shown.splitlines() if line.startswith("reach it")]
        assert line == "curl -H 'X-Canary: staff' http://shop.example/"
        assert await reached_by(lab, line) == "v2"

        assert (await person.asks("approve", "checkout"))[0] == 0
        await until(lambda: lab.status()["weight"] == 10)
        seen = others.tally.by_version()["v2"]
        await until(lambda: others.tally.by_version()["v2"] > seen + 2)
        assert set(await answers(staff)) == {"v2"}
        drawn = await answers(others, 500)
        assert 0.03 < drawn["v2"] / sum(drawn.values()) < 0.25
        _, shown, _ = await person.says("status", "checkout")
        assert f"reach it  {line}" in shown


async def test_staff_on_a_path_that_fails_on_both_versions_do_not_condemn_the_canary(
    lab: Lab, daemon: DaemonProcess
) -> None:
    await deployed(lab)
    for side in (lab.stable, lab.canary):
        side.profile = replace(side.profile, broken={"/report": 0.3})
    (rule,) = lab.api.store.get("ingresses", NAMESPACE, "checkout")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    two = [{**rule, "http": {"paths": [path, {**path, "path": "/report"}]}}]
    lab.api.store.patch("ingresses", NAMESPACE, "checkout", {"spec": {"rules": two}})
    staff = lab.load(80, 900, visitors=[Visitor(headers=STAFF)], paths=["/report"], seed=1)
    others = lab.load(80, 900, paths=["/", "/report"], seed=2)
    tasks = [asyncio.create_task(crowd.run()) for crowd in (staff, others)]
    schedule = {**SCHEDULE, "steps": [{"weight": 0, "bake": "4m", "require": "NoFail"}, {"weight": 10, "bake": "10h"}]}
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=schedule))
        await until(lambda: (lab.status().get("weight"), lab.status().get("reason")) == (10, "Baking"))
        (slo,) = lab.status()["slos"]
        # twice as bad as stable, for whom every other request is on that path
        assert slo["canary"]["bad"] / slo["canary"]["total"] > 1.5 * slo["stable"]["bad"] / slo["stable"]["total"]
        # a path that fails on the canary alone does condemn it
        lab.canary.profile = replace(lab.canary.profile, broken={"/report": 1.0})
        await until(lambda: lab.status().get("phase") == "RolledBack")
    for task in tasks:
        task.cancel()


async def test_a_canary_that_fails_staff_is_rolled_back_before_anybody_else_meets_it(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon, crowds(lab) as (_, others):
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("phase") == "Progressing")
        lab.canary.profile = replace(lab.canary.profile, error_ratio=1.0)
        await until(lambda: lab.status().get("phase") == "RolledBack")
        await until(lambda: lab.shadow() is None)
        assert lab.status()["reason"] == "SLOViolated"
        assert met(others) == {"v1"}
