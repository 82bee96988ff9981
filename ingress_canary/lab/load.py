"""Load generator: requests arrive at their own rate, whether or not earlier ones were answered.

Used by the demo and the tests. It never queues: an arrival that finds too many requests under way is dropped and
counted, so that a slow side slows nobody else down.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs
from yarl import URL

from ingress_canary.lab.application import VERSION_HEADER

TICK = 0.01
"""Seconds between two looks at who has arrived."""

FAILED = 500
"""Answers from here on are failures."""

NO_ANSWER = 0
"""Status of a request that ended without one."""

TIMEOUT = aiohttp.ClientTimeout(total=30)


class Arrivals(StrEnum):
    """How the requests of a rate are spread."""

    POISSON = "poisson"
    PACED = "paced"


class Visitor(NamedTuple):
    """One kind of client."""

    share: float = 1.0
    """Its part of the requests, relative to the other visitors' shares."""
    headers: Mapping[str, str] = {}
    cookies: Mapping[str, str] = {}
    method: str = hdrs.METH_GET


@dataclass
class LoadTally:
    """Counts of the requests by outcome."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By version ("" when the answer names none) and status (0 when there was none)."""
    dropped: int = 0
    """Arrivals beyond the bound, never sent."""

    @property
    def total(self) -> int:
        """Requests that have ended."""
        return self.answers.total()

    def by_version(self) -> Counter[str]:
        """Return the requests that ended, by the version that answered."""
        counts: Counter[str] = Counter()
        for (version, _), count in self.answers.items():
            counts[version] += count
        return counts

    def by_status(self) -> Counter[int]:
        """Return the requests that ended, by status."""
        counts: Counter[int] = Counter()
        for (_, status), count in self.answers.items():
            counts[status] += count
        return counts

    def summary(self, canary: str) -> dict[str, int]:
        """Return the counts of all requests, of those that the version ``canary`` answered, and of its failures."""
        mine = {status: count for (version, status), count in self.answers.items() if version == canary}
        failed = sum(count for status, count in mine.items() if status >= FAILED)
        return {"total": self.total, "canary": sum(mine.values()), "canaryFailed": failed}


@dataclass
class Load:
    """Traffic for one host; every field may be changed while it runs."""

    urls: Sequence[str]
    """Where to send the requests, in turn."""
    host: str
    rate: float
    """Requests a second; 0 is a pause."""
    seconds: float
    """It ends by itself after this time."""
    requests: int | None = None
    """It ends by itself after this many arrivals, if that is sooner."""
    paths: Sequence[str] = ("/",)
    visitors: Sequence[Visitor] = (Visitor(),)
    arrivals: Arrivals = Arrivals.POISSON
    concurrency: int = 25
    """The most requests under way at one time: what piles up while a busy machine stalls would look slow on both sides,
    and hold up all else that the lab does."""
    seed: int | None = None
    tally: LoadTally = field(default_factory=LoadTally)

    async def run(self) -> LoadTally:
        """Send requests until the end, wait for the last answers, and return what became of them."""
        rng = random.Random(self.seed)
        under_way: set[asyncio.Task[None]] = set()
        async with new_session() as session, asyncio.TaskGroup() as tasks:
            async for number in self._arrivals(rng):
                if len(under_way) >= self.concurrency:
                    self.tally.dropped += 1
                    continue
                task = tasks.create_task(self._send(session, number, rng))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        return self.tally

    async def _arrivals(self, rng: random.Random) -> AsyncIterator[int]:
        """Yield the number of each request, from 0, when it is due."""
        clock = asyncio.get_running_loop().time
        began = last = clock()
        # measured in requests, not seconds, so that the rate may change between any two
        elapsed, due, number = 0.0, self._gap(rng), 0
        while True:
            ends = began + self.seconds
            # a tick that comes late, the last one too, brings all that were due until then
            now = min(clock(), ends)
            elapsed, last = elapsed + (now - last) * self.rate, now
            while due <= elapsed:
                if number == self.requests:
                    return
                yield number
                number, due = number + 1, due + self._gap(rng)
            if now >= ends:
                return
            await asyncio.sleep(TICK)

    def _gap(self, rng: random.Random) -> float:
        return rng.expovariate(1) if self.arrivals is Arrivals.POISSON else 1.0

    async def _send(self, session: aiohttp.ClientSession, number: int, rng: random.Random) -> None:
        (visitor,) = rng.choices(self.visitors, [visitor.share for visitor in self.visitors])
        headers = {hdrs.HOST: self.host, **visitor.headers}
        if visitor.cookies:
            headers[hdrs.COOKIE] = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        url = URL(self.urls[number % len(self.urls)] + self.paths[number % len(self.paths)], encoded=True)
        version, status = "", NO_ANSWER
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.request(visitor.method, url, headers=headers, allow_redirects=False) as response:
                await response.read()
                version, status = response.headers.get(VERSION_HEADER, ""), response.status
        self.tally.answers[version, status] += 1


def new_session() -> aiohttp.ClientSession:
    """Return the clients' connections: kept open, without a memory for cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), timeout=TIMEOUT
    )
