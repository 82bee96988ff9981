"""The eight behaviours that Flagger's own nginx test checks (its test/nginx), held here: what its users count on.

Two lives of one shop, as its two scripts: one that goes well, and one that fails three times before it goes well.
Promotion is CopyImages, because Flagger's is automatic.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import Change
from ingress_canary.lab.load import Visitor
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.preflight_shop import asking
from tests.e2e.witness import INGRESSES, ROLLOUTS, by_person, shadow_weights

pytestmark = pytest.mark.slow

WEIGHTS: dict[str, Any] = {
    "steps": [{"weight": weight, "bake": "15s", "require": "NoFail", "minRequests": 10} for weight in (20, 40)],
    "slos": [AVAILABILITY],
}
INSIDER = {"name": "X-User", "value": "insider"}
HEADERS: dict[str, Any] = {
    "steps": [{"weight": 0, "header": INSIDER, "bake": "2m", "require": "NoFail", "minRequests": 10}],
    "slos": [AVAILABILITY],
}
COPY = {"strategy": "CopyImages"}
V1, V2, V3 = (f"shop/checkout:v{number}" for number in (1, 2, 3))


@pytest.fixture
def phases(lab: Lab) -> list[str]:
    """Every phase that the rollout was ever seen in."""
    seen: list[str] = []

    def record(change: Change) -> None:
        if change.storage == "canaryrollouts.ingress-canary.io" and change.new is not None:
            seen.append((change.new.get("status") or {}).get("phase", ""))

    lab.api.store.listeners.append(record)
    return seen


@pytest.fixture(autouse=True)
async def traffic(lab: Lab) -> AsyncIterator[None]:
    """Everybody, and insiders among them."""
    visitors = (Visitor(0.8), Visitor(0.2, headers={"X-User": "insider"}))
    task = asyncio.create_task(lab.load(100, 900, visitors=visitors).run())
    yield
    task.cancel()


@pytest.fixture
async def shop(lab: Lab, daemon: DaemonProcess) -> AsyncIterator[Lab]:
    """A shop whose canary runs stable's version, watched by the daemon."""
    lab.images |= {V3: Profile("v3")}
    lab.set_image("checkout-canary", V1)
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=WEIGHTS, promotion=COPY))
        # 1. bootstrap: there is nothing to roll out, and that is a success
        await until(lambda: lab.status().get("phase") == "Succeeded")
        assert "nothing to roll out" in lab.status()["message"]
        assert lab.shadow() is None
        yield lab


def image_of_stable(lab: Lab) -> str:
    body = lab.api.store.get("deployments", "shop", "checkout")
    found: str = body["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def promoted(lab: Lab, image: str) -> bool:
    at_rest = lab.status()["phase"] == "Succeeded" and lab.shadow() is None
    return at_rest and image_of_stable(lab) == image


async def apply_primary_again(lab: Lab) -> None:
    """Do what `kubectl apply` does with an unchanged manifest."""
    primary = lab.api.store.get("ingresses", "shop", "checkout")
    await by_person(lab, "PATCH", f"{INGRESSES}/checkout", {"spec": primary["spec"]})


async def test_a_new_image_is_promoted_by_weights_and_the_next_one_by_headers(shop: Lab, phases: list[str]) -> None:
    # 2. a new image is promoted through the weights, and never reported failed
    shop.set_image("checkout-canary", V2)
    await until(lambda: shop.status().get("weight") == 20)
    await apply_primary_again(shop)
    await until(lambda: promoted(shop, V2))
    assert shadow_weights(shop.api.audit) == [0, 20, 40, -1]
    assert "RolledBack" not in phases

    # 3. the primary may be applied again, in the middle and after it
    await apply_primary_again(shop)

    # 4. the rollout is switched to header rules, and the next image is promoted by those
    await by_person(shop, "PATCH", f"{ROLLOUTS}/checkout", {"spec": {"schedule": {"inline": HEADERS}}})
    shop.set_image("checkout-canary", V3)
    await until(lambda: shop.status().get("phase") == "Progressing")
    answers = set()
    async with asking(shop) as ask:
        while shop.status()["phase"] == "Progressing":
            answer = await ask(**{"X-User": "insider"}), await ask()
            if shop.status()["phase"] == "Progressing":
                answers.add(answer)
    assert ("v3", "v2") in answers
    assert {everybody for _, everybody in answers} == {"v2"}
    await until(lambda: promoted(shop, V3))
    assert "RolledBack" not in phases


async def test_a_bad_image_fails_each_time_it_comes_and_succeeds_once_the_rollout_was_changed(shop: Lab) -> None:
    # 5. a canary that answers nothing but 500 fails
    shop.images[V2] = Profile("v2", error_ratio=1)
    shop.set_image("checkout-canary", V2)
    await until(lambda: shop.status()["phase"] == "RolledBack" and shop.shadow() is None)
    assert history(shop)[-1][2] == "SLOViolated"
    assert image_of_stable(shop) == V1

    # 6. going back to stable's image starts nothing
    shop.set_image("checkout-canary", V1)
    await until(lambda: shop.status()["phase"] == "Succeeded")
    assert "nothing to roll out" in shop.status()["message"]
    assert shop.shadow() is None

    # 7. the same bad image fails again
    shop.set_image("checkout-canary", V2)
    await until(lambda: shop.status()["phase"] == "Progressing")
    await until(lambda: shop.status()["phase"] == "RolledBack" and shop.shadow() is None)
    assert history(shop)[-1][2] == "SLOViolated"

    # 8. the cause is mended and the rollout changed: a pod template of the same image is tried anew and succeeds
    shop.images[V2] = Profile("v2")
    longer = {**WEIGHTS, "steps": [{**step, "bake": "20s"} for step in WEIGHTS["steps"]]}
    await by_person(shop, "PATCH", f"{ROLLOUTS}/checkout", {"spec": {"schedule": {"inline": longer}}})
    annotated = {"spec": {"template": {"metadata": {"annotations": {"thisis": "another try"}}}}}
    shop.api.store.patch("deployments", "shop", "checkout-canary", annotated)
    await until(lambda: promoted(shop, V2))
    assert history(shop)[-1][2] == "Promoted"
