"""Threads for blocking sends: few at once; one that hangs delays neither others nor the end of the process.

Not an executor: one joins its threads at exit. These are daemon threads, each for one message.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from ingress_canary.adapters.notify.delivery_queue import Undelivered

AT_ONCE = 8
"""Sends under way to addresses that work, and half as many to those that have just failed."""
WITHIN = 30.0
"""Real seconds after which a send is given up, though its thread may go on."""
HANGING = 32
"""Threads that were given up and are not over yet: beyond this nothing is sent until one ends."""


class Hung(Undelivered):
    """A send did not end within WITHIN: it may have arrived, so it is not sent again."""

    def __init__(self, over: "asyncio.Future[None]") -> None:
        super().__init__(f"no end within {WITHIN:g} s; it may have arrived", again=False)
        self.over = over
        """Done when the thread is."""


class Threads:
    """A bounded pool of threads for blocking calls."""

    def __init__(self) -> None:
        self._quick, self._slow = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE // 2)
        self._hanging = 0

    async def run(self, work: Callable[[], None], *, failing: bool = False) -> None:
        """Run ``work`` in a thread and raise what it raises; ``failing``: the last send to this address failed.

        Raises Hung when it does not end in time, Undelivered when too many hang.
        """
        async with self._slow if failing else self._quick:
            if self._hanging >= HANGING:
                raise Undelivered(f"{HANGING} sends hang")
            over = _started(work)
            await asyncio.wait((over,), timeout=WITHIN)
            if over.done():
                return over.result()
        self._hanging += 1
        over.add_done_callback(self._ended)
        raise Hung(over)

    def _ended(self, over: "asyncio.Future[None]") -> None:
        del over
        self._hanging -= 1


def _started(work: Callable[[], None]) -> "asyncio.Future[None]":
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    over.add_done_callback(asyncio.Future.exception)  # perhaps no caller waits for it any more

    def tell(problem: Exception | None) -> None:
        if over.done():
            return
        if problem is None:
            over.set_result(None)
        else:
            over.set_exception(problem)

    def run() -> None:
        problem: Exception | None = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised in the caller that waits
            problem = error
        with suppress(RuntimeError):  # the loop is closed: no caller waits any more
            loop.call_soon_threadsafe(tell, problem)

    threading.Thread(target=run, name="notification", daemon=True).start()
    return over
