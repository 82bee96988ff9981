"""Kubernetes' API server of custom resources on loopback, with etcd behind it and nothing else, for ``make real``."""

import json
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

READY_WITHIN = 60.0
STOP_WITHIN = 15.0


@contextmanager
def api_server(binary: Path, room: Path) -> Iterator[Path]:
    """Run both below a folder, and yield the kubeconfig of the API server."""
    storage, peers, port = _free_port(), _free_port(), _free_port()
    etcd = f"http://127.0.0.1:{storage}"
    with ExitStack() as running:
        running.enter_context(
            _process(
                room / "etcd.log",
                ["etcd", f"--data-dir={room}/etcd", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
                 f"--listen-peer-urls=http://127.0.0.1:{peers}",
                 f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
                 f"--initial-cluster=default=http://127.0.0.1:{peers}", "--logger=zap"],
            )
        )  # fmt: skip
        _until_answered(f"{etcd}/health", room / "etcd.log")
        words = [str(binary), f"--port={port}", f"--etcd={etcd}", f"--certificates={room}/certificates"]
        running.enter_context(_process(room / "apiserver.log", words))
        _until_answered(f"https://127.0.0.1:{port}/readyz", room / "apiserver.log")
        kubeconfig = room / "kubeconfig"
        kubeconfig.write_text(
            json.dumps(_kubeconfig(f"https://127.0.0.1:{port}", f"{room}/certificates/apiserver.crt"))
        )
        yield kubeconfig


def _kubeconfig(url: str, certificate: str) -> object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "real", "cluster": {"server": url, "certificate-authority": certificate}}],
        "users": [{"name": "real", "user": {"token": "anyone"}}],
        "contexts": [{"name": "real", "context": {"cluster": "real", "user": "real", "namespace": "default"}}],
        "current-context": "real",
    }


@contextmanager
def _process(log: Path, words: Sequence[str]) -> Iterator[None]:
    """Run a program in a session of its own: Ctrl-C is for who started it, who then ends it."""
    with log.open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_answered(url: str, log: Path) -> None:
    """Wait until a server says that it is well. Raises TimeoutError with the end of its log."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5, context=anyone):  # noqa: S310 - an address of ours
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer:\n" + "\n".join(log.read_text().splitlines()[-20:]))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
