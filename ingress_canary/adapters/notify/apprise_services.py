"""Apprise services and which are allowed: network services only, and no parameter that names a file.

The addresses are users' own, and the daemon opens them: nothing on its machine may be run, read or shown by one.
Apprise is imported by the first message: it costs a second, and is an extra. Everything here blocks;
``threads.py`` calls it. What Apprise logs may hold secrets: of it only the number of an HTTP error is repeated.
"""

import logging
import re
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING

from ingress_canary.adapters.notify.delivery_queue import Undelivered
from ingress_canary.api.notification import Severity

if TYPE_CHECKING:
    from apprise.plugins.base import NotifyBase

MISSING = (
    "the archive has no Apprise: use the image, or pip install 'ingress-canary[notifications]'"
    if getattr(sys, "frozen", False)
    else "Apprise is not installed: pip install 'ingress-canary[notifications]'"
)
LOCAL = frozenset({"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "vapid", "windows"})
"""Services of the daemon's own machine."""
FILES = frozenset({"attach", "keyfile", "pgpkey", "pgpprv", "pgppub", "subfile", "template"})
"""Parameters that name a file of the daemon's own machine."""
CONNECT_WITHIN, READ_WITHIN = 5.0, 10.0
"""Real seconds, at most, whatever an address asks for."""
LASTING = frozenset(range(400, 500)) - {408, 425, 429}
"""HTTP errors that another try will meet again."""
_ERROR = re.compile(r"\berror=(\d{3})\b")


class _Heard(logging.Handler):
    """Log handler that keeps Apprise's messages about the send in this thread, and prints none of them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.local = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the status of an HTTP error, and whether there was a connection."""
        message = record.getMessage()
        if match := _ERROR.search(message):
            self.local.why = f"it answered {match[1]}", int(match[1])
        elif "onnection" in message:
            self.local.why = "it could not be reached in time", None


_heard = _Heard()


@cache
def _silenced() -> None:
    """Keep Apprise and its HTTP library from writing to the daemon's log."""
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = [_heard if name == "apprise" else logging.NullHandler()]
    logging.getLogger("apprise").setLevel(logging.WARNING)


def service_of(url: str) -> str:
    """Return the service of an address, without secrets. Raises Undelivered when the address is refused."""
    return str(_parsed(url)["schema"])


def send(url: str, title: str, body: str, severity: Severity, *, good: bool = False) -> None:
    """Send one message. Raises Undelivered."""
    service = _opened(url)
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415 - see above

    kinds = {
        Severity.INFO: NotifyType.INFO,
        Severity.WARNING: NotifyType.WARNING,
        Severity.CRITICAL: NotifyType.FAILURE,
    }
    _heard.local.why = "it did not take the message", None
    try:
        sent = service.notify(
            body=body, title=title, notify_type=NotifyType.SUCCESS if good else kinds[severity],
            body_format=NotifyFormat.TEXT,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - plugins raise what they like, with the address in it
        raise Undelivered(f"the service's plugin failed: {type(error).__name__}", again=False) from None
    if sent:
        return
    why, code = _heard.local.why
    raise Undelivered(why, again=code not in LASTING)


def _opened(url: str) -> "NotifyBase":
    parsed = _parsed(url)
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415

    asset = AppriseAsset(
        app_id="ingress-canary", app_desc="ingress-canary", app_url="", storage_mode="memory", async_mode=False,
        secure_logging=True, http_redirects=False, pgp_autogen=False, pem_autogen=False,
    )  # fmt: skip
    service = Apprise.instantiate(parsed, asset=asset)
    if service is None:
        raise Undelivered(f"it is no address that {parsed['schema']} takes: a part is missing or wrong", again=False)
    service.socket_connect_timeout = min(service.socket_connect_timeout, CONNECT_WITHIN)
    service.socket_read_timeout = min(service.socket_read_timeout, READ_WITHIN)
    return service


def _parsed(url: str) -> dict[str, object]:
    """Return the parts of an allowed address as Apprise parses them. Raises Undelivered."""
    _silenced()
    try:
        from apprise.manager_plugins import NotificationManager  # noqa: PLC0415
        from apprise.plugins import url_to_dict  # noqa: PLC0415
    except ImportError:
        raise Undelivered(MISSING, again=False) from None
    try:
        parsed = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - any text may stand in a Secret
        raise Undelivered(f"it is no Apprise URL ({type(error).__name__})", again=False) from None
    if not parsed:
        raise Undelivered("it is no Apprise URL, such as slack://... or jsons://...", again=False)
    schema = str(parsed["schema"])
    plugin = NotificationManager()[schema]  # type: ignore[no-untyped-call]
    if names_of(plugin) & LOCAL or not plugin.__module__.startswith("apprise.plugins."):
        raise Undelivered(f"{schema} is a service of the daemon's own machine, which is refused", again=False)
    named = {key.lstrip("+-: ").lower() for key in parsed.get("qsd") or {}} & FILES
    if named:
        raise Undelivered(f"the parameter {min(named)} may name a file, which is refused", again=False)
    return dict(parsed)


def names_of(plugin: type) -> frozenset[str]:
    """Return the schemes of a service."""
    protocols = (getattr(plugin, "protocol", None), getattr(plugin, "secure_protocol", None))
    return frozenset(name for names in protocols for name in ((names,) if isinstance(names, str) else names or ()))
