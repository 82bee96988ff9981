"""Run of a campaign: rounds of faults while every shop has one release after another, and a calm after each round."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from ingress_canary.lab.cluster import Lab
from tests.campaign.faults import KINDS, World
from tests.campaign.history import Entry
from tests.campaign.oracle import Judgement, judge
from tests.campaign.pair import NAMES, pair
from tests.campaign.people import attend
from tests.campaign.plan import PlannedFault, plan
from tests.campaign.recorder import Recorder
from tests.campaign.shops import Shop, shops
from tests.e2e.conftest import SCALE, until

ROUND = 25
"""Faults between two calms."""
AT_ONCE = 3
"""Faults that last at the same time."""
CALM = 20_000
"""Requests that the shops answer at most, once the last fault is over, until every release has ended: two minutes of
their traffic. A machine that is busy with other things answers fewer in that time, and daemons do less too."""
HOUR = 3600.0
STUCK = 300.0
"""Real seconds after which a fault that has not ended is a fault of the campaign."""

Trading = asyncio.Task[float]
"""A shop that has one release after another."""


@dataclass
class Outcome:
    """What came of a campaign."""

    seed: int
    injected: Counter[str] = field(default_factory=Counter)
    """Faults by kind."""
    releases: Counter[str] = field(default_factory=Counter)
    """Releases by kind of canary."""
    timeline: list[tuple[float, str]] = field(default_factory=list)
    """When each fault began and ended, in words: for people, not for the oracle."""
    recoveries: list[float] = field(default_factory=list)
    """Real seconds from the last fault of a round to the end of each release that was under way."""
    deaths: list[str] = field(default_factory=list)
    """Daemons that ended by themselves."""
    history: list[Entry] = field(default_factory=list)
    judgement: Judgement = field(default_factory=lambda: Judgement({}, []))
    seconds: float = 0.0
    """Real seconds that it took."""

    @property
    def held(self) -> bool:
        """Whether everything was as it must be."""
        return not self.judgement.violations and not self.deaths


@dataclass
class Campaign:
    """Injects faults into a world, and lets its shops release meanwhile."""

    world: World
    recorder: Recorder
    outcome: Outcome
    _locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def round(self, faults: Sequence[PlannedFault]) -> None:
        """Inject some faults, wait for the end of every release that is under way, and judge what was stored."""
        over, clock = asyncio.Event(), asyncio.get_running_loop().time
        trading = {asyncio.create_task(self._trade(shop, over)): shop for shop in self.world.shops}
        await self._inject_all(faults)
        over.set()
        calm = clock()
        done, late = await self._calm(trading)
        self.outcome.recoveries += [max(0.0, task.result() - calm) for task in done]
        for task in late:
            task.cancel()
            self.recorder.due(trading[task].name)
        replicas = self.world.pair.replicas.values()
        self.outcome.deaths += [replica.name for replica in replicas if not replica.daemon.running]
        self.outcome.history = self.recorder.close()
        self.outcome.judgement = judge(self.outcome.history, frozenset(NAMES), SCALE)

    async def _trade(self, shop: Shop, over: asyncio.Event) -> float:
        """Have one release after another until it is over, and return when the last one ended."""
        while True:
            shop.begin()
            await until(lambda: shop.ended, 1e9)
            self.recorder.due(shop.name)
            if over.is_set():
                return asyncio.get_running_loop().time()

    async def _calm(self, trading: Collection[Trading]) -> tuple[set[Trading], set[Trading]]:
        """Wait until all have ended, or must have; return who has, and who has not."""
        begun = self.recorder.served.total()
        while True:
            done, late = await asyncio.wait(trading, timeout=0.5)
            if not late or self.recorder.served.total() - begun > CALM:
                return done, late

    async def _inject_all(self, faults: Sequence[PlannedFault]) -> None:
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for planned in faults:
                await asyncio.sleep(planned.pause)
                await places.acquire()
                tasks.create_task(self._inject(planned)).add_done_callback(lambda _: places.release())

    async def _inject(self, planned: PlannedFault) -> None:
        kind = planned.kind
        # nobody else waits for a lock without a name
        lock = self._locks[kind.target.one_at_a_time] if kind.target.one_at_a_time else asyncio.Lock()
        async with asyncio.timeout(STUCK), lock, kind.inject(self.world, Random(planned.seed)):
            self.outcome.injected[kind.name] += 1
            self.outcome.timeline.append((self.recorder.now, f"{kind.name}: begins"))
            await asyncio.sleep(planned.lasts)
            self.outcome.timeline.append((self.recorder.now, f"{kind.name}: ends"))


async def run(faults: int, seed: int, room: Path, tell: Callable[[str], None], *, within: float = HOUR) -> Outcome:
    """Run a campaign and return what came of it.

    It ends with the first round in which something was wrong, or after which ``within`` real seconds are over.
    Kubeconfigs, certificates and the daemons' logs go to ``room``; ``tell`` is called with the progress.
    """
    outcome, began = Outcome(seed), time.monotonic()
    planned = list(plan(KINDS, faults, seed))
    async with _opened(outcome, room) as campaign:
        for first in range(0, faults, ROUND):
            await campaign.round(planned[first : first + ROUND])
            outcome.seconds = time.monotonic() - began
            outcome.releases = sum((shop.kinds for shop in campaign.world.shops), Counter())
            tell(
                f"{outcome.injected.total()} of {faults} faults, {outcome.releases.total()} releases, "
                f"{len(outcome.judgement.violations)} violations after {outcome.seconds:.0f} s"
            )
            if not outcome.held:
                _leave_what_is_stored(campaign.world, room)
                break
            if outcome.seconds > within:
                tell(f"{within:.0f} s are over")
                break
    return outcome


def _leave_what_is_stored(world: World, room: Path) -> None:
    """Write the objects as they are now beside the daemons' logs, for people."""
    for resource in ("canaryrollouts", "ingresses", "deployments", "leases"):
        (room / f"{resource}.json").write_text(json.dumps(world.lab.api.store.list(resource), indent=2))


@asynccontextmanager
async def _opened(outcome: Outcome, room: Path) -> AsyncIterator[Campaign]:
    """Open a world, with people in it."""
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab(scale=SCALE, seed=outcome.seed, controllers=2))
        recorder = Recorder(lab)
        open_shops = tuple(shops(lab, recorder, Random(outcome.seed)))
        for shop in open_shops:
            await shop.open(stack)
        both = await stack.enter_async_context(pair(lab, room))
        await asyncio.gather(*(shop.opened() for shop in open_shops))
        people = [asyncio.create_task(attend(shop), name=f"people of {shop.name}") for shop in open_shops]
        try:
            yield Campaign(World(lab, both, open_shops), recorder, outcome)
        finally:
            for person in people:
                person.cancel()
            ends = await asyncio.gather(*people, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end
