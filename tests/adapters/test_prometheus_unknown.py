"""Whatever is wrong with Prometheus, a rollout stays where it is, says why, and goes on when it is over."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from ingress_canary.adapters.prometheus import Access
from ingress_canary.domain.metrics.samples import Target
from tests.adapters.small_prometheus import REQUESTS
from tests.adapters.test_prometheus import BAD_ANSWERS, BEGIN, EMPTY, Site, saying, site
from tests.domain.world import World, schedule

__all__ = ["site"]

CANARY = "shop-checkout-canary-80"
TARGET = Target("shop", "checkout", "checkout", "checkout-canary")
SCHEDULE = schedule(steps=[{"weight": 50, "bake": "2m"}, {"weight": 60, "bake": "10h"}])

Fault = Callable[[Site], None]


class Watched:
    """A rollout that is judged by what Prometheus answers, and a second one beside it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.world = World(schedule=SCHEDULE, now=site.clock.now(), warm_up=0, written=site.clock.now())
        self.beside = TARGET._replace(ingress="other")
        self.scraping = True

    async def tick(self, failing: float = 0.0) -> None:
        weight = self.world.weight / 100
        for ingress, canary in (("checkout", CANARY), ("other", "shop-other-canary-80")):
            sides: tuple[tuple[str, float], ...] = ((canary, weight), ("", 1 - weight))
            for upstream, share in sides:
                requests = round(2000 * share)
                bad = round(requests * failing) if upstream else 0
                for status, count in (("200", requests - bad), ("500", bad)):
                    self.site.pods[0].serve(count, status=status, canary=upstream, ingress=ingress, service=ingress)
        if self.scraping:
            self.site.scrape()
        else:
            self.site.clock.seconds += 10
        self.world.now = self.site.clock.now()
        readings = await self.site.source.read([TARGET, self.beside])
        assert set(readings) == {TARGET, self.beside}
        self.world.pass_(readings[TARGET])
        self.world.settle()

    async def until_step(self, index: int) -> None:
        for _ in range(60):
            await self.tick()
            if self.world.status.step is not None and self.world.status.step.index == index:
                return
        raise AssertionError(f"step {index} was not entered: {self.world.status.message}")


def answered(name: str) -> Fault:
    def fault(site: Site) -> None:
        site.prometheus.answer = BAD_ANSWERS[name][0]

    return fault


def empty(site: Site) -> None:
    site.prometheus.answer = saying({"status": "success", "data": EMPTY})


def counting(value: float) -> Fault:
    def fault(site: Site) -> None:
        for line in site.pods[0].lines:
            if line.startswith(REQUESTS) and 'ingress="checkout"' in line and 'status="200"' in line:
                site.pods[0].lines[line] = value

    return fault


def refused(site: Site) -> None:
    site.source = site.new_source(Access("http://127.0.0.1:9"))


def ahead(site: Site) -> None:
    for samples in site.prometheus.series.values():
        for key, found in samples.items():
            samples[key] = [(at + 3600, value) for at, value in found]
    site.prometheus.now += 3600


FAULTS: dict[str, tuple[Fault, str]] = {
    **{name: (answered(name), why) for name, (_, why) in BAD_ANSWERS.items() if name != "hanging"},
    "time-out": (answered("hanging"), "no answer within 0.1 s"),
    "refused": (refused, "connection refused at http://127.0.0.1:9/api/v1/query"),
    "an empty vector": (empty, "no controller was scraped"),
    "NaN": (counting(float("nan")), "is nan, which is no count"),
    "+Inf": (counting(float("inf")), "is inf, which is no count"),
}


async def test_no_fault_advances_or_rolls_back_and_each_is_reported(site: Site) -> None:
    watched = Watched(site)
    await watched.until_step(1)
    for _ in range(6):
        await watched.tick()
    assert watched.world.status.reason == "Baking"
    before, source = watched.world.history, site.source
    # one after the other they last far longer than the bake, and the canary fails all the while: nobody can know
    for name, (fault, why) in FAULTS.items():
        lines = dict(site.pods[0].lines)
        site.source = site.new_source(within=0.1 if name == "time-out" else 30, max_bytes=2**21)
        fault(site)
        await watched.tick(failing=0.5)
        assert (watched.world.status.phase, watched.world.status.reason) == ("Progressing", "NoData"), name
        assert why in watched.world.status.message, name
        site.source, site.prometheus.answer, site.pods[0].lines = source, site.prometheus.evaluate, lines
    assert (watched.world.history, watched.world.weight) == (before, 50)
    # nobody was harmed in this test: the rollout goes on by itself
    await watched.until_step(2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scraping": False}, "stale: the newest scrape"),
        ({"by": 3600}, "lies 3599 s ahead"),
        ({"by": -3600}, "stale: the newest scrape of a controller is 3601 s old"),
        ({"back": 30}, "out of order: the newest scrape"),
    ],
    ids=["stale", "an hour ahead", "an hour behind", "out of order"],
)
async def test_a_time_that_is_wrong_neither_advances_nor_rolls_back(
    site: Site, change: dict[str, Any], why: str
) -> None:
    watched = Watched(site)
    await watched.until_step(1)
    for _ in range(6):
        await watched.tick()
    assert watched.world.status.reason == "Baking"
    before, asked = watched.world.history, site.prometheus.evaluate
    watched.scraping = change.get("scraping", True)
    messages = set()
    for _ in range(3 if "back" in change else 12):
        shift = change.get("by", -change.get("back", 0))
        if shift:
            site.prometheus.answer = shifted(site, shift, asked)
        await watched.tick(failing=0.5)
        if watched.world.status.reason == "NoData":
            messages.add(watched.world.status.message)
    assert (watched.world.history, watched.world.weight) == (before, 50)
    assert any(why in message for message in messages), messages


def shifted(site: Site, seconds: float, answer: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Answer as if Prometheus's clock were off, or as a server that has fallen behind."""

    async def later(request: Any) -> Any:
        real, kept = site.prometheus.now, site.prometheus.series
        if seconds == -30:
            site.prometheus.now = BEGIN + site.clock.seconds - 31
        else:
            site.prometheus.now += seconds
            site.prometheus.series = {
                family: {key: [(at + seconds, value) for at, value in samples] for key, samples in rows.items()}
                for family, rows in kept.items()
            }
        try:
            return await answer(request)
        finally:
            site.prometheus.now, site.prometheus.series = real, kept

    return later


async def test_a_fault_of_one_family_leaves_the_other_rollouts_alone(site: Site) -> None:
    watched = Watched(site)
    await watched.until_step(1)
    counting(float("nan"))(site)
    site.scrape()
    readings = await site.source.read([TARGET, watched.beside])
    assert {one.value for one in readings[watched.beside].series} != set()
    assert all(one.value >= 0 for one in readings[watched.beside].series)
    assert timedelta(0) < readings[watched.beside].sampled_every
