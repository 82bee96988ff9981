"""Partial schedule: the valid part of a schedule that the model refuses, for the lint rules. Used by ``check.py``.

The wrong parts are taken out, or replaced by harmless ones in the same place, so that the rules on specs speak of the
rest. What depends on a wrong part goes with it: better to hear less than something untrue.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from ingress_canary.api.model import InvalidValue
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.lint.model_errors import path_of

_HARMLESS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "slos": {"objective": 99, "sli": {"requests": {}}},
        "gates": {"when": "beforeStart", "url": "http://x/"},
        "notifications": {"secretRef": {"name": "x", "key": "x"}},
    }
)
"""What takes the place of a wrong item of a list."""
_STEPS = ({"weight": 100, "bake": "1m"},)
_ROUNDS = 4
"""Some validators speak only when others have no more to say."""


def repaired(schedule: Mapping[str, Any]) -> ScheduleSpec | None:
    """Return the schedule made of the valid fields; None when too little remains."""
    whole = dict(schedule)
    for _ in range(_ROUNDS):
        try:
            return ScheduleSpec.model_validate_json(
                json.dumps(whole), strict=True, extra="forbid", by_alias=True, by_name=False
            )
        except ValidationError as refused:
            for error in refused.errors():
                _mend(whole, error["loc"], error.get("ctx", {}).get("error"))
    return None


def _mend(whole: dict[str, Any], path: tuple[str | int, ...], error: object) -> None:
    """Remove the field that an error is about from a schedule; ``error`` is the validator's own, if it is one's."""
    match path:
        case ("steps", *_):
            _without_steps(whole)
        case ("analysis", *_):
            # how long a step takes is not known
            whole.pop("analysis", None)
            whole.pop("windows", None)
        case (str(member), int(place), *inside) if member in _HARMLESS:
            whole[member] = [
                _replaced(member, place, item, inside) if number == place else item
                for number, item in enumerate(whole[member])
            ]
        case ("slos", *_):
            whole["slos"] = [_replaced("slos", 0, None, [])]
        case (str(member), *_):
            whole.pop(member, None)
        case _ if isinstance(error, InvalidValue) and path_of(error.about)[:1] == ("steps",):
            _without_steps(whole)
        case _:
            # two items of one name are distinguished by their index
            for member in _HARMLESS.keys() & whole.keys():
                whole[member] = [{**item, "name": f"x{number}"} for number, item in enumerate(whole[member])]


def _without_steps(whole: dict[str, Any]) -> None:
    """Remove the steps, the gates that name them and the windows that they must fit in."""
    whole["steps"] = list(_STEPS)
    whole.pop("gates", None)
    whole.pop("windows", None)


def _replaced(member: str, place: int, item: Any, inside: list[str | int]) -> dict[str, Any]:
    """Return a harmless item; for an SLO whose other fields are wrong, one with its own SLI."""
    harmless = {"name": f"x{place}", **_HARMLESS[member]}
    if member == "slos" and inside and inside[0] != "sli" and isinstance(item, dict) and "sli" in item:
        harmless["sli"] = item["sli"]
    return harmless
