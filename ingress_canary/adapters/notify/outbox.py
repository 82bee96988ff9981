"""Outbox of notifications (``ports.Notifier``): sent in the background; never delays or fails a decision.

A queue for each Secret reads it and puts a copy for each of its addresses into a queue of its own: order is kept for
each address, and one that is dead delays no other. Lost with the process, never doubled by it: what is sent has been
stored, and is not sent again. Addresses are secret: they are in no log, no Event and no error.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

import structlog

from ingress_canary.adapters.notify import apprise_services
from ingress_canary.adapters.notify.delivery_queue import DeliveryQueue, Undelivered
from ingress_canary.adapters.notify.threads import Hung, Threads
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.notices import Notice
from ingress_canary.ports import ClusterError, Secrets

WAITING = 2000
"""Messages that wait at most, all mailboxes together; beyond this the longest one loses its oldest."""
ADDRESSES = 20
"""Of one entry of a Secret."""
REMEMBERED = 500
"""Mailboxes that are kept although they are empty."""

log = structlog.get_logger(__name__)


class Count(Protocol):
    """Counter of messages by service and outcome."""

    def __call__(self, result: Literal["sent", "failed", "dropped"], messages: int = 1) -> None:
        """Count messages by outcome."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one address, or to the addresses of a Secret that has not been read yet."""

    notice: Notice
    line: int = 0
    """Which of the Secret's addresses, from 1."""
    url: str = ""

    @property
    def place(self) -> str:
        """The destination, without secrets."""
        where = f"notification {self.notice.notification} (Secret {self.notice.secret}, key {self.notice.entry}"
        return f"{where}, address {self.line})" if self.line else f"{where})"

    def __repr__(self) -> str:
        return f"Letter({self.place})"


def addresses(text: str) -> list[str]:
    """Return the addresses in a Secret's entry: one per line, without comments."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


async def addressed(secrets: Secrets, letter: Letter) -> list[Letter]:
    """Return a copy of a letter for each address of its Secret. Raises Undelivered."""
    notice = letter.notice
    try:
        entries = await secrets.read(notice.secret)
    except ClusterError as error:
        raise Undelivered(
            f"{error}; the daemon needs get on that Secret (config/rbac/optional/notifications.yaml, or the chart's "
            "rbac.secrets)"
        ) from None
    if notice.entry not in entries:
        raise Undelivered(f"the Secret has no entry {notice.entry}; add it, or correct secretRef.key")
    urls = addresses(entries[notice.entry])
    if not urls:
        raise Undelivered("the entry is empty; write an Apprise URL on each line")
    if len(urls) > ADDRESSES:
        raise Undelivered(f"the entry holds more than {ADDRESSES} addresses; use several notifications")
    return [replace(letter, line=number, url=url) for number, url in enumerate(urls, 1)]


class Outbox:
    """Sends messages to the addresses that Secrets hold."""

    def __init__(self, secrets: Secrets, count: Count, faltered: Callable[[Notice, str], None]) -> None:
        """``faltered`` is called with a text without secrets at each address's first failure after a success."""
        self._secrets, self._count, self._tell = secrets, count, faltered
        self._threads = Threads()
        self._boxes: dict[tuple[Key, str, str], DeliveryQueue[Letter]] = {}
        """By Secret, entry, and address where it is known."""
        self._hung: dict[tuple[Key, str, str], asyncio.Future[None]] = {}
        """Sends that were given up and are not over yet."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def notify(self, notice: Notice) -> None:
        """Queue a message to be sent in the background."""
        self._put(Letter(notice))

    async def stop(self, grace: float = 2.0) -> None:
        """Send the queued messages, for ``grace`` seconds at most, then stop; a send that hangs is abandoned."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()
        self._closed = True
        left = len(self)
        await asyncio.gather(*(box.stop() for box in list(self._boxes.values())))
        if left:
            self._count("dropped", left)
            log.warning("stopped before all messages were sent", messages=left)

    def __len__(self) -> int:
        """Return how many messages wait or are under way."""
        return sum(map(len, self._boxes.values()))

    def _put(self, letter: Letter) -> None:
        if self._closed:
            self._count("dropped")
            return
        key = (letter.notice.secret, letter.notice.entry, letter.url)
        box = self._boxes.get(key)
        if box is None:
            self._forget()
            deliver = partial(self._send, key) if letter.url else self._address
            box = self._boxes[key] = DeliveryQueue(deliver, self._faltered, self._gave_up, partial(self._emptied, key))
        if len(self) >= WAITING:
            self._dropped(max(self._boxes.values(), key=len).drop())
        self._dropped(box.put(letter))
        self._idle.clear()

    def _forget(self) -> None:
        """Limit the failing addresses that are remembered: they may have been removed from their Secrets."""
        idle = [key for key, box in self._boxes.items() if not len(box) and key not in self._hung]
        for key in idle[: max(0, len(self._boxes) - REMEMBERED)]:
            del self._boxes[key]

    def _dropped(self, messages: int) -> None:
        if messages:
            self._count("dropped", messages)

    async def _address(self, letter: Letter) -> None:
        """Read the Secret and queue a copy for each address."""
        for copy in await addressed(self._secrets, letter):
            self._put(copy)

    async def _send(self, key: tuple[Key, str, str], letter: Letter) -> None:
        if (over := self._hung.get(key)) is not None:
            # never two at once to one address: their order would be lost
            await asyncio.wait((over,))
        notice = letter.notice
        work = partial(
            apprise_services.send,
            letter.url,
            notice.title,
            notice.body,
            notice.severity,
            good=notice.reason is Reason.PROMOTED,
        )
        try:
            await self._threads.run(work, failing=self._boxes[key].failing)
        except Hung as hung:
            self._hung[key] = hung.over
            hung.over.add_done_callback(lambda _: self._hung.pop(key, None))
            raise
        self._count("sent")

    def _faltered(self, letter: Letter, problem: Undelivered) -> None:
        log.warning("a message does not go", about=str(letter.notice.about.key), to=letter.place, why=str(problem))
        self._tell(letter.notice, f"{letter.place}: {problem}")

    def _gave_up(self, letter: Letter, problem: Undelivered) -> None:
        self._count("failed")
        log.warning(
            "a message was not sent", about=str(letter.notice.about.key), reason=letter.notice.reason, to=letter.place,
            why=str(problem),
        )  # fmt: skip

    def _emptied(self, key: tuple[Key, str, str]) -> None:
        if key not in self._hung and not self._boxes[key].failing:
            del self._boxes[key]
        if not len(self):
            self._idle.set()
