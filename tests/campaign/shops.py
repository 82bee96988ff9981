"""Shops of the campaign: each with traffic of its own, and one release after another, good and bad ones."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from random import Random
from typing import Any

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.lab import manifests
from ingress_canary.lab.application import Application, Profile
from ingress_canary.lab.cluster import Lab
from tests.campaign.history import Course
from tests.campaign.recorder import CANARY, Recorder
from tests.e2e.conftest import until

AT_REST = ("Succeeded", "RolledBack")
RATE = 40.0
"""Requests a second of each shop, in real time."""
FOREVER = 1e9
BAKE = 20.0
REQUESTS = 20
"""Canary requests of a step, enough to prove any of the bad canaries below bad."""
AVAILABILITY = {"name": "availability", "objective": 99.5, "sli": {"requests": {}}}
LATENCY = {"name": "latency", "objective": 90, "maxBurn": 5, "settle": "15s", "sli": {"latency": {"threshold": "1s"}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedProfile(Profile):
    """Behaviour of a build that counts its requests where they arrive, before anybody else can."""

    served: Counter[str]

    def draw(self, rng: Random, path: str = "/") -> tuple[float, HTTPStatus]:
        """Count a request and return how it goes."""
        self.served[self.version] += 1
        return Profile.draw(self, rng, path)


GOOD = Profile("good")
BAD: dict[str, Profile] = {
    "every request fails": Profile("bad", error_ratio=1.0),
    "nine of ten requests fail": Profile("bad", error_ratio=0.9),
    "every request is slow": Profile("bad", slow_ratio=1.0, slow_seconds=1.5),
}
"""Canaries that are bad from their first request on; what is not listed is as stable is, which answers everything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule, the kinds of canary that it judges, and whether people have to approve a step of it."""

    weights: tuple[float, ...]
    approved: frozenset[int] = frozenset()

    @property
    def course(self) -> Course:
        """The way that a release goes by it."""
        return Course(self.weights, BAKE, REQUESTS, self.approved)

    @property
    def schedule(self) -> dict[str, Any]:
        """The schedule as the daemon reads it."""
        steps: list[dict[str, Any]] = [
            {"weight": weight, "bake": f"{BAKE:g}s", "require": "NoFail", "minRequests": REQUESTS}
            for weight in self.weights
        ]
        for step in self.approved:
            steps[step - 1]["approval"] = {"when": "Before"}
        return {"steps": steps, "slos": [AVAILABILITY, LATENCY]}


PLANS = {
    "books": Plan((20.0, 50.0, 100.0)),
    "cakes": Plan((25.0, 60.0, 100.0), frozenset({2})),
    "dolls": Plan((30.0, 100.0)),
    "flags": Plan((20.0, 40.0, 60.0, 100.0)),
}
SCRIPTS: dict[bool, tuple[tuple[str, ...], ...]] = {
    False: ((), (), ("pause",), ("skip",), ("promote",), ("restart",), ("abort",), ("abort", "retry")),
    True: ((), (), ("pause",), ("abort",), ("skip",)),
}
"""By whether the release is bad: what people say of it once its first step has begun."""


@dataclass
class Shop:
    """One shop with its rollout."""

    lab: Lab
    name: str
    plan: Plan
    rng: Random
    recorder: Recorder
    number: int
    releases: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """How many releases of each kind there were."""
    script: tuple[str, ...] = ()
    """What people have still to say of this release."""
    _before: str | None = None
    """The revision before this release."""

    @property
    def shadow(self) -> str:
        """The name of its shadow."""
        return self.name + CANARY

    @property
    def build(self) -> str:
        """The newest build."""
        return f"{self.name}:r{self.releases}"

    @property
    def status(self) -> dict[str, Any]:
        """What its rollout shows: for waiting, never for a verdict."""
        return self.lab.status(self.name)

    @property
    def ended(self) -> bool:
        """Whether its release has come to an end."""
        at_rest = self.status.get("phase") in AT_REST and self.lab.shadow(self.shadow) is None
        return at_rest and self.noticed and not self.script and not self.asked

    @property
    def noticed(self) -> bool:
        """Whether the rollout is about the newest build: a daemon may not have seen that yet."""
        return self.status.get("revision") not in (None, self._before)

    @property
    def asked(self) -> bool:
        """Whether somebody has asked for something that no daemon has dealt with yet."""
        return ACTION_ANNOTATION in (self.lab.rollout(self.name)["metadata"].get("annotations") or {})

    def show_pods(self, number: int) -> None:
        """Let so many of the canary's pods take traffic."""
        self._canary.replicas = number
        self.lab.publish(self.shadow)

    async def open(self, stack: AsyncExitStack) -> None:
        """Open it, with its traffic; it closes with the stack."""
        profile = self.lab.images[self.build] = self._profile(GOOD)
        host = f"{self.name}.example"
        for side, part in ((self.name, 3), (self.shadow, 4)):
            addresses = [f"127.0.{part}.{2 * self.number + replica}" for replica in (0, 1)]
            app = await stack.enter_async_context(Application(profile, addresses, self.rng.randrange(1 << 30)))
            self.lab.run(side, app, self.build)
            self._canary = app  # the last one
        self.lab.create("ingresses", manifests.ingress(self.name, host))
        load = replace(self.lab.load(RATE, FOREVER, seed=self.number), host=host)
        running = asyncio.create_task(load.run(), name=f"traffic of {self.name}")
        stack.push_async_callback(_ended, running)

    def begin(self) -> None:
        """Give the canary the next build."""
        kinds = ["good", "good", *BAD]
        kind = kinds[self.rng.randrange(len(kinds))]
        self.releases += 1
        self.kinds[kind] += 1
        self._before = self.status.get("revision")
        self.lab.images[self.build] = self._profile(BAD.get(kind, GOOD))
        self.recorder.released(self.name, self.build, self.plan.course, bad=kind in BAD)
        self.script = self.rng.choice(SCRIPTS[kind in BAD])
        self.lab.set_image(self.shadow, self.build)

    async def opened(self) -> None:
        """Make the rollout, and wait until a daemon has seen that there is nothing to roll out yet."""
        workload = {"canary": {"name": self.shadow}, "stable": {"name": self.name}}
        self.lab.create("canaryrollouts", manifests.rollout(
            self.name, self.plan.schedule, workload=workload, promotion={"strategy": "CopyImages"},
        ))  # fmt: skip
        await until(lambda: self.status.get("phase") in AT_REST)

    def _profile(self, alike: Profile) -> CountedProfile:
        """Return the newest build's behaviour."""
        return CountedProfile(
            version=self.build, served=self.recorder.served, error_ratio=alike.error_ratio,
            slow_ratio=alike.slow_ratio, slow_seconds=alike.slow_seconds,
        )  # fmt: skip


def shops(lab: Lab, recorder: Recorder, rng: Random) -> Iterator[Shop]:
    """Yield the shops, closed, each with a sequence of releases that is drawn from ``rng``."""
    for number, (name, plan) in enumerate(PLANS.items(), 1):
        yield Shop(lab, name, plan, Random(rng.random()), recorder, number)


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
