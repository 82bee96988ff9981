"""Label and field selectors, as lists, watches and deletions of collections take them."""

import re
from collections.abc import Callable, Collection, Mapping

from ingress_canary.lab.kubeapi.errors import Json, bad_request

Selector = Callable[[Json], bool]
_Labels = Mapping[str, str]

_FIELDS = ("metadata.name", "metadata.namespace")
_COMMA = re.compile(r",(?![^(]*\))")
_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*([^\s!=]+)\s*(==|=|!=)\s*([^\s=]*)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s!=()]+)\s*$")


def everything(_: Json) -> bool:
    """Select every object."""
    return True


def parse(labels: str, fields: str, selectable: Collection[str] = ()) -> Selector:
    """Return what selects objects by both selectors; ``selectable`` are fields in addition to name and namespace.

    Raises ApiError (400) for a selector that cannot be read, or names another field.
    """
    if not labels and not fields:
        return everything
    wanted = [_label(part) for part in _COMMA.split(labels) if part.strip()]
    paths = [_field(part, {*_FIELDS, *selectable}) for part in fields.split(",") if part.strip()]

    def selected(body: Json) -> bool:
        labels = body["metadata"].get("labels") or {}
        return all(fits(labels) for fits in wanted) and all(fits(body) for fits in paths)

    return selected


def _label(part: str) -> Callable[[_Labels], bool]:
    if match := _SET.match(part):
        key, operator, listed = match[1], match[2], {value.strip() for value in match[3].split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in listed
        return lambda labels: labels.get(key) not in listed
    if match := _EQUAL.match(part):
        key, value = match[1], match[3]
        if match[2] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.match(part):
        key, wanted = match[2], not match[1]
        return lambda labels: (key in labels) == wanted
    raise bad_request(f'unable to parse requirement: found "{part}" in a label selector')


def _field(part: str, selectable: Collection[str]) -> Selector:
    match = _EQUAL.match(part)
    if not match:
        raise bad_request(f"invalid field selector: {part!r}")
    if match[1] not in selectable:
        raise bad_request(f"field label not supported: {match[1]}")
    path, equal, value = match[1].split("."), match[2] != "!=", match[3]

    def fits(body: Json) -> bool:
        found: object = body
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return (str("" if found is None else found) == value) == equal

    return fits
