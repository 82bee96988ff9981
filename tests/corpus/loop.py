"""An event loop on which nobody waits: once nothing is left to do, time jumps to the next timer.

Servers and clients of a whole system share it, so that a bound of ten minutes takes no time and nothing depends on how
busy the machine is. Both ends of each connection are here: time stands while anything is under way between them. What
runs in threads elsewhere runs in its turn.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable
from typing import Any

GRACE = 0.002
"""Real seconds that the kernel has to tell one end of a connection that the other one has closed."""
PATIENCE = 0.5
"""Real seconds after which what is under way is taken for lost: its receiver has closed."""


class _Traffic:
    """What was sent and has not been received, of all connections: bytes, and the connections themselves."""

    def __init__(self) -> None:
        self.under_way = 0
        self.lost = 0

    @property
    def arrives(self) -> bool:
        """Return whether anything is to be waited for."""
        return self.under_way > self.lost


class _Socket:
    """A socket that counts what it sends and receives."""

    def __init__(self, sock: socket.socket, traffic: _Traffic) -> None:
        self._sock, self._traffic = sock, traffic

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def send(self, data: bytes) -> int:
        return self._counted(self._sock.send(data))

    def sendmsg(self, buffers: Any) -> int:
        return self._counted(self._sock.sendmsg(buffers))

    def recv(self, size: int) -> bytes:
        data = self._sock.recv(size)
        self._counted(-len(data))
        return data

    def recv_into(self, buffer: Any) -> int:
        size = self._sock.recv_into(buffer)
        self._counted(-size)
        return size

    def _counted(self, size: int) -> int:
        self._traffic.under_way += size
        return size


class _Idle(selectors.DefaultSelector):
    """A selector that lets time pass instead of waiting."""

    def __init__(self, traffic: _Traffic, passes: Callable[[float], None]) -> None:
        super().__init__()
        self._traffic, self._passes = traffic, passes

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        events = super().select(PATIENCE if self._traffic.arrives else GRACE)
        if events:
            return events
        self._traffic.lost = self._traffic.under_way
        if timeout is not None:
            self._passes(timeout)
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its time starts at 0; ``ports`` leads from ports as addresses name them to those that servers listen on."""

    def __init__(self) -> None:
        self._at = 0.0
        self._traffic = _Traffic()
        self.ports: dict[int, int] = {}
        super().__init__(_Idle(self._traffic, self._pass))

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
        self._traffic.under_way += 1
        try:
            await super().sock_connect(sock, (host, self.ports.get(port, port), *rest))
        except OSError:
            self._traffic.under_way -= 1
            raise

    def _make_socket_transport(
        self, sock: socket.socket, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None
    ) -> Any:
        if server is not None:
            # the other end of a connection that was begun here
            self._traffic.under_way -= 1
        counting: Any = _Socket(sock, self._traffic)
        return super()._make_socket_transport(  # type: ignore[misc]
            counting, protocol, waiter, extra=extra, server=server
        )
