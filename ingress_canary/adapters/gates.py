"""HTTP client of webhook gates (ports.GateClient): posts a signed request and reads a bounded answer."""

import asyncio

import aiohttp

from ingress_canary import __version__
from ingress_canary.adapters.http import http_session
from ingress_canary.api.gate import GateVerdict
from ingress_canary.domain.gates.request import READ, GateCall, read_gate_answer, signature
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.ports import Clock, ClusterError, Secrets

AGENT = f"ingress-canary/{__version__} (gate)"
TIMESTAMP = "X-Ingress-Canary-Timestamp"
SIGNATURE = "X-Ingress-Canary-Signature"


class NoSignatureError(Exception):
    """There is no key to sign with; the message says what is missing."""


def gate_session() -> aiohttp.ClientSession:
    """Return an HTTP session for gates alone, so that gates that hang take no connections from other requests.

    What is read of a body is what was sent: nothing is unpacked.
    """
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    return http_session(connector, auto_decompress=False)


class HttpGateClient:
    """Implements ports.GateClient. Redirects are not followed, certificates are verified."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, secrets: Secrets) -> None:
        self._session, self._clock, self._secrets = session, clock, secrets

    async def ask(self, call: GateCall) -> GateAnswer:
        """Return the meaning of the answer; any error counts as unknown."""
        verdict = GateVerdict.UNKNOWN
        try:
            async with asyncio.timeout(call.timeout):
                verdict, message = await self._answer(call)
        except TimeoutError:
            message = f"no whole answer within {call.timeout:g} s"
        except NoSignatureError as error:
            message = f"it was not asked: {error}"[:512]
        except (aiohttp.ClientError, ValueError, OSError) as error:
            message = f"{type(error).__name__}: {error}"[:256]
        return GateAnswer(call.question, verdict, message, self._clock.now())

    async def _answer(self, call: GateCall) -> tuple[GateVerdict, str]:
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/plain",
            "Accept-Encoding": "identity",
            "User-Agent": AGENT,
            "Idempotency-Key": call.question,
            TIMESTAMP: timestamp,
        }
        if call.secret is not None:
            headers[SIGNATURE] = signature(await self._key(call), timestamp, call.body)
        async with self._session.post(
            call.url, data=call.body.encode(), headers=headers, allow_redirects=False
        ) as response:
            body = b""
            while len(body) < READ and (part := await response.content.read(READ - len(body))):
                body += part
            return read_gate_answer(response.status, response.content_type, body)

    async def _key(self, call: GateCall) -> str:
        """Return the signing key of a call. Raises NoSignatureError."""
        assert call.secret is not None
        where = Key(call.rollout.namespace, call.secret.name)
        try:
            entries = await self._secrets.read(where)
        except ClusterError as error:
            raise NoSignatureError(f"secretRef: {error}") from error
        key = entries.get(call.secret.key)
        if not key:
            raise NoSignatureError(f"secretRef: Secret {where} has no entry {call.secret.key}; add it")
        return key
