"""Client of Prometheus's HTTP API: one query, and a message for every way in which it fails.

Used by ``source.py`` and by commands that ask for the past. The API is described at
https://prometheus.io/docs/prometheus/latest/querying/api/.
"""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise
from math import ceil, inf, isnan
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from ingress_canary.adapters.prometheus.answer_budget import AnswerBudget
from ingress_canary.adapters.prometheus.errors import AnswerTooLong, PrometheusError, QueryRefused

MAX_BYTES = 32 * 1024 * 1024
"""Length of an answer, decompressed: some 100,000 series."""
QUICKLY_DECODED = 128 * 1024
"""Bytes of an answer that are decoded in some 20 ms; of a longer one, others wait for nothing."""
SHOWN = 100
"""Characters of Prometheus's own words that are passed on at most, of their beginning and of their end each."""
AS_SCRAPED = {"dedup": "false"}
"""Query parameters against Thanos's deduplication, which merges replicas' series differently in each query."""
WHOLE_AND_FRESH = {"partial_response": "false", "deny_partial_response": "1", "nocache": "1"}
"""Thanos and VictoriaMetrics answer with partial results by default, and the latter may withhold the last half minute
unless caching is off (by its documentation); Prometheus and Mimir ignore these parameters."""
NOTES = ("PromQL info: ", "PromQL warning: ")
"""How Prometheus begins what it notes on an expression (its util/annotations), until 3.0 all of it among ``warnings``:
nothing is missing from such an answer."""
LATEST = 1e11
"""Seconds since 1970 that are a time."""


class Row(NamedTuple):
    """One series of an answer."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]
    """(seconds since 1970, value), rising in time; never empty, unless there is a fault."""
    fault: str | None = None
    """Why the samples cannot be used, though the series is known."""

    @property
    def scrapes(self) -> list[float]:
        """When a scrape showed it, rising: VictoriaMetrics shows NaN where a target has gone, and no scrape does."""
        return [at for at, value in self.samples if not isnan(value)]


@dataclass(frozen=True, slots=True)
class Access:
    """Address and credentials of Prometheus. Files are read for each query, so that they may change."""

    url: str
    """With its prefix, if it has one, such as ``/prometheus`` of Mimir."""
    headers: Mapping[str, str] = field(default_factory=dict)
    token_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None

    def sent(self) -> dict[str, str]:
        """Return the headers of a request. Raises PrometheusError when a file cannot be read."""
        headers = {"Accept": "application/json", **self.headers}
        if self.token_file is not None:
            headers["Authorization"] = f"Bearer {_secret(self.token_file)}"
        elif self.user is not None:
            password = _secret(self.password_file) if self.password_file else ""
            both = b64encode(f"{self.user}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {both}"
        return headers


def _secret(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise PrometheusError(f"the credentials in {file} cannot be read: {error}") from None


class PrometheusClient:
    """Sends queries. The caller owns the HTTP session and sets the deadline."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        access: Access,
        max_bytes: int = MAX_BYTES,
        *,
        tls: Callable[[], ssl.SSLContext | bool] = lambda: True,
    ) -> None:
        """``tls`` returns what the next query's TLS trusts."""
        self._session = session
        self._tls = tls
        self._access = access
        self._url = f"{access.url.rstrip('/')}/api/v1/query"
        self._max_bytes = max_bytes

    async def query(self, expression: str, budget: AnswerBudget | None = None, /, **more: str) -> list[Row]:
        """Return the series of a vector or a matrix; a scalar is a series without labels.

        Raises PrometheusError, also when one of the series cannot be used.
        """
        rows = await self.query_by_row(expression, budget, **more)
        faults = (row.fault for row in rows if row.fault is not None)
        if (fault := next(faults, None)) is not None:
            raise PrometheusError(fault)
        return rows

    async def query_by_row(self, expression: str, budget: AnswerBudget | None = None, /, **more: str) -> list[Row]:
        """Return the series, unusable ones with their fault included. Raises PrometheusError."""
        form = {"query": expression, **WHOLE_AND_FRESH, **more}
        try:
            async with self._session.post(
                self._url, data=form, headers=self._access.sent(), allow_redirects=False, ssl=self._tls()
            ) as response:
                body = await self._body(response, budget)
        except aiohttp.ClientConnectorCertificateError as error:
            raise PrometheusError(
                f"its certificate is not believed at {self._url}: {error.certificate_error}; set --prometheus-ca-file"
            ) from None
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            why = f"connection refused at {self._url}" if refused else f"cannot connect to {self._url}: {error}"
            raise PrometheusError(
                f"{why}; check --prometheus-url, and that network policies let this daemon reach it"
            ) from None
        except aiohttp.ClientPayloadError:
            raise PrometheusError(f"the answer of {self._url} broke off") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise PrometheusError(f"{type(error).__name__} at {self._url}: {error}") from None
        if budget is not None:
            budget.take_series(body.count(b'"metric"'))
        if len(body) <= QUICKLY_DECODED:
            return self._rows(response, body)
        return await asyncio.to_thread(self._rows, response, body)

    async def _body(self, response: aiohttp.ClientResponse, budget: AnswerBudget | None) -> bytes:
        parts, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._max_bytes:
                raise AnswerTooLong(
                    f"the answer of {self._url} is longer than {self._max_bytes >> 20} MiB; "
                    "narrow it with --prometheus-matchers, or drop labels when scraping"
                )
            if budget is not None:
                budget.take(len(chunk))
            parts.append(chunk)
        return b"".join(parts)

    def _rows(self, response: aiohttp.ClientResponse, body: bytes) -> list[Row]:
        """Return the rows of an answer. Raises PrometheusError."""
        status, is_html = response.status, response.content_type == "text/html"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise PrometheusError(
                f"answered {status} at {self._url}; check --prometheus-token-file or --prometheus-user, "
                "and the tenant among --prometheus-headers"
            )
        if status == HTTPStatus.OK and is_html:
            raise PrometheusError(f"an HTML page came instead of JSON; check --prometheus-url {self._access.url}")
        try:
            document = {} if is_html else json.loads(body)
        except (ValueError, RecursionError):
            document = {}
        if not isinstance(document, dict):
            document = {}
        if status != HTTPStatus.OK or document.get("status") == "error":
            words = _shortened(document.get("error"))
            why = f"answered {status} at {self._url}{_after_colon(words)}"
            refused = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
            raise QueryRefused(why, words) if refused and words else PrometheusError(why)
        if document.get("status") != "success":
            raise PrometheusError(f"what {self._url} answered is not of Prometheus's API; check --prometheus-url")
        lacking = _without_notes(document.get("warnings"))
        if lacking or document.get("isPartial"):
            raise PrometheusError(f"the answer of {self._url} is not whole{_after_colon(_shortened(lacking))}")
        neither = f"what {self._url} answered is neither vector, matrix nor scalar"
        try:
            return _series(document["data"], neither)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
            raise PrometheusError(neither) from None


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds: Prometheus refuses decimals before a unit, such as ``4.8s``."""
    # rounded first: 1.6 s is 1600 ms, though the nearest binary fraction may be a little more
    return f"{max(1, ceil(round(seconds * 1000, 6)))}ms"


def _without_notes(warnings: object) -> object:
    """Return the warnings of an answer that tell that some of it is missing."""
    if not isinstance(warnings, list):
        return warnings
    return [warning for warning in warnings if not str(warning).startswith(NOTES)]


def _shortened(message: object) -> str:
    """Return Prometheus's own error message, if there is any."""
    text = "; ".join(map(str, message)) if isinstance(message, list) else message if isinstance(message, str) else ""
    if len(text) > 2 * SHOWN:
        # errors are wrapped by whoever passes them on: the cause comes last
        text = f"{text[:SHOWN]} ... {text[-SHOWN:]}"
    return text


def _after_colon(text: str) -> str:
    return f": {text}" if text else ""


def _series(data: dict[str, Any], neither: str) -> list[Row]:
    """Return the rows of a result; ``neither`` is the fault of a row without valid samples.

    Raises what a shape breaks that is no result's.
    """
    kind = data["resultType"]
    if kind == "scalar":
        return [Row({}, [_sample(data["result"])])]
    if kind not in ("matrix", "vector"):
        raise ValueError(kind)
    rows = []
    for row in data["result"]:
        labels = {str(name): str(value) for name, value in row["metric"].items()}
        try:
            samples = [_sample(point) for point in (row["values"] if kind == "matrix" else [row["value"]])]
        except (KeyError, TypeError, ValueError, ArithmeticError):
            rows.append(Row(labels, (), neither))
            continue
        if any(later <= earlier for (earlier, _), (later, _) in pairwise(samples)):
            rows.append(Row(labels, (), f"samples of {labels.get('__name__', 'a series')} came out of order"))
        elif samples:
            rows.append(Row(labels, samples))
    return rows


def _sample(point: Sequence[Any]) -> tuple[float, float]:
    """Return time and value; a value beyond floats is infinite. Raises ValueError, and errors of a wrong shape."""
    at, value = point
    seconds = float(at)
    if not 0 <= seconds < LATEST:
        raise ValueError("no time")
    try:
        return seconds, float(value)
    except OverflowError:
        return seconds, inf
