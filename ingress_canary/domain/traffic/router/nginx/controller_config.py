"""Configuration of ingress-nginx itself: its ConfigMap and the arguments of its pods. Used by ``router.py``.

Rules 9, 12, 20, 22 and 27 to 30 speak of it. What cannot be read is unknown, and found neither good nor bad.
"""

from collections.abc import Mapping, Sequence

from ingress_canary.domain.metrics.capabilities import Capabilities, Capability
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.traffic.router.nginx.annotations import LEGACY_CLASS, TRUE
from ingress_canary.domain.traffic.router.nginx.metric_families import EXPORTED, PREFIX
from ingress_canary.domain.traffic.router.nginx.own_answers import statuses_of

_REDIRECT_CODES = frozenset({"301", "302", "307"})


def facts_of(config: Mapping[str, str] | None, arguments: Sequence[str] | None) -> ControllerFacts:
    """Return the known facts. Absent flags have the defaults of v1.9 and later: all three are off."""
    known = ControllerFacts()
    if config is not None:
        known = ControllerFacts(
            annotations_risk_level=config.get("annotations-risk-level"),
            custom_http_errors=config.get("custom-http-errors"),
            service_upstream=config.get("service-upstream") in TRUE,
            own_answers=statuses_of(config.get("location-snippet", "")) | _redirects(config),
        )
    if not arguments:
        return known
    return known._replace(
        metrics=_flag(arguments, "enable-metrics"),
        # without a host among the labels all hosts are counted, and the other flag is refused at the start
        undefined_hosts=_flag(arguments, "metrics-per-undefined-host")
        or not _flag(arguments, "metrics-per-host", default=True),
        topology=_flag(arguments, "enable-topology-aware-routing"),
        legacy_class=next(reversed(_values(arguments, "ingress-class")), LEGACY_CLASS),
        without_class=_flag(arguments, "watch-ingress-without-class"),
        left_out=_left_out(arguments),
    )


def counts(primary: Ingress, stable_service: str, facts: ControllerFacts) -> bool | None:
    """Return whether the controllers count requests of the primary for a Service; None where that is not known.

    Of hosts that no rule names literally, wildcards and none at all, they count none unless they are told to.
    """
    hosts = [
        rule.host for rule in primary.rules if any(path.backend.service == stable_service for path in rule.paths or ())
    ]
    all_undefined = all(map(is_undefined, hosts))
    if facts.metrics is False or (facts.undefined_hosts is False and all_undefined):
        return False
    has_counter = facts.metrics and Capability.REQUESTS not in facts.left_out
    return True if has_counter and (facts.undefined_hosts or not all_undefined) else None


def is_undefined(host: str) -> bool:
    """Return whether requests for a host of a rule are for no host that a rule names literally."""
    return not host or host.startswith("*")


def _left_out(arguments: Sequence[str]) -> Capabilities:
    """Return what the controllers export no more: a family is named whole, with or without the prefix."""
    named = (name for value in _values(arguments, "exclude-socket-metrics") for name in value.split(","))
    families = {f"{PREFIX}{name.removeprefix(PREFIX)}" for name in named}
    return frozenset(capability for family, capability in EXPORTED.items() if family in families)


def _redirects(config: Mapping[str, str]) -> frozenset[str]:
    """Return the status of redirects to HTTPS where it is not the usual one, which schedules exclude by default."""
    code = config.get("http-redirect-code", "")
    return frozenset({code} if code in _REDIRECT_CODES else ())


def _flag(arguments: Sequence[str], name: str, *, default: bool = False) -> bool:
    """Return a flag as Go parses it: with one dash or two, alone or with ``=value``; the last one counts."""
    enabled = default
    for argument in arguments:
        key, _, value = argument.lstrip("-").partition("=")
        if key == name and argument.startswith("-"):
            enabled = not value or value in TRUE
    return enabled


def _values(arguments: Sequence[str], name: str) -> list[str]:
    """Return what a flag is set to, each time that it is: after ``=``, or as the argument that follows."""
    values = []
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=False):
        key, equals, value = argument.lstrip("-").partition("=")
        if key == name and argument.startswith("-"):
            values.append(value if equals else following)
    return values
