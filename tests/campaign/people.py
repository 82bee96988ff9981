"""People of the campaign: they ask for what a release's script says, approve, and go on with what has paused."""

import asyncio
from contextlib import suppress
from itertools import count
from typing import Any

import aiohttp

from ingress_canary.api import ACTION_ANNOTATION
from tests.campaign.shops import AT_REST, Shop
from tests.e2e.witness import ROLLOUTS, by_person

LOOK = 0.1
"""Real seconds between two looks at a rollout."""
PATIENCE = 0.5
"""Real seconds that people let a pause be."""
_ids = count(1)


async def attend(shop: Shop) -> None:
    """Look after a shop's rollout until cancelled."""
    clock, paused = asyncio.get_running_loop().time, None
    while True:
        await asyncio.sleep(LOOK)
        if not shop.noticed or shop.asked:
            continue
        status = shop.status
        paused = (paused or clock()) if status["phase"] == "Paused" else None
        if paused is not None and clock() - paused > PATIENCE:
            await say(shop, "resume")
        elif status["reason"] == "AwaitingApproval" and status.get("approval"):
            await say(shop, "approve", step=status["approval"]["step"])
        elif shop.script:
            await _go_on(shop, status)


async def say(shop: Shop, verb: str, *, step: int | None = None) -> bool:
    """Ask for something as kubectl does, and return whether that was stored: the API server may be away."""
    revision = shop.status.get("revision", "")
    target = {"skip": f":{revision}/{step}", "approve": f":{revision}/{step}", "promote": f":{revision}"}.get(verb, "")
    change = {"metadata": {"annotations": {ACTION_ANNOTATION: f"{verb}{target}#{next(_ids)}"}}}
    with suppress(aiohttp.ClientError):
        await by_person(shop.lab, "PATCH", f"{ROLLOUTS}/{shop.name}", change)
        return True
    return False


async def _go_on(shop: Shop, status: dict[str, Any]) -> None:
    """Say what the script says next, once it is time; leave out what would come too late."""
    verb, *rest = shop.script
    step = status.get("step", {}).get("index", 0)
    if verb == "retry":
        is_time, too_late = status["phase"] == "RolledBack", status["phase"] == "Succeeded"
    else:
        is_time, too_late = status["phase"] == "Progressing" and step > 0, status["phase"] in AT_REST
    # a last step that is skipped is a promotion that nobody has judged
    too_late = too_late or (verb == "skip" and step == len(shop.plan.weights))
    if too_late or (is_time and await say(shop, verb, step=step)):
        shop.script = tuple(rest)
