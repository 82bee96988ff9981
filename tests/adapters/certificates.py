"""Certificates that nobody else has signed, made by openssl, and servers that show them."""

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

HOW = "openssl is missing: apt-get install openssl"


def certificate(folder: Path, name: str = "ca") -> tuple[Path, Path]:
    """Return a certificate of 127.0.0.1, and its key; skip the test where openssl is missing."""
    if shutil.which("openssl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW)
        pytest.skip(HOW)
    key, made = folder / f"{name}-key.pem", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(made), "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


def showing(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the TLS context of a server that shows a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
