"""HTTP client of probes (ports.Prober): requests the app team's URL and keeps only one header of the answer."""

import asyncio

import aiohttp

from ingress_canary import __version__
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.traffic.probe import ProbeAnswer, ProbeRequest, read_probe_answer
from ingress_canary.ports import Clock

AGENT = f"ingress-canary/{__version__} (probe)"


class HttpProber:
    """Implements ports.Prober. Redirects are not followed, bodies are not read, certificates are verified."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._session, self._clock = session, clock

    async def ask(self, request: ProbeRequest) -> ProbeAnswer:
        """Return the result of the answer; an error gives no result either way."""
        at = self._clock.now()
        try:
            async with asyncio.timeout(request.timeout):
                return await self._answer(request)
        except TimeoutError:
            why = f"no answer within {request.timeout:g} s"
        except (aiohttp.ClientError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"[:200]
        return ProbeAnswer(at, by_canary=None, message=Message(MessageKey.PROBE_FAULT, url=request.url, why=why))

    async def _answer(self, request: ProbeRequest) -> ProbeAnswer:
        at = self._clock.now()
        host = {"Host": request.host} if request.host else {}
        headers = {"User-Agent": AGENT, **host, **request.headers}
        # a certificate is made out to the host that is asked for, not to the Service that is connected to
        name = request.host.partition(":")[0] if request.host else None
        async with self._session.get(
            request.url, headers=headers, allow_redirects=False, server_hostname=name
        ) as response:
            return read_probe_answer(request, at, response.status, response.headers)
