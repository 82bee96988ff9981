"""A shop in the lab with its shadow made by hand: what preflight's whole-system tests set up and ask."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.cli.lint_live import look
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Key, Owner
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter
from ingress_canary.lab import manifests
from ingress_canary.lab.application import VERSION_HEADER
from ingress_canary.lab.cluster import Lab
from ingress_canary.settings import load
from tests.e2e.conftest import checkout

Json = dict[str, Any]

SCALE = 200.0
ROUTER = NginxRouter()
ALL = Exposure(100)


@asynccontextmanager
async def open_lab(**more: Any) -> AsyncIterator[Lab]:
    """Yield a lab whose controllers act at once and whose rollout ``checkout`` exists, with no daemon to drive it."""
    async with Lab(scale=SCALE, seed=3) as lab:
        lab.create("canaryrollouts", checkout(**more))
        yield lab


def ingress(name: str, host: str = manifests.HOST, backend: str = "", **annotations: str) -> Json:
    return manifests.ingress(name, host, backend=backend, **annotations)


def with_service(lab: Lab, name: str) -> None:
    """Create a Service of its own that stable's pods answer for, independent of their readiness elsewhere."""
    lab.create("services", manifests.service(name))
    body = lab.stable.endpoint_slice(manifests.NAMESPACE, name)
    for endpoint in body["endpoints"]:
        endpoint["conditions"] = {"ready": True}
    lab.create("endpointslices", body)


async def next_second() -> None:
    """Wait until what is created counts as younger than what was: ages are given by the second."""
    await asyncio.sleep(1.02 - time.time() % 1)


def primary_made_anew(lab: Lab, **annotations: str) -> None:
    """Delete the primary and create it, so that it is the youngest Ingress."""
    lab.api.store.delete("ingresses", manifests.NAMESPACE, "checkout")
    lab.create("ingresses", ingress("checkout", **annotations))


def annotate(lab: Lab, **annotations: str) -> None:
    """Annotate the primary."""
    keys = {f"{ROUTER.prefix}/{key.replace('_', '-')}": value for key, value in annotations.items()}
    lab.api.store.patch("ingresses", manifests.NAMESPACE, "checkout", {"metadata": {"annotations": keys}})


def shadow_of(lab: Lab, exposure: Exposure = ALL, edit: Callable[[Json], object] = lambda _: None) -> None:
    """Create the shadow that the daemon would make, changed by another writer."""
    rollout = lab.rollout()
    primary = lab.api.store.get("ingresses", manifests.NAMESPACE, "checkout")
    owner = Owner("CanaryRollout", "checkout", rollout["metadata"]["uid"])
    spec = RolloutSpec.model_validate(rollout["spec"])
    body = dict(ROUTER.shadow(Ingress.of(primary), spec, owner, exposure))
    edit(body)
    lab.create("ingresses", body)


async def applied(lab: Lab) -> None:
    """Wait until the controllers have taken up everything that was written before."""
    name = f"marker-{lab.api.store.version}"
    with_service(lab, name)
    lab.create("ingresses", ingress(name, f"{name}.example"))
    async with asking(lab) as ask:
        await until_answered(ask, {f"{name}.example/": "v1"})


Ask = Callable[..., Any]


@asynccontextmanager
async def asking(lab: Lab, **headers: str) -> AsyncIterator[Ask]:
    """Yield a function that returns who answered a request for ``host/path``: a version, else the status."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar) as session:

        async def ask(where: str = f"{manifests.HOST}/", **more: str) -> str:
            host, _, path = where.partition("/")
            url = f"{lab.plane.urls[0]}/{path}"
            sent = {"Host": host, **headers, **more}
            async with session.get(url, headers=sent, allow_redirects=False) as answer:
                return answer.headers.get(VERSION_HEADER) or str(answer.status)

        yield ask


async def until_answered(ask: Ask, expected: Mapping[str, str]) -> None:
    """Wait until each request is answered as expected. Fails with what was answered last."""
    answers: dict[str, str] = {}

    async def look_again() -> bool:
        answers.update({where: await ask(where) for where in expected})
        return answers == expected

    try:
        await until_awaited(look_again)
    except TimeoutError:
        raise AssertionError(f"{answers} instead of {expected}") from None


async def until_awaited(met: Callable[[], Any], within: float = 10.0) -> None:
    """Wait until something that must be awaited is so."""
    async with asyncio.timeout(within):
        while not await met():
            await asyncio.sleep(0.01)


async def findings(lab: Lab, tmp_path: Path, where: str | None = None, **settings: Any) -> tuple[Problem, ...]:
    """Return what ``lint --live`` reports of the rollout, with the rights to read everywhere or in one namespace."""
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig")
    found = await look(load({"kubeconfig": kubeconfig, **settings}, None), where)
    return found[Key(manifests.NAMESPACE, "checkout")]
