"""Lint rules of a schedule whose fields are each well-formed: small named rules on the plain document.

They run on the document, not on the model, so that they are reported with every other problem and point at the very
line. Malformed values are the models' business: a rule passes over them. Used by ``check.py``.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeGuard

from pydantic import ValidationError

from ingress_canary.api.model import FieldFault
from ingress_canary.api.schedule import AnalysisSettings, HeaderRoute, Require
from ingress_canary.api.slo import Slo
from ingress_canary.api.units import parse_duration
from ingress_canary.domain.metrics.kinds.registry import SLI_KINDS
from ingress_canary.domain.traffic.router.nginx.value_rules import cookie_faults, header_faults
from ingress_canary.lint.findings import LintProblem, Path

Json = Mapping[str, Any]
LintRule = Callable[[Json], Iterator[LintProblem]]
MIN_REQUESTS: int = Slo.model_fields["min_requests"].default
EXCLUDED: list[str] = AnalysisSettings.model_fields["exclude_statuses"].default


def weights_never_fall(schedule: Json) -> Iterator[LintProblem]:
    """No step begins below where the one before it ended."""
    before = 0.0
    for number, step in _mappings(schedule, "steps"):
        ramp = step.get("ramp")
        member, first = (
            (("ramp", "from"), ramp.get("from")) if isinstance(ramp, dict) else (("weight",), step.get("weight"))
        )
        last = ramp.get("to") if isinstance(ramp, dict) else first
        if not _is_weight(first) or not _is_weight(last):
            continue
        if first < before:
            remedy = f"weights never fall: raise it to {before:g} or more, or put the step earlier"
            yield LintProblem(("steps", number, *member), f"the weight falls from {before:g} to {first:g}", remedy)
        before = last


def slos_have_names_of_their_own(schedule: Json) -> Iterator[LintProblem]:
    """Verdicts are identified by the SLO's name."""
    yield from _doubled(schedule, "slos", "SLOs")


def notifications_have_names_of_their_own(schedule: Json) -> Iterator[LintProblem]:
    """A message that cannot be sent is reported under its notification's name."""
    yield from _doubled(schedule, "notifications", "notifications")


def differences_are_strings(schedule: Json) -> Iterator[LintProblem]:
    """The API server takes ``0.1pp``; a bare number would be ambiguous by a factor of 100."""
    members: list[tuple[Path, Json]] = [(("slos", number), slo) for number, slo in _mappings(schedule, "slos")]
    members.append((("analysis", "baseline"), _mapping(_mapping(schedule, "analysis"), "baseline")))
    for path, member in members:
        if _is_number(delta := member.get("minDelta")):
            remedy = "write percentage points such as 0.1pp"
            yield LintProblem((*path, "minDelta"), f"must be percentage points; got {delta:g}", remedy)


def routes_are_accepted(schedule: Json) -> Iterator[LintProblem]:
    """Routes hold only what ingress-nginx takes as it is written (rule 11)."""
    routes: list[tuple[Path, Json]] = [(("routing",), _mapping(schedule, "routing"))]
    routes += [(("steps", number), step) for number, step in _mappings(schedule, "steps")]
    for path, route in routes:
        for fault in _faults(route):
            yield LintProblem((*path, *fault.field.split(".")), fault.what, fault.remedy)


def steps_of_weight_0_see_requests(schedule: Json) -> Iterator[LintProblem]:
    """Nothing is proven where neither a weight nor a header or cookie sends requests to the canary."""
    routing = _mapping(schedule, "routing")
    minimums = [slo.get("minRequests", MIN_REQUESTS) for _, slo in _mappings(schedule, "slos") if _counts_requests(slo)]
    for number, step in _mappings(schedule, "steps"):
        unseen = step.get("weight") == 0 and "ramp" not in step
        if (
            not minimums
            or not unseen
            or any(route.get(name) for route in (routing, step) for name in ("header", "cookie"))
        ):
            continue
        if step.get("require", Require.PROOF) != Require.PROOF and not any(
            [step["minRequests"]] if "minRequests" in step else minimums
        ):
            continue
        remedy = "add a header or a cookie, or say require: NoFail with minRequests: 0"
        yield LintProblem(
            ("steps", number), "a step of weight 0 without a route gets no requests and never passes", remedy
        )


def steps_may_be_held(schedule: Json) -> Iterator[LintProblem]:
    """A step stays until its requirement is met, and maxHold at the most."""
    try:
        nothing = parse_duration(schedule.get("maxHold")) == timedelta(0)
    except ValueError:
        return
    if nothing:
        yield LintProblem(("maxHold",), "no step could wait for its evidence", "write a duration such as 6h")


def slis_can_count(schedule: Json) -> Iterator[LintProblem]:
    """What each kind of SLI says of its own, as that a status which is excluded counts on neither side."""
    excluded = _mapping(schedule, "analysis").get("excludeStatuses", EXCLUDED)
    known = [status for status in excluded if isinstance(status, str)] if isinstance(excluded, list) else []
    for number, slo in _mappings(schedule, "slos"):
        for member, kind in SLI_KINDS.items():
            document = _mapping(_mapping(slo, "sli"), member)
            for path, message, remedy in kind.document_faults(document, known):
                yield LintProblem(("slos", number, "sli", member, *path), message, remedy)


RULES: tuple[LintRule, ...] = (
    weights_never_fall,
    steps_of_weight_0_see_requests,
    steps_may_be_held,
    slis_can_count,
    slos_have_names_of_their_own,
    notifications_have_names_of_their_own,
    differences_are_strings,
    routes_are_accepted,
)


def _counts_requests(slo: Json) -> bool:
    """Return whether an SLO counts requests at the ingress controllers."""
    return all(SLI_KINDS[member].counts_requests for member in _mapping(slo, "sli").keys() & SLI_KINDS.keys())


def _faults(route: Json) -> Iterator[FieldFault]:
    """Yield the faults of a route that the controller would not accept."""
    if isinstance(cookie := route.get("cookie"), str):
        yield from cookie_faults(cookie)
    try:
        header = HeaderRoute.model_validate(route.get("header"))
    except ValidationError:
        return
    yield from header_faults(header)


def _doubled(schedule: Json, member: str, kind: str) -> Iterator[LintProblem]:
    seen: set[str] = set()
    for number, item in _mappings(schedule, member):
        name = item.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield LintProblem((member, number, "name"), f"two {kind} are named `{name}`", "give each its own name")
        seen.add(name)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_weight(value: object) -> TypeGuard[float]:
    return _is_number(value) and 0 <= value <= 100


def _mapping(parent: Json, name: str) -> Json:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _mappings(parent: Json, name: str) -> Iterator[tuple[int, Json]]:
    value = parent.get(name)
    for number, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield number, item
