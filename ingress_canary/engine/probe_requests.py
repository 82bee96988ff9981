"""Probe requests, sent in the background: a slow answer delays no evaluation, not even its own rollout's.

The ticker asks for them; ``assemble`` takes the newest answer into the evidence.
"""

import asyncio
from collections.abc import Mapping

from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.traffic.probe import ProbeRequest
from ingress_canary.engine.state.rollout_state import RolloutStates
from ingress_canary.ports import Prober

AT_ONCE = 16
"""Probes in flight; the others wait for their turn."""


class ProbeRequests:
    """Sends one probe at a time for each rollout that has one."""

    def __init__(self, prober: Prober, states: RolloutStates) -> None:
        self._prober, self._states = prober, states
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[Key, asyncio.Task[None]] = {}

    def ask(self, wanted: Mapping[Key, ProbeRequest]) -> None:
        """Send the probes, except where an answer is still pending; returns at once."""
        for key, request in wanted.items():
            if key not in self._asked:
                task = self._asked[key] = asyncio.create_task(self._ask(key, request))
                task.add_done_callback(lambda _, key=key: self._asked.pop(key, None))  # type: ignore[misc]

    async def stop(self) -> None:
        """Cancel the requests in flight."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, key: Key, request: ProbeRequest) -> None:
        async with self._turns:
            answer = await self._prober.ask(request)
        state = self._states.get(key)
        if state is not None:
            state.probed = answer
