"""Stage of a scenario: one rollout with the lab, traffic, and the daemon as a process of its own.

A scenario (``scenarios.py``) plays on it; ``demo`` and the tests look on. Everything begins and ends together, and
nothing is left behind.
"""

import asyncio
import json
import re
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import aiohttp

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.dataplane.metrics import MetricsFault
from ingress_canary.lab.kubeapi import Change, clock
from ingress_canary.lab.load import Load, LoadTally, Visitor
from ingress_canary.lab.process import DaemonProcess

ROLLOUT = "checkout"
WORKLOADS = {"canary": {"name": f"{ROLLOUT}-canary"}, "stable": {"name": ROLLOUT}}
FOREVER = 7 * 86_400.0
STAFF_RATE = 30.0
"""Real requests a second of staff, where there are any."""
STOPPED = frozenset({Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.PAUSED})
"""Phases that a rollout does not leave by itself."""
ROLLBACKS = re.compile(r"^ingress_canary_rollback_seconds_(sum|count) (\S+)$", re.MULTILINE)
FOLLOWS_WITHIN = 10.0
"""Real seconds in which what a status says is done, and shown on the daemon's metrics page."""


class Surprise(Exception):
    """The scenario did not go as expected; the message says how."""


class Stage:
    """A shop under ``rate`` real requests a second, on a clock that runs ``scale`` times as fast as real time.

    Nothing is rolled out before :meth:`begin`.
    """

    def __init__(
        self, *, rate: float, scale: float, seed: int | None = None, visitors: Sequence[Visitor] = (Visitor(),)
    ) -> None:
        self.scale = scale
        self.lab = Lab(scale=scale, seed=seed)
        self.status = RolloutStatus()
        self.schedule: dict[str, Any] | None = None
        """The rollout's schedule, once it has been asked for."""
        self.scene = ""
        """What the scenario is doing, in words."""
        self.listeners: list[Callable[[], None]] = []
        """Called with each change of the status or the scene."""
        self.daemon: DaemonProcess
        self.load: Load
        self._traffic: dict[str, Any] = {"rate": rate, "visitors": visitors, "seed": seed}
        self._staff: Load | None = None
        self._began: float | None = None
        self._stack = AsyncExitStack()
        self._bell = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        room = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ingress-canary-")))
        self._epoch = epoch = clock.now()
        await self._stack.enter_async_context(self.lab)
        self.lab.api.store.listeners.append(self._changed)
        kubeconfig = self.lab.api.write_kubeconfig(room / "kubeconfig", token="daemon")  # noqa: S106 - the lab's API takes any
        self.daemon = DaemonProcess(kubeconfig, room / "daemon.log", scale=self.scale, epoch=epoch, warm_up="30s")
        await self._stack.enter_async_context(self.daemon)
        await self.daemon.ready()
        self.load = self.lab.load(seconds=FOREVER, **self._traffic)
        self._sending = asyncio.create_task(self.load.run(), name="traffic")
        self._stack.push_async_callback(_ended, self._sending)

    async def play(self, script: Callable[["Stage"], Awaitable[str]]) -> str:
        """Run a script and return how it ended, as text.

        Raises Surprise when something goes otherwise than the script says, or when the daemon ends meanwhile.
        """
        primary = self._primary()
        playing = asyncio.ensure_future(script(self))
        daemon = asyncio.create_task(self.daemon.wait())
        try:
            await asyncio.wait((playing, daemon, self._sending), return_when=asyncio.FIRST_COMPLETED)
            if daemon.done():
                log = self.daemon.log.read_text()[-4000:]
                raise Surprise(f"the daemon ended with exit code {daemon.result()}:\n{log}")
            if self._sending.done():
                raise Surprise(f"the traffic ended: {self._sending.exception()}")
            words = await playing
        finally:
            await _ended(playing, daemon)
        if self._primary() != primary:
            raise Surprise("the primary Ingress is not what it was")
        return words

    # --- what scripts say ----------------------------------------------------------------------------------------

    def tell(self, scene: str) -> None:
        """Say what happens now."""
        self.scene = scene
        self._heard()

    def begin(self, schedule: dict[str, Any]) -> None:
        """Ask for the rollout, with a schedule of its own."""
        self._began = asyncio.get_running_loop().time()
        self.schedule = schedule
        self.lab.create("canaryrollouts", manifests.rollout(ROLLOUT, schedule, workload=WORKLOADS))

    async def until(self, met: Callable[[RolloutStatus], bool]) -> None:
        """Wait until the status is so. Raises Surprise when the rollout stops before it is."""
        while not met(self.status):
            if self.status.phase in STOPPED:
                raise Surprise(f"the rollout is {self.status.phase}, {self.status.reason}: {self.status.message}")
            await self._bell.wait()

    async def hold(self, seconds: float) -> None:
        """Let so much time pass, on the lab's clock. Raises Surprise when the rollout moves meanwhile."""
        before = self.status.history
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds / self.scale):
                while self.status.history == before:
                    await self._bell.wait()
        if self.status.history != before:
            last = self.status.history[-1]
            raise Surprise(f"the rollout moved though nothing is known: {last.reason}: {last.message}")

    async def shadow_gone(self) -> None:
        """Wait until the shadow is removed. Raises Surprise when it stays."""
        try:
            async with asyncio.timeout(FOLLOWS_WITHIN):
                while self.lab.shadow() is not None:
                    await self._bell.wait()
        except TimeoutError:
            raise Surprise("the shadow was left behind") from None

    def expect(self, so: bool, otherwise: str) -> None:
        """Raise Surprise with these words unless it is so."""
        if not so:
            raise Surprise(otherwise)

    def staff_come(self, headers: dict[str, str]) -> None:
        """Let some visitors come who carry these headers, in addition to all others."""
        self._staff = self.lab.load(STAFF_RATE, FOREVER, [Visitor(headers=headers)])
        coming = asyncio.create_task(self._staff.run(), name="staff")
        self._stack.push_async_callback(_ended, coming)

    def act(self, verb: str) -> None:
        """Do as a person does who asks for something with kubectl: by the annotation, for what the status shows."""
        assert self.status.step is not None
        action = f"{verb}:{self.status.revision}/{self.status.step.index}#{self.status.step.index}-{verb}"
        change = {"metadata": {"annotations": {ACTION_ANNOTATION: action}}}
        self.lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, ROLLOUT, change)

    def deploy_stable(self) -> None:
        """Give stable the canary's image, as a team's pipeline would."""
        self.lab.set_image(ROLLOUT, "shop/checkout:v2")

    async def break_metrics(self) -> None:
        """Have the controllers' metrics pages answer 503."""
        await self.lab.plane.break_metrics(MetricsFault.ERROR)

    async def mend_metrics(self) -> None:
        """Have them answer again."""
        await self.lab.plane.break_metrics(None)

    # --- what can be seen ----------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds since the rollout was asked for, on the lab's clock."""
        return 0.0 if self._began is None else (asyncio.get_running_loop().time() - self._began) * self.scale

    @property
    def now(self) -> datetime:
        """The instant on the lab's clock, as the daemon reads it."""
        return self._epoch + (clock.now() - self._epoch) * self.scale

    @property
    def requests(self) -> dict[str, int]:
        """What the clients saw, staff included: total, canary, canaryFailed."""
        crowds = [self.load, *([self._staff] if self._staff else [])]
        return LoadTally(sum((crowd.tally.answers for crowd in crowds), Counter())).summary(CANARY.version)

    @property
    def met_by_others(self) -> int:
        """Requests of others than staff that the canary answered."""
        return self.load.tally.by_version()[CANARY.version]

    async def rollback_seconds(self) -> float | None:
        """Return the daemon's own measure of its rollback, on the lab's clock; None when there was none."""
        with suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(FOLLOWS_WITHIN):
                while self.daemon.running:
                    totals = dict(ROLLBACKS.findall(await self.daemon.metrics()))
                    if float(totals.get("count", 0)):
                        return float(totals["sum"])
                    if self.status.phase is not Phase.ROLLED_BACK:
                        return None
                    await asyncio.sleep(0.05)
        return None

    def _primary(self) -> str:
        return json.dumps(self.lab.api.store.get("ingresses", manifests.NAMESPACE, ROLLOUT), sort_keys=True)

    def _changed(self, change: Change) -> None:
        if change.storage == "canaryrollouts.ingress-canary.io" and change.new is not None:
            self.status = RolloutStatus.model_validate(change.new.get("status") or {}, extra="ignore")
        elif change.storage != "ingresses.networking.k8s.io":
            return
        self._heard()

    def _heard(self) -> None:
        self._bell.set()
        self._bell = asyncio.Event()
        for listener in self.listeners:
            listener()


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    """End tasks that are still running, and wait for them."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
