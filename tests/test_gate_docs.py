"""What docs/howto says of gates works as it stands: the verification in Python and shell, the example receiver."""

import asyncio
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.gates import HttpGateClient, gate_session
from ingress_canary.api.gate import GateVerdict, GateWhen, SecretKey
from ingress_canary.domain.gates.request import GateCall, signature
from ingress_canary.domain.objects.metadata import Key

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/howto/gates.md").read_text(encoding="utf-8")
KEY = "s3cret"
BODY = '{"version":"v1","name":"checkout"}'


def block(beginning: str) -> str:
    """Return the code block of the page that begins so."""
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", PAGE, re.MULTILINE)
    (found,) = [one for one in map(textwrap.dedent, blocks) if one.strip().startswith(beginning)]
    return found


def test_the_verification_in_python_takes_what_is_genuine_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(block("import hashlib"), names)
    genuine: Callable[[bytes, Mapping[str, str], bytes], bool] = names["genuine"]
    now = int(datetime.now(UTC).timestamp())

    def headers(at: int, body: str = BODY) -> dict[str, str]:
        return {
            "X-Ingress-Canary-Timestamp": str(at),
            "X-Ingress-Canary-Signature": signature(KEY, str(at), body),
        }

    assert genuine(KEY.encode(), headers(now), BODY.encode())
    assert not genuine(b"another", headers(now), BODY.encode())
    assert not genuine(KEY.encode(), headers(now), b"{}")
    assert not genuine(KEY.encode(), headers(now - 600), BODY.encode())


def test_the_verification_in_a_shell_prints_the_signature(tmp_path: Path) -> None:
    (tmp_path / "body").write_text(BODY)
    done = subprocess.run(
        ["bash", "-c", block("{ printf")], cwd=tmp_path, env={**os.environ, "KEY": KEY, "TIMESTAMP": "1767225600"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"sha256={done.stdout.split()[-1]}" == signature(KEY, "1767225600", BODY)


class Vault:
    async def read(self, key: Key) -> Mapping[str, str]:
        return {"hmac": KEY, "old": "another"}


@asynccontextmanager
async def receiver(state: Path) -> AsyncIterator[str]:
    """Run the example as a process whose database is two files."""
    settings = {
        "EXPAND": "41", "CONTRACT": "42", "KEY": KEY, "PERMIT": str(state / "permit"),
        "VERSION": f"cat {state}/version", "BACKLOG": f"cat {state}/backlog",
    }  # fmt: skip
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "docs/examples/schema_gate.py"), "0", env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert program.stdout is not None
    port = (await program.stdout.readline()).split()[1].decode()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        program.terminate()
        await program.wait()


async def ask(url: str, when: GateWhen, *, key: str = "hmac", **body: Any) -> tuple[GateVerdict, str]:
    text = json.dumps({"when": when, "revision": "v2", "phase": "Progressing", **body})
    call = GateCall(
        Key("shop", "checkout"), "schema", when, "id", url, text, datetime.now(UTC), 30, SecretKey(name="s", key=key)
    )
    async with gate_session() as session:
        answer = await HttpGateClient(session, SystemClock(), Vault()).ask(call)
    return answer.verdict, answer.message


async def test_the_example_receiver_keeps_the_order_of_a_database_change(tmp_path: Path) -> None:
    version, backlog, permit = (tmp_path / name for name in ("version", "backlog", "permit"))
    passed, rejected, unknown = GateVerdict.PASSED, GateVerdict.REJECTED, GateVerdict.UNKNOWN
    async with receiver(tmp_path) as url:
        assert await ask(url, GateWhen.BEFORE_START) == (
            unknown, "500: the database does not answer: CalledProcessError",
        )  # fmt: skip
        version.write_text("40")
        assert (await ask(url, GateWhen.BEFORE_START))[0] is unknown
        assert await ask(url, GateWhen.BEFORE_START, key="old") == (unknown, "401: not signed by us")
        version.write_text("41")
        backlog.write_text("7")
        assert await ask(url, GateWhen.BEFORE_START) == (passed, "migration 41 fits both versions")
        assert (await ask(url, GateWhen.DURING_STEP))[0] is passed
        assert await ask(url, GateWhen.BEFORE_PROMOTION) == (unknown, "503: 7 rows are still to be copied")
        backlog.write_text("0")
        assert (await ask(url, GateWhen.BEFORE_PROMOTION))[0] is passed
        for phase, allowed in (("Succeeded", True), ("RolledBack", False), ("RolledBack", False)):
            assert (await ask(url, GateWhen.AFTER_FINISH, phase=phase))[0] is passed
            assert permit.exists() is allowed
        version.write_text("42")
        assert (await ask(url, GateWhen.DURING_STEP))[0] is rejected
