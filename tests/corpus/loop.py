"""An event loop on which nobody waits: once nothing is left to do, time jumps to the next timer.

Servers and clients of a whole system share it, so that a bound of ten minutes takes no time and nothing depends on how
busy the machine is. What runs in threads elsewhere runs in its turn.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable
from typing import Any

GRACE = 0.002
"""Real seconds that the kernel has to deliver what one end of a connection has sent to the other."""


class _Idle(selectors.DefaultSelector):
    """A selector that lets time pass instead of waiting."""

    def __init__(self, passes: Callable[[float], None]) -> None:
        super().__init__()
        self._passes = passes

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        events = super().select(GRACE)
        if not events and timeout is not None:
            self._passes(timeout)
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its time starts at 0; ``ports`` leads from ports as addresses name them to those that servers listen on."""

    def __init__(self) -> None:
        self._at = 0.0
        self.ports: dict[int, int] = {}
        super().__init__(_Idle(self._pass))

    def _pass(self, seconds: float) -> None:
        self._at += seconds

    def time(self) -> float:
        return self._at

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the future that tells
            done.set_exception(error)
        return done

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        host, port, *rest = address
        await super().sock_connect(sock, (host, self.ports.get(port, port), *rest))
