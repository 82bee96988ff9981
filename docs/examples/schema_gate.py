"""A gate that guards a database change (docs/howto/guard-a-database-change.md): standard library only, one file.

It answers what two commands print: which migration is applied (``VERSION``), and how many rows are still to be copied
(``BACKLOG``). The revision's needs and the place of the permit to contract are settings too.
"""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

EXPAND, CONTRACT = int(os.environ["EXPAND"]), int(os.environ["CONTRACT"])
PERMIT = Path(os.environ["PERMIT"])
KEY = os.environ["KEY"].encode()


def number(command: str) -> int:
    """Return what a command prints."""
    done = subprocess.run(os.environ[command], shell=True, check=True, capture_output=True, timeout=5)  # noqa: S602 - ours
    return int(done.stdout)


def answer(asked: dict) -> tuple[int, str]:
    """Return the status code and the words for a question; asking twice changes nothing."""
    if asked["when"] == "afterFinish":
        # the old version is gone for good only when stable is the new one
        if asked["phase"] == "Succeeded":
            PERMIT.write_text(asked["revision"])
        else:
            PERMIT.unlink(missing_ok=True)
        return 200, f"contract {'allowed' if PERMIT.exists() else 'not allowed'}"
    version = number("VERSION")
    if version >= CONTRACT:
        return 409, f"migration {version} has taken away what stable needs"
    if version < EXPAND:
        return 503, f"migration {EXPAND} is not applied yet, {version} is"
    if asked["when"] == "beforePromotion" and (left := number("BACKLOG")):
        return 503, f"{left} rows are still to be copied"
    return 200, f"migration {version} fits both versions"


class Gate(BaseHTTPRequestHandler):
    """Answers POSTs that carry a good signature."""

    def do_POST(self) -> None:
        """Answer one question."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        timestamp = self.headers["X-Ingress-Canary-Timestamp"] or "0"
        made = hmac.new(KEY, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        said = self.headers["X-Ingress-Canary-Signature"] or ""
        fresh = abs(time.time() - int(timestamp)) <= 300  # noqa: TID251 - a receiver's own clock
        if fresh and hmac.compare_digest(said, f"sha256={made}"):
            try:
                code, message = answer(json.loads(body))
            except (subprocess.SubprocessError, ValueError) as error:
                code, message = 500, f"the database does not answer: {type(error).__name__}"
        else:
            code, message = 401, "not signed by us"
        told = json.dumps({"message": message}).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", int(sys.argv[1])), Gate)
    print(f"port {server.server_address[1]}", flush=True)  # noqa: T201 - a program
    server.serve_forever()
