"""Recording of an Ingress's traffic: its lines, written by ``record`` and read by ``backtest``.

docs/reference/recording.md describes the format: JSON lines, a header and one line a tick. Everything that an SLO of
the ingress controllers' metrics may be derived from is in it, so that one recording serves any schedule.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple, NoReturn

FORMAT = 1
"""Version of the format, in the header's field ``recording``."""
LARGEST_COUNT = 10**12
"""Requests of one tick beyond which a number is not believed."""
LATEST = 253_402_300_799
"""The last second of the calendar."""
LONGEST = 3600
"""Seconds that a tick spans at most."""
SHOWN = 40
"""Characters of a wrong value that are repeated."""


class RecordingError(Exception):
    """A line or a recording cannot be used; the message says which field, why, and what to do."""


@dataclass(frozen=True, slots=True)
class RecordingHeader:
    """What the lines after it are about; where something of it changes, another header follows."""

    ingress: str
    """``namespace/name``."""
    interval: float
    """Seconds between two ticks."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of the latency histogram's buckets in seconds, rising, without infinity; empty while unknown."""
    service: str | None = None
    """The Service whose requests were counted; None for all of the Ingress."""
    sampled_every: float = 0.0
    """Seconds between two samples of the source, where it takes them at times of its own, as Prometheus does."""

    def line(self) -> str:
        """Return the header as a line."""
        return json.dumps(
            {
                "recording": FORMAT, "ingress": self.ingress, "service": self.service, "interval": self.interval,
                "sampledEvery": self.sampled_every, "buckets": list(self.buckets),
            }
        )  # fmt: skip


class RecordedTick(NamedTuple):
    """Stable's requests since the tick before, as our own rules count them (docs/judging.md)."""

    at: float
    """Seconds since 1970 at which the source was read."""
    requests: Mapping[str, int] | None = None
    """By status, or class of statuses; None where they are unknown."""
    latency: Mapping[str, Sequence[int]] | None = None
    """By status: how many were timed, and those within each bucket; None where that is unknown."""
    canary: int = 0
    """Requests that a canary got meanwhile, and that are not among the others."""
    missing: str = ""
    """Why something is unknown."""

    def line(self) -> str:
        """Return the tick as a line."""
        members: dict[str, Any] = {"t": round(self.at, 3)}
        if self.requests is not None:
            members["requests"] = self.requests
        if self.latency is not None:
            members["latency"] = {status: list(counts) for status, counts in self.latency.items()}
        if self.canary:
            members["canary"] = self.canary
        if self.missing:
            members["missing"] = self.missing
        return json.dumps(members, separators=(",", ":"))


def parsed(line: str | bytes, header: RecordingHeader | None) -> RecordingHeader | RecordedTick:
    """Return the header or the tick of a line; ``header`` is the one before it. Raises RecordingError."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise RecordingError(f"no JSON: {_excerpt(line)}; is it a recording?") from None
    if not isinstance(document, dict):
        raise RecordingError(f"a line is an object of JSON; got {_excerpt(line)}")
    if "recording" in document:
        return _header(document)
    if header is None:
        raise RecordingError('recording: the first line is a header such as {"recording": 1, ...}; is it a recording?')
    return _tick(document, len(header.buckets) + 1)


def _header(document: Mapping[str, Any]) -> RecordingHeader:
    version = document["recording"]
    if version != FORMAT or isinstance(version, bool):
        raise RecordingError(
            f"recording: format {version!r} is not known: use a newer release, this one reads {FORMAT}"
        )
    ingress, service = document.get("ingress"), document.get("service")
    if not isinstance(ingress, str) or not all(ingress.partition("/")):
        _refuse("ingress", ingress, "write namespace/name, such as shop/checkout")
    if service is not None and not isinstance(service, str):
        _refuse("service", service, "write the name of a Service, or null for all of the Ingress")
    interval = _number(document, "interval", "write the seconds between two ticks, such as 10")
    if not 0 < interval <= LONGEST:
        _refuse("interval", interval, f"write seconds above 0 and up to {LONGEST}")
    sampled = _number(document, "sampledEvery", "write seconds, 0 where each tick is a sample", 0)
    if not 0 <= sampled <= LONGEST:
        _refuse("sampledEvery", sampled, f"write seconds from 0 to {LONGEST}")
    buckets = document.get("buckets", [])
    remedy = "write the buckets' bounds in seconds, rising and without infinity"
    if not isinstance(buckets, list) or not all(_is_number(bound) and bound >= 0 for bound in buckets):
        _refuse("buckets", buckets, remedy)
    if any(after <= before for before, after in pairwise(buckets)):
        _refuse("buckets", buckets, remedy)
    return RecordingHeader(ingress, float(interval), tuple(map(float, buckets)), service, float(sampled))


def _tick(document: Mapping[str, Any], values: int) -> RecordedTick:
    """Return the tick of a line whose latencies have so many values for each status."""
    at: Any = document.get("t")
    # the usual tick is all numbers: this is done some hundred thousand times
    if type(at) not in (int, float) or not 0 <= at <= LATEST:
        _refuse("t", at, "write seconds since 1970")
    requests, latency, canary = document.get("requests"), document.get("latency"), document.get("canary", 0)
    if requests is not None:
        if not isinstance(requests, dict):
            _refuse("requests", requests, "write a number of requests for each status")
        for status, count in requests.items():
            if type(count) is not int or not 0 <= count <= LARGEST_COUNT:
                _refuse(f"requests.{status}", count, "write a whole number of requests")
    if latency is not None:
        _check_latency(latency, values)
    if type(canary) is not int or not 0 <= canary <= LARGEST_COUNT:
        _refuse("canary", canary, "write a whole number of requests")
    missing = document.get("missing", "")
    if not isinstance(missing, str):
        _refuse("missing", missing, "write why something is unknown")
    return RecordedTick(at, requests, latency, canary, missing)


def _check_latency(latency: object, values: int) -> None:
    if not isinstance(latency, dict):
        _refuse("latency", latency, "write a list of numbers for each status")
    for status, counts in latency.items():
        if not isinstance(counts, list) or len(counts) != values:
            remedy = f"write {values} numbers: all that were timed, and those within each of the header's buckets"
            _refuse(f"latency.{status}", counts, remedy)
        for count in counts:
            if type(count) is not int or not 0 <= count <= LARGEST_COUNT:
                _refuse(f"latency.{status}", count, "write whole numbers of requests")


def _number(document: Mapping[str, Any], field: str, remedy: str, usual: float | None = None) -> float:
    value = document.get(field, usual)
    if not _is_number(value):
        _refuse(field, value, remedy)
    assert isinstance(value, int | float)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _refuse(field: str, value: object, remedy: str) -> NoReturn:
    shown = "it is missing" if value is None else f"got {json.dumps(value, default=str)[:SHOWN]}"
    raise RecordingError(f"{field}: {remedy}; {shown}")


def _excerpt(line: str | bytes) -> str:
    text = line if isinstance(line, str) else line.decode(errors="replace")
    return repr(text.strip()[:SHOWN])


def instant(seconds: float) -> datetime:
    """Return the instant of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def utc(seconds: float) -> str:
    """Return an instant as text."""
    return instant(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
