"""Scrape source (ports.MetricsSource): reads every controller pod's page once a tick, for all rollouts together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp

from ingress_canary.adapters.scrape.addresses import Address
from ingress_canary.adapters.scrape.metrics_page import Exposition, MetricsPage, PageReader, Pair, Wanted
from ingress_canary.adapters.scrape.sample_line import PageError
from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capabilities
from ingress_canary.domain.metrics.counting import STALE_AT_LEAST
from ingress_canary.domain.metrics.samples import Instance, Reading, Series, Target
from ingress_canary.engine.faults import SourceFaults
from ingress_canary.ports import Clock

SHOWN_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the size and time of one tick."""

    seconds: float = 5.0
    """Real time that a page may take from connecting to its last byte."""
    max_bytes: int = 256 * 1024 * 1024
    """Length of a page, decompressed. It streams by and is not held."""
    at_once: int = 8
    """Pages fetched at the same time."""


class ControllerScrape:
    """Implements ports.MetricsSource over the controllers' own pages.

    A page that cannot be used in full is as if its pod had not answered, since on a page that was read an absent
    series means 0. So is one whose series of a target cannot be used, for that target. The other pods' pages are usable
    all the same; the reading's note names the missing ones.
    """

    capabilities: Final[Capabilities] = OF_CONTROLLERS

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        addresses: Callable[[], Sequence[Address]],
        *,
        if_none: str,
        exposition: Exposition | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._session = session
        self._clock = clock
        self._addresses = addresses
        self._if_none = if_none
        self._exposition = exposition or Exposition()
        self._limits = limits or Limits()
        self._faults = SourceFaults()
        self._wanted: Wanted | None = None
        """At the last reading."""

    async def read(self, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        """Return a reading of every target from one fetch of every page."""
        at = self._clock.now()
        self._faults.begin()
        addresses = self._addresses()
        if not addresses:
            return dict.fromkeys(targets, Reading(at, error=self._if_none))
        wanted = self._wanted = Wanted(targets, self._exposition, self._wanted)
        turns = asyncio.Semaphore(self._limits.at_once)
        outcomes = await asyncio.gather(*(self._fetch(address, wanted, turns) for address in addresses))
        answers = [outcome for outcome in outcomes if isinstance(outcome, _Answer)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, str)]
        # one process may be reachable by two addresses: its newest page counts
        unique = {answer.instance.name: answer for answer in sorted(answers, key=lambda answer: answer.at)}
        return {target: self._reading(at, target, tuple(unique.values()), failures) for target in targets}

    async def _fetch(self, address: Address, wanted: Wanted, turns: asyncio.Semaphore) -> "_Answer | str":
        """Return a page, or why it could not be read."""
        async with turns:
            try:
                async with asyncio.timeout(self._limits.seconds):
                    return await self._page(address, wanted)
            except TimeoutError:
                why = f"no whole page within {self._limits.seconds:g} s"
            except PageError as error:
                why = str(error)
            except aiohttp.ClientConnectorError as error:
                refused = isinstance(error.os_error, ConnectionRefusedError)
                why = f"connection refused at {address.url}" if refused else f"cannot connect to {address.url}: {error}"
                why += "; check the port, and that network policies let this daemon reach it"
            except aiohttp.ClientPayloadError:
                why = "the page broke off"
            except aiohttp.ClientError as error:
                why = f"{type(error).__name__} at {address.url}: {error}"
            except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
                why = f"the page cannot be read: {self._faults.words(address.name, error)}"
            return f"{address.name}: {why}"

    async def _page(self, address: Address, wanted: Wanted) -> "_Answer":
        at = self._clock.now()
        headers = {"Accept": "text/plain;version=0.0.4"}
        async with self._session.get(address.url, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise PageError(f"answered {response.status} at {address.url}")
            if response.content_type == "text/html":
                raise PageError(f"an HTML page came instead of metrics; check the address {address.url}")
            reader = PageReader(wanted, self._limits.max_bytes)
            async for chunk in response.content.iter_any():
                reader.feed(chunk)
        page = reader.close()
        started = None if page.started is None else self._instant(page.started)
        return _Answer(at, Instance(page.instance or address.name, started), page)

    def _instant(self, seconds: float) -> datetime | None:
        """Return the instant on the daemon's clock of a real-world time; None for an invalid time."""
        try:
            return self._clock.at(datetime.fromtimestamp(seconds, UTC))
        except (ValueError, OverflowError, OSError):
            return None

    def _reading(self, at: datetime, target: Target, answers: "Sequence[_Answer]", failures: Sequence[str]) -> Reading:
        """Return the reading of a target from all pages; ``failures`` are the pages that could not be read."""
        usable, series, absent = list[_Answer](), list[Series](), list(failures)
        for answer in answers:
            try:
                series += self._series(answer, target)
                usable.append(answer)
            except PageError as error:
                absent.append(f"{answer.instance.name}: {error}")
            except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
                where = f"{answer.instance.name} of {target.namespace}/{target.ingress}"
                absent.append(f"{where}: {self._faults.words(where, error)}")
        if not usable:
            return Reading(at, error=f"no controller gave metrics: {_listed(absent)}")
        shadow = Pair(target.namespace, target.shadow)
        orphans = [answer.page.orphans[shadow] for answer in usable if shadow in answer.page.orphans]
        missing = (
            f"{len(absent)} of {len(usable) + len(absent)} controllers gave no metrics: {_listed(absent)}"
            if absent
            else None
        )
        return Reading(
            at=at,
            instances=tuple(answer.instance for answer in usable),
            series=tuple(series),
            bounds=frozenset().union(*(answer.page.bounds for answer in usable)),
            orphaned=tuple(sorted(set().union(*orphans))) if orphans else None,
            note=missing,
            missing=missing,
        )

    def _series(self, answer: "_Answer", target: Target) -> list[Series]:
        """Return a target's series of one page. Raises PageError for a sample with an implausible time."""
        found = []
        for line in answer.page.lines.get(Pair(target.namespace, target.ingress), ()):
            at = answer.at
            if line.millis is not None:
                stamped = self._instant(line.millis / 1000)
                if stamped is None or stamped > at + STALE_AT_LEAST:
                    raise PageError(f"{line.family} has a timestamp that is no time, or lies ahead of the clock")
                at = stamped
            found.append(Series(line.family, answer.instance.name, line.labels, line.value, at, line.identity))
        return found


@dataclass(frozen=True, slots=True)
class _Answer:
    """A page that was read in full."""

    at: datetime
    instance: Instance
    page: MetricsPage


def _listed(failures: Sequence[str]) -> str:
    """Return the first few failures, and how many more there are."""
    more = len(failures) - SHOWN_FAILURES
    return "; ".join(failures[:SHOWN_FAILURES]) + (f"; and {more} more" if more > 0 else "")
