"""Kills the daemon in a chosen window of a rollout, and brings it back to life."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from random import Random
from typing import Any

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import until
from tests.e2e.witness import is_shadow_write, is_status_write, is_transition

ANSWERED_WITHIN = 0.2
"""Seconds after which a client has the answer to a request that the controller has counted."""


class Window(StrEnum):
    """When the daemon dies: after the API has committed a write and before the daemon has the answer, or at random."""

    STATUS = "after the status write of a transition"
    SHADOW = "after the shadow's write"
    CHECKPOINT = "after a checkpoint"
    ROLLBACK = "between status RolledBack and the deletion of the shadow"
    MOMENT = "at a random moment"


def _rolls_back(record: AuditRecord) -> bool:
    return is_transition(record) and record.body["status"].get("phase") == "RolledBack"


def _checkpoints(record: AuditRecord) -> bool:
    return is_status_write(record) and "history" not in record.body["status"]


STRIKES: dict[Window, Callable[[AuditRecord], bool]] = {
    Window.STATUS: is_transition,
    Window.SHADOW: is_shadow_write,
    Window.CHECKPOINT: _checkpoints,
    Window.ROLLBACK: _rolls_back,
}


@dataclass
class Life:
    """One process of the daemon."""

    canary: int
    """What the canary had answered when it began."""
    log: int
    """Where its log begins."""
    ended: datetime | None = None


@dataclass
class Written:
    """One status write."""

    at: datetime
    life: int
    status: dict[str, Any]
    canary: int | None = None
    """What the canary had answered when the daemon wrote; None until the answers are in."""

    @property
    def total(self) -> int:
        """Canary requests that the first SLO has counted."""
        return sum(slo["canary"]["total"] for slo in self.status.get("slos", ())[:1])

    @property
    def step(self) -> int:
        """The step, 0 before the first."""
        return self.status.get("step", {}).get("index", 0)


@dataclass
class Assassin:
    """Ends one life after another. Only one daemon lives at any time."""

    lab: Lab
    daemon: DaemonProcess
    load: Load
    rng: Random
    lives: list[Life] = field(default_factory=list)
    writes: list[Written] = field(default_factory=list)
    kills: list[Window] = field(default_factory=list)
    _target: Callable[[AuditRecord], bool] | None = None
    _since: int = 0

    def __post_init__(self) -> None:
        self.lab.api.on_commit.append(self._committed)

    @property
    def answered(self) -> int:
        """How many requests the canary has answered."""
        return self.load.tally.by_version()["v2"]

    async def live(self) -> None:
        """Start the daemon and let it live."""
        self.lives.append(Life(self.answered, self.daemon.log.stat().st_size if self.daemon.log.exists() else 0))
        await self.daemon.start()
        await self.daemon.ready()

    async def life(self, window: Window) -> None:
        """Start the daemon and kill it in a window."""
        self._target = STRIKES.get(window)
        if self._target is None:
            await self.live()
            await asyncio.sleep(self.rng.uniform(0, 1.5))
            self.end()
        else:
            self.lives.append(Life(self.answered, self.daemon.log.stat().st_size if self.daemon.log.exists() else 0))
            await self.daemon.start()
            await until(lambda: self.lives[-1].ended is not None, 30)
        await self.daemon.wait()
        self.kills.append(window)

    def end(self) -> None:
        """Kill the daemon."""
        self.daemon.kill()
        self.lives[-1].ended = datetime.now(UTC)

    def alive(self, begin: datetime, end: datetime, grace: float) -> float:
        """Return the seconds between two instants in which a daemon drove rollouts, without each life's first ones."""
        text = self.daemon.log.read_text()
        total = 0.0
        for number, life in enumerate(self.lives):
            upto = self.lives[number + 1].log if number + 1 < len(self.lives) else None
            lines = [json.loads(line) for line in text[life.log : upto].splitlines() if '"event": "started"' in line]
            if lines:
                born = max(begin, datetime.fromisoformat(lines[0]["timestamp"]))
                died = min(end, life.ended or end)
                total += max(0.0, (died - born).total_seconds() - grace)
        return total

    def _committed(self, record: AuditRecord) -> None:
        if is_status_write(record):
            written = Written(record.at, len(self.lives) - 1, self.lab.status(record.name))
            self.writes.append(written)
            asyncio.get_running_loop().call_later(ANSWERED_WITHIN, self._answered_at, written)
        if self._target is not None and self._target(record):
            self._target = None
            self.end()

    def _answered_at(self, written: Written) -> None:
        written.canary = self.answered
