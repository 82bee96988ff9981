"""Every field of both kinds, from the CRDs."""

import json
from collections.abc import Iterator
from typing import Any

from ingress_canary.api import API_VERSION, ROLLOUT_KIND, SCHEDULE_KIND
from ingress_canary.api.schema.crd import crd
from ingress_canary.api.units import DURATION_PATTERN
from reference.markdown import GENERATED, code, table

HEAD = f"""\
# CanaryRollout and CanarySchedule

{GENERATED}
Group and version: `{API_VERSION}`. The CRDs are in `config/crd`, and `ingress-canary crds` prints them.
Durations are strings such as `90s`, `10m` or `1h30m`. A field in bold is required. What the schema takes and this
release does not serve is refused with reason `InvalidSpec`; [limits](../limits.md) lists it.
"""
FIELDS = ("field", "type", "default", "bounds", "meaning")

Schema = dict[str, Any]


def page() -> str:
    """Return the page."""
    return HEAD + _rollout() + _schedule()


def _rollout() -> str:
    spec, status = (_member(ROLLOUT_KIND, name) for name in ("spec", "status"))
    inline = "spec.schedule.inline"
    rows = [row for row in _rows(spec, "spec") if not row[0].strip("*`").startswith((f"{inline}.", f"{inline}["))]
    text = f"\n## {ROLLOUT_KIND}\n\nShort name `icr`. `{inline}` holds what the spec of a {SCHEDULE_KIND} does.\n\n"
    text += table(FIELDS, rows)
    return f"{text}\n### Status\n\nWritten by the daemon alone.\n\n{table(FIELDS, _rows(status, 'status'))}"


def _schedule() -> str:
    return (
        f"\n## {SCHEDULE_KIND}\n\nShort name `ics`.\n\n{table(FIELDS, _rows(_member(SCHEDULE_KIND, 'spec'), 'spec'))}"
    )


def _member(kind: str, name: str) -> Schema:
    member: Schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][name]
    return member


def _rows(schema: Schema, path: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each member of an object, and beneath it for each of its own."""
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        field = f"{path}.{name}"
        shown = f"**{code(field)}**" if name in required else code(field)
        default = code(json.dumps(member["default"])) if "default" in member else ""
        yield shown, _type(member), default, _bounds(member), member.get("description", "")
        for inner, suffix in ((member, ""), (member.get("items", {}), "[]")):
            yield from _rows(inner, field + suffix)


def _type(schema: Schema) -> str:
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return " or ".join(code(word) for word in schema["enum"])
    if schema.get("pattern") == DURATION_PATTERN:
        return "duration"
    return "time" if schema.get("format") == "date-time" else str(schema["type"])


def _bounds(schema: Schema) -> str:
    if schema.get("pattern") == DURATION_PATTERN:
        return ""
    found = []
    if (low := schema.get("minimum")) is not None:
        above, below = (schema.get(f"exclusive{end}") for end in ("Minimum", "Maximum"))
        found = [f"{'above ' if above else ''}{low:g} to {'below ' if below else ''}{schema['maximum']:g}"]
    if "enum" not in schema and schema.get("format") != "date-time":
        for least, most, unit in (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "entries")):
            if most in schema:
                found.append(f"{schema.get(least, 0)} to {schema[most]} {unit}")
    if "pattern" in schema.get("items", schema):
        found.append(code(schema.get("items", schema)["pattern"]))
    return "; ".join([*found, *(one["message"] for one in schema.get("x-kubernetes-validations", ()))])
