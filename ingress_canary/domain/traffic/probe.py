"""Probe: a request with the step's header or cookie, which only the canary may answer.

It shows that the routing works before there is traffic enough to tell by the share. ``engine/probe_requests.py`` has it
asked, ``effectiveness.py`` weighs the answer; what a probe cannot tell is unknown, neither good nor bad.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import Probe
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.router import Router

REVISION = "{{revision}}"
SHOWN = 64
"""Characters of an answer that are repeated in messages."""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """The request, and how the canary's answer is distinguished from stable's."""

    url: str
    host: str | None
    """The Host header, and the name that a certificate must carry; the URL's own when None."""
    headers: Mapping[str, str]
    """What forces the request to the canary."""
    header: str
    """The answer's header that tells the versions apart."""
    value: str
    """What the canary says in it."""
    timeout: float
    """Real seconds."""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """The result of a probe."""

    at: datetime
    """When it was asked, on the daemon's clock: what was routed before counts, what is routed later does not."""
    by_canary: bool | None
    """None when the answer shows neither."""
    message: Message


def probe_request(probe: Probe, exposure: Exposure, router: Router, revision: str) -> ProbeRequest | None:
    """Return the request that the exposure's header or cookie routes to the canary; None when there is neither."""
    headers = router.forcing(exposure, probe.send)
    if not headers:
        return None
    value, seconds = probe.value.replace(REVISION, revision), probe.timeout.total_seconds()
    return ProbeRequest(probe.url, probe.host, headers, probe.header, value, seconds)


def unaskable_probe(probe: Probe, routes: tuple[Exposure, ...]) -> Iterator[FieldFault]:
    """Yield why a probe could not force its way to the canary at some step."""
    header = next((route.header for route in routes if route.header is not None and route.header.pattern), None)
    if header is not None and probe.send is None:
        what, remedy = f"header {header.name} is matched by a pattern", "set send to a value that matches it"
        yield FieldFault(what, remedy, "spec.probe")


def read_probe_answer(request: ProbeRequest, at: datetime, code: int, headers: Mapping[str, str]) -> ProbeAnswer:
    """Return the result that an answer means. ``headers`` is looked up without regard to case."""
    value = headers.get(request.header)
    if value is not None and value.strip() == request.value:
        answered = Message(MessageKey.PROBE_BY_CANARY, header=request.header, value=value)
        return ProbeAnswer(at, by_canary=True, message=answered)
    if value is not None:
        other = Message(
            MessageKey.PROBE_BY_OTHER, url=request.url, header=request.header, value=value[:SHOWN], wanted=request.value
        )
        return ProbeAnswer(at, by_canary=False, message=other)
    if 300 <= code < 400 or code >= 500:
        # neither version may have had a word in this
        return ProbeAnswer(at, by_canary=None, message=Message(MessageKey.PROBE_CODE, url=request.url, code=code))
    without = Message(MessageKey.PROBE_WITHOUT_HEADER, url=request.url, code=code, header=request.header)
    return ProbeAnswer(at, by_canary=False, message=without)
