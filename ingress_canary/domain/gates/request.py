"""Request and answer of a webhook gate: the documented JSON, its signature, and what a status code means.

The form is versioned: members are added within a version, never changed or taken away (docs/howto/gates.md).
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ingress_canary.api.gate import Gate, GateStatus, GateVerdict, GateWhen, SecretKey
from ingress_canary.api.rollout_status import RolloutStatus, SloStatus
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.printable import printable
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule

VERSION = "v1"
READ = 4096
"""Bytes of an answer that are read."""
SHOWN = 256
"""Characters of an answer that are repeated."""
_HTML = re.compile(r"\s*(?:<!doctype html|<html)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GateCall:
    """One question to one gate, ready to be sent."""

    rollout: Key
    gate: str
    when: GateWhen
    question: str
    url: str
    body: str
    """The JSON, exactly as it is signed."""
    due: datetime
    """On the daemon's clock."""
    timeout: float
    """Real seconds."""
    secret: SecretKey | None = None


class AskedRollout(Protocol):
    """The rollout that gates are asked about; ``decision/observation.py`` has all of it."""

    @property
    def key(self) -> Key:
        """Namespace and name."""

    @property
    def compiled(self) -> CompiledSchedule | None:
        """The schedule that it follows; None when there is none that can be used."""

    @property
    def schedule(self) -> CompiledSchedule:
        """The compiled schedule, where there must be one."""

    @property
    def canary_hash(self) -> str | None:
        """The hash of the canary's pod template; None without a workload."""


def gate_calls(seen: AskedRollout, status: RolloutStatus) -> Iterator[GateCall]:
    """Yield the calls to webhook gates that a rollout with this status needs."""
    gates = {gate.name: gate for gate in seen.compiled.spec.gates} if seen.compiled is not None else {}
    for record in status.gates:
        gate = gates.get(record.name)
        if gate is not None and record.next_at is not None:
            body = json.dumps(_body(seen, status, gate, record), separators=(",", ":"))
            yield GateCall(
                seen.key, gate.name, gate.when, record.question, gate.url, body, record.next_at,
                gate.timeout.total_seconds(), gate.secret_ref,
            )  # fmt: skip


def _body(seen: AskedRollout, status: RolloutStatus, gate: Gate, record: GateStatus) -> dict[str, Any]:
    step = seen.schedule.walk.at(record.step) if record.step else None
    passed = record.verdict is GateVerdict.PASSED
    return {
        "version": VERSION,
        "id": record.question,
        "attempt": 1 if passed else record.attempts + 1,
        "gate": gate.name,
        "when": gate.when,
        "namespace": seen.key.namespace,
        "name": seen.key.name,
        "revision": status.revision,
        "stableRevision": status.stable_revision,
        "checksum": seen.canary_hash,
        "phase": status.phase,
        "reason": status.history[-1].reason if gate.when is GateWhen.AFTER_FINISH else status.reason,
        "step": {"index": step.index, "name": step.name, "weight": step.exposure.weight} if step else None,
        "weight": status.weight,
        "evidence": [_evidence(slo) for slo in status.slos],
    }


def _evidence(slo: SloStatus) -> dict[str, Any]:
    sides = {name: getattr(slo, name).dump() for name in ("canary", "stable", "step")}
    return {"slo": slo.name, "verdict": slo.verdict, **sides, "message": slo.message}


def signature(key: str, timestamp: str, body: str) -> str:
    """Return the value of the signature header: HMAC-SHA256 over the timestamp, a dot and the body."""
    mac = hmac.new(key.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


def read_gate_answer(code: int, kind: str, body: bytes) -> tuple[GateVerdict, str]:
    """Return the verdict of an answer and its message. ``kind`` is its content type.

    An HTML page is nobody's answer, whatever its code: a login, an error page or an index that a proxy, an ingress or
    an application sends for every address. It neither lets a gate be skipped nor rolls anybody back.
    """
    text = body.decode("utf-8", "replace")
    if kind in ("text/html", "application/xhtml+xml") or _HTML.match(text):
        return GateVerdict.UNKNOWN, f"{code} with an HTML page, which no gate answers with; correct the url"
    shown = _shown_text(text)
    if 200 <= code < 300:
        return GateVerdict.PASSED, shown or str(code)
    if code == 409:
        return GateVerdict.REJECTED, shown or str(code)
    moved = " (redirects are not followed)" if 300 <= code < 400 else ""
    return GateVerdict.UNKNOWN, f"{code}{moved}{': ' if shown else ''}{shown}"


def _shown_text(text: str) -> str:
    """Return the part of an answer that is shown: its field ``message``, or all of it, on one line and cut short."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        text = document["message"]
    line = " ".join(printable(text).split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
