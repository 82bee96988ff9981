"""``notifications test``: one marked message to each address, and what became of each, without showing any."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ingress_canary.notifications import notifications_of
from ingress_canary.settings import SettingsError

# nearly every test starts the program, and a second of that is Python's imports
pytestmark = pytest.mark.slow

TOKEN = "s3cr3t-token"
FILE = """notifications:
- {name: sre, secretRef: {name: chat, key: urls}}
- {name: pager, secretRef: {name: chat, key: pager}, severity: critical, title: "{{reason}}"}
"""
SCHEDULE = """apiVersion: ingress-canary.io/v1alpha1
kind: CanarySchedule
metadata: {name: standard, namespace: sre}
spec:
  steps: [{weight: 10, bake: 1m}]
  slos: [{name: a, objective: 99, sli: {requests: {}}}]
"""


@dataclass
class Hook:
    """A webhook in a thread: 404 at /gone, 200 elsewhere."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(404 if self.path.startswith("/gone") else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"json://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def attempt(home: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("INGRESS_CANARY_", "KUBE"))}
    done = subprocess.run(
        [sys.executable, "-m", "ingress_canary", "notifications", "test", *words],
        env={**kept, "HOME": str(home)}, input=given, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done


def test_an_address_alone_is_tried(tmp_path: Path, hook: Hook) -> None:
    done = attempt(tmp_path, "--url", "-", given=f"# mine\n{hook.url}/ok/{TOKEN}\n")
    assert (done.returncode, done.stdout) == (0, "test (address 1, json): sent\n")
    (message,) = hook.got
    assert message["title"] == "[test] [info] ingress-canary/test: StepPassed"
    assert "This is a test" in message["message"]


def test_each_address_is_reported_and_one_that_failed_fails_the_command(tmp_path: Path, hook: Hook) -> None:
    words = ("--url", f"{hook.url}/gone/{TOKEN}", "--url", f"{hook.url}/ok", "--url", f"syslog://{TOKEN}")
    done = attempt(tmp_path, *words, "-o", "json")
    assert done.returncode == 1
    found = [(one["address"], one["service"], one["sent"], one["message"]) for one in json.loads(done.stdout)]
    assert found == [
        (1, "json", False, "not sent: it answered 404"),
        (2, "json", True, "sent"),
        (3, "", False, "not sent: syslog is a service of the daemon's own machine, which is refused"),
    ]


@pytest.mark.parametrize("name", [None, "pager"])
def test_the_notifications_of_a_file_are_tried_by_an_address_of_ones_own(
    tmp_path: Path, hook: Hook, name: str | None
) -> None:
    schedule = tmp_path / "schedule.yaml"
    schedule.write_text(f"{SCHEDULE}  {FILE.replace(chr(10) + '-', chr(10) + '  -')}")
    own = tmp_path / "own.yaml"
    own.write_text(FILE)
    for file in (schedule, own):
        hook.got.clear()
        words = ("--name", name) if name else ()
        done = attempt(tmp_path, str(file), "--url", hook.url, *words)
        assert done.returncode == 0, done.stderr
        titles = [message["title"] for message in hook.got]
        assert "[test] StepPassed" in titles
        assert len(titles) == (1 if name else 2)


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((), 64, "--url"),
        (("a.yaml", "--rollout", "shop/checkout"), 64, "name one of"),
        (("absent.yaml", "--url", "json://a"), 1, "absent.yaml: cannot be read"),
        (("--rollout", "checkout", "--url", "json://a"), 1, "error: "),
        (("--url", "-"), 64, "standard input holds no address"),
        (("--name", "other", "--url", "json://a"), 1, "no notification other; there are test"),
    ],
)
def test_what_cannot_be_tried_is_reported(tmp_path: Path, words: tuple[str, ...], code: int, why: str) -> None:
    done = attempt(tmp_path, *words)
    assert done.returncode == code
    assert why in done.stderr


def test_the_daemons_own_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(FILE)
    assert [one.name for one in notifications_of(file)] == ["sre", "pager"]
    file.write_text("notifications: []")
    assert notifications_of(file) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "notifications: Field required"),
        ("notifications: [{name: a}]", "notifications[0].secretRef: Field required"),
        ("notifications: [{name: a, secretRef: {name: b, key: c}, colour: red}]", "notifications[0].colour"),
        (FILE.replace("pager,", "sre,").replace("pager}", "p}"), "two are named sre"),
        (FILE.replace("reason", "raeson"), "notifications[1].title: unknown variable {{raeson}}"),
        ("notifications: [", "cannot be read"),
    ],
)
def test_what_is_wrong_with_the_daemons_own_file_is_reported_with_its_field(
    tmp_path: Path, text: str, why: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        notifications_of(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert why in str(caught.value)


def test_a_daemon_that_could_not_send_does_not_start_with_notifications(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    file = tmp_path / "own.yaml"
    file.write_text(FILE)
    with pytest.raises(SettingsError, match=r"pip install 'ingress-canary\[notifications\]'"):
        notifications_of(file)
