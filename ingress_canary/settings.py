"""Settings of the daemon: the only reader of flags, the environment and the settings file.

Precedence: flag, then environment (``INGRESS_CANARY_*``), then file, then default. Variables with the prefix that name
no setting are passed over: Kubernetes gives every pod some for a Service called ``ingress-canary``.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from ingress_canary.api.units import Duration, format_duration
from ingress_canary.domain.objects.revision import RESTART_ANNOTATIONS
from ingress_canary.lint.findings import did_you_mean

PREFIX = "INGRESS_CANARY_"
RENAMED: Mapping[str, str] = MappingProxyType({"namespace": "exported_namespace", "service": "exported_service"})
"""What the usual ServiceMonitor, without honorLabels, makes of two of the controllers' labels."""
_ADDRESS = re.compile(r"https?://[^\s/?#@]+[^\s?#@]*")
_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*=[^\r\n]*")
_MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=|!=|=~|!~)\s*"(?:[^"\\\n]|\\.)*"'
_MATCHERS = re.compile(rf"\s*{_MATCHER}(?:\s*,\s*{_MATCHER})*\s*")


class SettingsError(Exception):
    """The settings cannot be used; the message names each one with its source and remedy."""


class Settings(BaseSettings):
    """All settings. Durations are strings such as ``10s``; lists are separated by commas."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True, enable_decoding=False
    )

    kubeconfig: Path | None = None
    """Kubeconfig to use; unless set, KUBECONFIG's, in a pod its service account, else ~/.kube/config."""
    context: str | None = None
    """Context of the kubeconfig; the current one unless set."""
    namespace: str = "ingress-canary"
    """The daemon's own namespace, where shared schedules live."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to serve; all when empty."""
    schedule_namespaces: tuple[str, ...] = ()
    """Further namespaces whose schedules may be used."""
    inline_schedules: bool = True
    """Whether rollouts may bring a schedule of their own."""
    notifications: Path | None = None
    """File with notifications of every rollout, as in a schedule; their Secrets are in the daemon's own namespace."""
    accept_unchecked: bool = False
    """Begin although rights are missing to check some preflight rules."""
    controllers: tuple[str, ...] = ()
    """Further values of an IngressClass's spec.controller that behave like ingress-nginx."""
    controller_config: Annotated[str, Field(pattern=r"^([^/\s]+/[^/\s]+)?$")] = "ingress-nginx/ingress-nginx-controller"
    """The controllers' own ConfigMap, as namespace/name, for the preflight rules that read it; empty for none."""
    annotation_prefix: str = "nginx.ingress.kubernetes.io"
    """Prefix of the controller's annotations."""
    restart_annotations: tuple[str, ...] = RESTART_ANNOTATIONS
    """Annotations of a pod template that restart its pods and make no other version of it."""
    interval: Annotated[Duration, Field(ge=timedelta(seconds=2), le=timedelta(seconds=60))] = timedelta(seconds=10)
    """Time between two evaluations, one tick for all rollouts."""
    warm_up: Annotated[Duration, Field(le=timedelta(hours=1))] = timedelta(minutes=2)
    """How long stable is observed before a canary gets traffic, to learn how its errors vary; history counts."""
    source: Literal["controllers", "prometheus"] = "controllers"
    """Where evidence comes from: the controllers' own metrics pages, or a Prometheus that scrapes them."""
    scrape_selector: str = "app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller"
    """Labels of the ingress controller's pods."""
    scrape_namespace: str | None = "ingress-nginx"
    """Namespace of the ingress controller's pods; empty for all."""
    scrape_port: str = "metrics"
    """Name or number of the port that serves the controller's metrics."""
    scrape_urls: tuple[str, ...] = ()
    """Metrics pages to read instead of discovering pods."""
    scrape_timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=60))] = timedelta(seconds=5)
    """Real time that one request of a metrics page may take; never more than four fifths of the interval."""
    prometheus_url: str | None = None
    """Address of Prometheus, Thanos, Mimir or VictoriaMetrics, with its prefix, up to and without /api/v1."""
    prometheus_scrape_interval: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=2))] = (
        timedelta(seconds=30)
    )
    """Real time between two scrapes of the controllers by Prometheus."""
    prometheus_timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=60))] = timedelta(seconds=5)
    """Real time that all queries of a tick may take; never more than four fifths of the interval."""
    prometheus_labels: tuple[str, ...] = tuple(f"{name}={label}" for name, label in RENAMED.items())
    """Labels under another name than the controller gives them, as name=label; empty with honorLabels."""
    prometheus_matchers: str = ""
    """Matchers of the built-in SLIs' queries, as in PromQL: cluster="eu-1",job="nginx"; users' own bring theirs."""
    prometheus_replica_labels: tuple[str, ...] = ("prometheus_replica",)
    """Labels by which alone the replicas of one scrape differ; of users' own counters one replica counts."""
    prometheus_headers: tuple[str, ...] = ()
    """Headers of every query, as Name=value, such as X-Scope-OrgID=team-a for a tenant; secrets go into files."""
    prometheus_token_file: Path | None = None
    """File with the bearer token; read at each tick."""
    prometheus_user: str | None = None
    """User of basic authentication."""
    prometheus_password_file: Path | None = None
    """File with that user's password; read at each tick."""
    prometheus_ca_file: Path | None = None
    """Certificates of Prometheus's authorities, in PEM; the system's unless set. A file that changes is read again."""
    request_timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=60))] = timedelta(seconds=12)
    """Real time that one request to the API server may take; an admission webhook alone may take 10s by default."""
    leader_election: bool = True
    """Whether several replicas may run: one of them holds a Lease and writes, the others follow."""
    lease_name: str = "ingress-canary"
    """Name of the Lease in the daemon's own namespace; daemons that serve different rollouts need different ones."""
    lease_duration: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(seconds=60))] = timedelta(
        seconds=10
    )
    """Real time after which another replica takes over from a leader that no longer renews the Lease."""
    identity: str | None = None
    """Name of this replica in the Lease; the host's name with a random part unless set."""
    listen: Annotated[str, Field(pattern=r"^\S*:\d{1,5}$")] = "0.0.0.0:8080"
    """Address of /metrics, /healthz and /readyz."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is written."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """Lines for machines or for people; auto chooses by the terminal."""
    clock_scale: Annotated[float, Field(ge=1, le=1000)] = 1
    """For the lab only: how many times faster schedules and evaluation run than real time."""
    clock_epoch: datetime | None = None
    """For the lab only: the real instant at which the faster clock agreed with the real one."""

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        lists = {name for name, field in cls.model_fields.items() if get_origin(field.annotation) is tuple}
        split = {key: _parts(value) for key, value in values.items() if key in lists and isinstance(value, str)}
        empty = {"scrape_namespace": None} if values.get("scrape_namespace") == "" else {}
        return {**values, **split, **empty}

    @field_validator("prometheus_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None or _ADDRESS.fullmatch(value):
            return value
        raise ValueError("is no address; write http:// or https://, host and port, without user, query and fragment")

    @field_validator("prometheus_labels", "prometheus_headers")
    @classmethod
    def _pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [pair for pair in value if not _PAIR.fullmatch(pair)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no pair; write name=value")
        return value

    @field_validator("prometheus_matchers")
    @classmethod
    def _matchers(cls, value: str) -> str:
        if value and not _MATCHERS.fullmatch(value):
            raise ValueError(f'{value} are no matchers of PromQL; write them like cluster="eu-1",job=~"a|b"')
        return value

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """Return the sources in order: flags, environment, file."""
        assert isinstance(init_settings, InitSettingsSource)
        flags = dict(init_settings.init_kwargs)
        document = flags.pop("file_values", {})
        return InitSettingsSource(settings_cls, flags), env_settings, InitSettingsSource(settings_cls, document)


def _parts(text: str) -> Any:
    """Return the parts of a list in one text: separated by commas, or written as JSON."""
    if not text.lstrip().startswith("["):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return tuple(json.loads(text))
    except (ValueError, RecursionError):
        return text


def load(flags: dict[str, Any], file: Path | None) -> Settings:
    """Return the resolved settings. Raises SettingsError with every problem at once."""
    document = _document(file) if file is not None else {}
    try:
        settings = Settings(**flags, file_values=document)  # type: ignore[call-arg]
    except ValidationError as error:
        problems = [
            f"{_where(detail['loc'], flags, document, file)}: {_explained(detail)}"
            for detail in error.errors(include_url=False)
        ]
        raise SettingsError("\n".join(problems)) from None
    if settings.source == "prometheus" and settings.prometheus_url is None:
        where = _where(("source",), flags, document, file)
        raise SettingsError(f"{where}: prometheus needs an address; set prometheus_url")
    return settings


def bounds(name: str) -> str:
    """Return the bounds of a setting, as ``2s to 1m``; empty when it has none."""
    limits: dict[str, Any] = {}
    for bound in Settings.model_fields[name].metadata:
        limits |= {kind: getattr(bound, kind) for kind in ("ge", "gt", "le") if hasattr(bound, kind)}
    if "le" not in limits:
        return ""
    low = f"above {_shown(limits['gt'])}" if "gt" in limits else _shown(limits.get("ge", timedelta(0)))
    return f"{low} to {_shown(limits['le'])}"


_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "bool": "write true or false",
        "float": "write a number",
        "path": "write a path",
        "string": "write text, in quotes where it looks like a number",
        "tuple": "write a list, or several separated by commas",
        "datetime": "write an instant such as 2026-01-01T00:00:00Z",
    }
)
"""By the first word of pydantic's name for what went wrong."""


def _explained(detail: ErrorDetails) -> str:
    """Return one problem in words that need no knowledge of the program."""
    name, kind, value = str(detail["loc"][0]), detail["type"], _shown(detail["input"])
    if kind == "extra_forbidden":
        return f"no such setting; {did_you_mean(name, Settings.model_fields)}"
    span = Settings.model_fields[name].annotation is timedelta
    if kind in ("greater_than", "greater_than_equal"):
        return f"{value} is too {'short' if span else 'small'}: {bounds(name)}"
    if kind == "less_than_equal":
        return f"{value} is too {'long' if span else 'large'}: {bounds(name)}"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "literal_error":
        return f"{value} is none of {', '.join(get_args(Settings.model_fields[name].annotation))}"
    if kind == "string_pattern_mismatch":
        return f"{value} is not of its form; write one such as {Settings.model_fields[name].default}"
    return f"{value} is not what it takes; {_REMEDIES[kind.partition('_')[0]]}"


def _shown(value: object) -> str:
    return format_duration(value) if isinstance(value, timedelta) else str(value)


def _document(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(unread(file, error)) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(f"{file}: must hold a mapping of settings, such as `interval: 10s`")
    return {str(key).replace("-", "_"): value for key, value in document.items()}


def unread(file: Path, error: Exception) -> str:
    """Return why a file cannot be read, without repeating its name."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    return f"{file}: cannot be read: {why}"


def _where(loc: tuple[int | str, ...], flags: dict[str, Any], document: dict[str, Any], file: Path | None) -> str:
    """Return the setting's name as its source spells it: flag, environment variable or file entry."""
    name = str(loc[0])
    if name in flags:
        return f"--{name.replace('_', '-')}"
    variable = f"{PREFIX}{name.upper()}"
    if variable not in os.environ and name in document and file is not None:
        return f"{file}: {name}"
    return variable
