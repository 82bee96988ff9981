"""TLS contexts that follow their files: a certificate that was replaced on disk holds from the next connection on.

Used for the API server (``kube/client/connect.py``) and for Prometheus (``sources.py``). Mounted ConfigMaps and Secrets
change while the daemon runs: an authority is rotated, and one that is read once is believed until a restart.
"""

import ssl
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """What a TLS context is made of."""

    ca_file: str | Path | None = None
    """Authorities that are believed; None and no ``ca_data``: the system's."""
    ca_data: str | bytes | None = None
    cert_file: str | Path | None = None
    """What the client shows, and its key."""
    key_file: str | Path | None = None
    verify: bool = True
    strict: bool = True
    """Whether certificates must obey RFC 5280 in all."""

    def context(self) -> ssl.SSLContext:
        """Return a new context. Raises OSError (ssl.SSLError included)."""
        context = ssl.create_default_context(cafile=self.ca_file, cadata=self.ca_data)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, keyfile=self.key_file)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if not self.strict:
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def stamp(self) -> tuple[object, ...]:
        """Return what differs once the options or one of the files have changed."""
        return *astuple(self), *(_version(file) for file in (self.ca_file, self.cert_file, self.key_file))


class TlsContext:
    """The TLS context for what the options and their files are now. Connections that are open keep theirs."""

    def __init__(self, options: Callable[[], TlsOptions]) -> None:
        """``options`` are asked for each time. Raises OSError (ssl.SSLError included) when they cannot be used."""
        self._options = options
        self._made_of = options().stamp()
        self._context = options().context()

    def current(self) -> ssl.SSLContext:
        """Return the context; the last one that could be made where a file is missing or half written now."""
        options = self._options()
        # looked at before it is read: a change in between is seen next time
        stamp = options.stamp()
        if stamp != self._made_of:
            self._made_of = stamp
            try:
                self._context = options.context()
            except (OSError, ValueError) as error:
                import structlog  # noqa: PLC0415 - commands that only read do without

                structlog.get_logger(__name__).warning(
                    "changed certificates cannot be used, the former ones stay", error=str(error)
                )
        return self._context


def _version(file: str | Path | None) -> tuple[int, ...] | None:
    """Return what changes when a file is written or replaced; None without one."""
    if file is None:
        return None
    try:
        status = Path(file).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
