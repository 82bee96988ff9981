"""Errors of the Kubernetes API translated into those of ``ports``: the only place that does so.

Only the API's own ``Status`` object is believed to speak of an object. A 404 page of a proxy says nothing about the
Ingress that was asked for, so everything else that is no usable answer is Unavailable.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from pydantic_core import from_json

from ingress_canary.adapters.kube.client.shallow import shallow
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.ports import ClusterError, Conflict, Missing, Refused, Unavailable

TOO_DEEP = "recursion limit exceeded"
"""In the parser's words."""
ON_THE_WAY = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
"""What HTTP may raise before there is an answer, time-outs (OSError) and malformed addresses (ValueError) included."""


class Expired(Unavailable):
    """The resourceVersion or the continue token is too old (410): list again."""


class NotServed(Unavailable):
    """The API server does not know the resource at all: its CRD is not installed."""


class Denied(Refused):
    """RBAC does not allow it (403)."""


class Garbled(Unavailable):
    """The answer does not come from the API server: HTML, no JSON, or JSON of another shape."""


class Silent(Unavailable):
    """A watch without messages for too long: dead, idle, or from a version that the API server has not reached."""


_WITHOUT_TLS = re.compile(r" ssl:(?:\w+|<[^>]*>)(?= \[)")
"""What aiohttp says of TLS wherever it cannot connect, be the address http or https."""
_NOT_SERVED = b"404 page not found"
"""What Go's mux answers for a path that nobody serves; also some proxies' words, hence Unavailable."""

_BY_STATUS: Mapping[int, type[ClusterError]] = {
    # The token may have run out: it is loaded again before the next request.
    401: Unavailable,
    403: Denied,
    404: Missing,
    408: Unavailable,
    409: Conflict,
    410: Expired,
    425: Unavailable,
    429: Unavailable,
}


def kind_of(status: int) -> type[ClusterError]:
    """Return the error of an HTTP status from the API server itself; total over all integers."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Refused if 400 <= status < 500 else Unavailable


def from_answer(status: int, body: bytes, what: str) -> ClusterError:
    """Return the error of an answer outside 2xx. ``what`` names verb, resource and object."""
    status_object = _status_object(body)
    if status_object is not None:
        return kind_of(status)(
            f"{what}: {status_object.get('message') or status_object.get('reason') or f'HTTP {status}'}"
        )
    if status == 404 and body.strip() == _NOT_SERVED:
        return NotServed(f"{what}: the API server does not serve this resource")
    kind = Unavailable if status >= 500 or status == 401 else Garbled
    return kind(f"{what}: HTTP {status} without a Status object: {_snippet(body)}")


def from_event(status: object, what: str) -> ClusterError:
    """Return the error that an ERROR event inside a watch carries."""
    status_object: Mapping[str, Any] = status if isinstance(status, dict) else {}
    code = status_object.get("code")
    message = f"{what}: {status_object.get('message') or 'an ERROR event without a message'}"
    return kind_of(code)(message) if isinstance(code, int) else Garbled(message)


def from_exception(error: Exception, what: str) -> ClusterError:
    """Return the error of a transport exception: refused, reset, time-out, TLS, credentials, a truncated body."""
    if isinstance(error, ClusterError):
        return error
    if isinstance(error, TimeoutError):
        return Unavailable(f"{what}: no answer in time")
    return Unavailable(f"{what}: {type(error).__name__}: {_WITHOUT_TLS.sub('', str(error))}")


def parse(body: bytes, what: str) -> Json:
    """Return the JSON object of a 2xx answer, without what is nested too deep to be read.

    Raises Garbled for everything else, NaN and Infinity included.
    """
    try:
        try:
            document = _decoded(body)
        except ValueError as error:
            if TOO_DEEP not in str(error):
                raise
            document = _decoded(shallow(body))
    except ValueError:
        raise Garbled(f"{what}: the answer is not JSON: {_snippet(body)}") from None
    if not isinstance(document, dict):
        raise Garbled(f"{what}: the answer is no JSON object: {_snippet(body)}")
    return document


def check_finite(body: Json, what: str) -> None:
    """Raise Refused when ``body`` cannot be sent as JSON, above all for NaN and Infinity."""
    try:
        json.dumps(body, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise Refused(f"{what}: not sent, {error}") from None


def _decoded(body: bytes) -> Any:
    # names and words that many objects share are kept once
    return from_json(body, allow_inf_nan=False, cache_strings="all")


def _status_object(body: bytes) -> Json | None:
    try:
        document = from_json(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("kind") == "Status" else None


def _snippet(body: bytes) -> str:
    return repr(body[:80].decode("utf-8", "replace"))
