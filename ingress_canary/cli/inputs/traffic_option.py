"""Option ``--traffic`` of ``simulate``: the name of a traffic profile, and sizes of it: ``cold-start:share=20%``."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import typer

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import format_percent, format_seconds
from ingress_canary.cli.inputs.amounts import number, ratio, seconds
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.schedule.steps import StepList
from ingress_canary.whatif.expected_traffic import BadKind
from ingress_canary.whatif.traffic_profiles.profile import Size, SizeForm, TrafficProfile
from ingress_canary.whatif.traffic_profiles.registry import PROFILES

LIST = "list"
"""Asks what there is."""


def traffic_profile(text: str) -> TrafficProfile:
    """Return the profile that an option names; ``list`` prints what there is, and exits."""
    if text == LIST:
        print("\n".join(listing()))
        raise typer.Exit
    name, _, given = text.partition(":")
    kind = PROFILES.get(name)
    if kind is None:
        raise typer.BadParameter(
            f"there is no profile {name!r}; there are {', '.join(PROFILES)}, and {LIST} shows them"
        )
    values: dict[str, Any] = {}
    for part in given.split(",") if given else ():
        field, value = _size(kind, part)
        if field in values:
            raise typer.BadParameter(f"{name}: {_spelled(field)} is given twice; give it once")
        values[field] = value
    try:
        return kind(**values)
    except ValueError as error:
        raise typer.BadParameter(f"{name}: {error}") from None


def listing() -> Iterator[str]:
    """Yield a line for each profile, and one with its sizes."""
    for name, kind in PROFILES.items():
        yield f"{name:<24}{kind.line()}"
        yield f"{'':<24}{option(kind())}"


def option(profile: TrafficProfile) -> str:
    """Return the option's text that gives a profile with all its sizes."""
    return f"{profile.name}:{','.join(f'{name}={value}' for name, value in sizes(profile).items())}"


def sizes(profile: TrafficProfile) -> Mapping[str, str]:
    """Return the sizes of a profile as they are written on the command line."""
    return {_spelled(field): _text(getattr(profile, field), size) for field, size in profile.sizes().items()}


def idle(profile: TrafficProfile, spec: ScheduleSpec, warm_up: float) -> str | None:
    """Return why a profile would change nothing that is judged, and what to do; None where it does."""
    slis = SliSet.of(spec.slos, spec.analysis)
    if profile.kind is BadKind.SLOW and not slis.slow:
        return "it makes requests slow, which no SLO judges; give the schedule a latency SLO"
    if profile.kind is BadKind.ERRORS and len(slis.slow) == len(slis.counted):
        return "it makes requests fail, which no SLO judges; give the schedule an SLO of requests"
    if profile.by_route and not any(step.exposure.forced for step in StepList.of(spec).steps):
        return "no step has a header or a cookie that leads staff to the canary; give spec.routing one"
    if profile.in_warm_up and not warm_up:
        return "there is no warm-up; give --warm-up more than 0s"
    return None


def _size(kind: type[TrafficProfile], part: str) -> tuple[str, Any]:
    """Return the field and value of one size."""
    name, equals, text = part.partition("=")
    sizes = {_spelled(field): (field, size) for field, size in kind.sizes().items()}
    if name not in sizes or not equals:
        raise typer.BadParameter(f"{kind.name}: {part!r} is none of its sizes; say {option(kind())}")
    field, size = sizes[name]
    try:
        return field, _value(text, size)
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{kind.name}: {name}: {error.message}") from None


def _value(text: str, size: Size | type[StrEnum]) -> Any:
    if not isinstance(size, Size):
        if text in list(size):
            return size(text)
        raise typer.BadParameter(f"one of {', '.join(size)} is wanted; got {text!r}")
    match size.form:
        case SizeForm.SHARE:
            return ratio(text)
        case SizeForm.NUMBER:
            return number(size.least, size.most)(text)
        case SizeForm.SPAN:
            span = seconds(text)
            if not size.least <= span <= size.most:
                bounds = f"{format_seconds(size.least)} to {format_seconds(size.most)}"
                raise typer.BadParameter(f"a duration from {bounds} is wanted; got {text!r}")
            return span


def _text(value: Any, size: Size | type[StrEnum]) -> str:
    if not isinstance(size, Size):
        return str(value)
    match size.form:
        case SizeForm.SHARE:
            return format_percent(value)
        case SizeForm.NUMBER:
            return f"{value:g}"
        case SizeForm.SPAN:
            return format_seconds(value)


def _spelled(field: str) -> str:
    return field.replace("_", "-")
