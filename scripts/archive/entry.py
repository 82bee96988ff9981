"""First module of the archive's programs: repairs the environment that PyInstaller leaves, then runs the command line.

Nothing is imported here that ``--help`` would wait for.
"""

import os
import sys

TRUST_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep the authorities they trust: ``certFiles`` of Go's crypto/x509, root_linux.go. The OpenSSL in
the archive looks where the machine that built it keeps them."""
CHILDREN = {"--multiprocessing-fork", "-c"}
"""What Python starts its own executable with, to have a process of a pool or a tracker of resources."""


def repair_environment() -> None:
    """Give other programs (credential plugins above all) their own libraries, and us the machine's authorities."""
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    if not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys():
        found = next(filter(os.path.exists, TRUST_STORES), None)
        os.environ.update({"SSL_CERT_FILE": found} if found else {})


def become_child() -> None:
    """Do what a child of Python's own is started for, and exit; return where this is none."""
    import multiprocessing  # noqa: PLC0415

    import pyi_rth_multiprocessing  # noqa: F401, PLC0415 - PyInstaller's hook, which would cost every start

    multiprocessing.freeze_support()


if __name__ == "__main__":
    repair_environment()
    if CHILDREN & set(sys.argv):
        become_child()
    from ingress_canary.cli.main import main

    main()
