"""A gate's request is the documented JSON, signed as the docs say; an answer means what its status code means."""

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from ingress_canary.api.gate import GateVerdict
from ingress_canary.domain.gates.request import GateCall, gate_calls, read_gate_answer, signature
from tests.domain.gates.test_gates import Gated, gate, waits, world
from tests.domain.world import deployment

PASSED, REJECTED, UNKNOWN = GateVerdict.PASSED, GateVerdict.REJECTED, GateVerdict.UNKNOWN


def call_of(made: Gated) -> GateCall:
    decision = made.decisions[-1]
    (call,) = gate_calls(made.observe(), decision.status)
    return call


def test_the_question_says_which_rollout_is_where_and_what_the_evidence_is() -> None:
    made = waits(world(gate("beforeStep", steps=["2"], timeout="3s", secretRef={"name": "qa", "key": "hmac"})))
    call = call_of(made)
    assert (call.url, call.timeout, call.rollout.namespace) == ("http://qa.shop/", 3, "shop")
    assert call.secret is not None
    body: dict[str, Any] = json.loads(call.body)
    (evidence,) = body.pop("evidence")
    assert evidence["slo"] == "availability"
    assert evidence["verdict"] == "pass"
    assert evidence["canary"]["total"] > 0
    assert set(evidence) == {"slo", "verdict", "canary", "stable", "step", "message"}
    assert body == {
        "version": "v1", "id": made.gate_status().question, "attempt": 1, "gate": "qa", "when": "beforeStep",
        "namespace": "shop", "name": "checkout", "revision": made.status.revision, "stableRevision": None,
        "checksum": made.status.revision, "phase": "Progressing", "reason": "AwaitingGate",
        "step": {"index": 2, "name": "", "weight": 50}, "weight": 5,
    }  # fmt: skip


def test_an_attempt_has_its_number_and_the_question_keeps_its_id() -> None:
    made = waits(world(gate("beforeStart"), says=UNKNOWN))
    first = json.loads(call_of(made).body)
    made.step(30)
    later = json.loads(call_of(made).body)
    assert (first["id"], first["step"]["index"]) == (later["id"], 1)
    assert later["attempt"] == made.gate_status().attempts + 1


def test_an_end_is_sent_with_its_reason() -> None:
    made = world(gate("afterFinish"))
    made.until(lambda w: w.weight == 5)
    made.action = "abort#1"
    made.step(3)
    body = json.loads(call_of(made).body)
    assert (body["phase"], body["reason"], body["weight"]) == ("RolledBack", "AbortedByUser", 0)
    assert body["step"]["index"] == 1


def test_a_rollout_without_workloads_has_no_checksum() -> None:
    made = waits(world(gate("beforeStart")))
    made.canary = None
    (call,) = gate_calls(made.observe(), made.decisions[-1].status)
    assert json.loads(call.body)["checksum"] is None
    made.canary = deployment("checkout-canary", "app:v2")


@pytest.mark.parametrize(
    ("code", "kind", "body", "verdict", "message"),
    [
        (200, "application/json", b'{"message": "expand\\n applied"}', PASSED, "expand applied"),
        (200, "application/json", b'{"ok": true}', PASSED, '{"ok": true}'),
        (200, "text/plain", b"", PASSED, "200"),
        (202, "application/octet-stream", b"\xff\x00ok\x1b[31m", PASSED, "\ufffd\\x00ok\\x1b[31m"),
        (204, "application/octet-stream", b"", PASSED, "204"),
        (409, "text/plain", b"schema is behind", REJECTED, "schema is behind"),
        (409, "application/json", b"", REJECTED, "409"),
        (200, "text/html", b"hello", UNKNOWN, "200 with an HTML page, which no gate answers with; correct the url"),
        (200, "text/plain", b"\n<!DOCTYPE html><title>Log in", UNKNOWN, "200 with an HTML page, which no gate"),
        (409, "application/xhtml+xml", b"", UNKNOWN, "409 with an HTML page"),
        (200, "application/json", b"<html>", UNKNOWN, "200 with an HTML page"),
        (302, "text/plain", b"", UNKNOWN, "302 (redirects are not followed)"),
        (404, "text/plain", b"no such gate", UNKNOWN, "404: no such gate"),
        (500, "text/plain", b"", UNKNOWN, "500"),
        (503, "application/json", b'{"message": 5}', UNKNOWN, '503: {"message": 5}'),
        (100, "text/plain", b"", UNKNOWN, "100"),
    ],
)
def test_an_answer_means_what_its_code_means(
    code: int, kind: str, body: bytes, verdict: GateVerdict, message: str
) -> None:
    found, text = read_gate_answer(code, kind, body)
    assert found is verdict
    assert text.startswith(message)
    assert len(text) == len(message) or "HTML" in text


@pytest.mark.parametrize("body", [b"x" * 4096, b"[" * 4096, b'{"message": "' + b"y" * 2000 + b'"}'])
def test_a_long_answer_is_cut(body: bytes) -> None:
    verdict, text = read_gate_answer(200, "application/json", body)
    assert verdict is PASSED
    assert len(text) == 256
    assert text.endswith("...")


def test_the_signature_is_the_one_that_openssl_makes() -> None:
    body, key, timestamp = '{"version":"v1"}', "s3cret", f"{datetime(2026, 3, 2, tzinfo=UTC).timestamp():.0f}"
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", key],
        input=f"{timestamp}.{body}".encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert signature(key, timestamp, body) == f"sha256={made.split()[-1]}"
