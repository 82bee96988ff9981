"""The worst values that the schema takes, in groups that one object can hold.

Which fields there are is read off the CRDs: a field without a worst value fails ``test_worst_values.py``.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from ingress_canary.api.promql import MOST_TOGETHER, length
from ingress_canary.api.schema.crd import crd
from ingress_canary.api.schema.structural import Schema
from ingress_canary.api.units import DURATION_PATTERN

Json = dict[str, Any]

YEAR = "8760h"
LONGEST_YEAR = f"{YEAR:0>32}"
"""As many characters as a duration has."""
WIDE = "\N{PILE OF POO}"
"""Four bytes in UTF-8, and twelve characters where it is escaped."""
NO_ZONE = "America/" + "Argentina_" * 5 + "Buenos"
"""64 characters, like the names of many zones and none of them."""
ODD_ZONE = "America/Argentina/ComodRivadavia"
HARMLESS = {"name": "availability", "objective": 99.5, "sli": {"requests": {}}}
CALM: Json = {"steps": [{"weight": 50, "bake": "10h"}], "slos": [HARMLESS]}


def name(number: int = 0, length: int = 63) -> str:
    """Return a name of the greatest length."""
    return f"{number:0>{length}}"


@dataclass(frozen=True)
class Worst:
    """One object's worst values: members of its schedule, its spec and its status, beside what is calm."""

    schedule: Json = field(default_factory=dict)
    spec: Json = field(default_factory=dict)
    status: Json = field(default_factory=dict)
    served: bool = True
    """Whether the daemon takes it: what it refuses is to be refused as cheaply."""

    def whole_spec(self, names: Json) -> Json:
        """Return a rollout's spec, with the names of its objects."""
        return {"schedule": {"inline": {**CALM, **self.schedule}}, **names, **self.spec}


# --- queries ---------------------------------------------------------------------------------------------------------


def filled(part: str, room: int = 4096, *, head: str = "", tail: str = "", between: str = "") -> str:
    """Return a text in which a part stands as often as there is room, filled up with blanks."""
    times = (room - len(head) - len(tail) + len(between)) // (len(part) + len(between))
    return (head + between.join([part] * times) + tail).ljust(room)


class Query(Protocol):
    """A family of queries: the number tells one from the others, and each is as long as there is room."""

    def __call__(self, number: int, room: int = 4096) -> str:
        """Return a query."""


def of_labels(head: str, tail: str, label: str = 'a="b"') -> Query:
    """Return a family of queries with as many matchers as there is room for."""
    return lambda number, room=4096: filled(label, room, head=f"{head}q{number}{{", tail="}" + tail, between=",")


def of_value(part: str, matches: str = "=") -> Query:
    """Return a family of queries with one long matcher."""
    return lambda number, room=4096: filled(part, room, head=f'sum(q{number}{{a{matches}"', tail='"})')


def chain(number: int, room: int = 4096) -> str:
    """Return a query of as many operators as there may be, with as many labels as there is room for."""
    labels = ",".join(["a"] * (room // LEVELS // 2 - 7))
    return (f"q{number}" + f" or on({labels}) x" * LEVELS).ljust(room)


def arguments(number: int, room: int = 4096) -> str:
    """Return a query of as many arguments as there is room for, deep inside."""
    return filled('"c"', room, head="abs(" * 20 + f'label_join(q{number},"a","b",', tail=")" * 21, between=",")


def blanks(number: int, room: int = 4096) -> str:
    """Return a query of nothing but blanks, besides its metric."""
    return f"sum(q{number}".ljust(room - 1) + ")"


LEVELS = 24
QUERIES: dict[str, Query] = {
    "matchers": of_labels("sum(", ")", 'a=~"b"'),
    "escapes": of_value(r"\\"),
    "variables": of_value("{{ingress}}"),
    "revisions": of_value("{{revision}}"),
    "sides": of_labels("sum(", ")", 's="{{service}}"'),
    "nested": of_labels("sum(" * LEVELS, ")" * LEVELS),
    "regex": of_value("(a|[^b]*)+", "=~"),
    "blanks": blanks,
    "arguments": arguments,
    "chain": chain,
    "refused": of_labels("sum(", ""),
}
"""Families of queries by what they cost."""
NO_COUNTERS = {"arguments", "chain", "refused"}


def room_for(kind: str, many: int) -> int:
    """Return how long so many queries of a kind may be."""
    made = QUERIES[kind]
    return max(room for room in range(60, 4097) if many * length(made(0, room)) <= MOST_TOGETHER)


def counters(kind: str, slos: int, room: int, part: str = "bad") -> list[Json]:
    """Return SLOs on two queries of a kind each."""
    made = QUERIES[kind]
    return [
        {"name": name(n), "objective": 99, "sli": {"prometheus": {
            part: made(2 * n, room), "total": made(2 * n + 1, room)}}}
        for n in range(slos)
    ]  # fmt: skip


def gauges(kind: str, slos: int, room: int) -> list[Json]:
    """Return SLOs on numbers."""
    return [
        {"name": name(n), "sli": {"prometheusThreshold": {
            "query": QUERIES[kind](n, room), "max": 1.7e308, "min": -1.7e308, "window": "0s", "failures": 100}}}
        for n in range(slos)
    ]  # fmt: skip


def asking() -> Iterator[tuple[str, Worst]]:
    """Yield the worst queries: few long ones, many short ones, and more than a schedule may have."""
    for kind in QUERIES:
        is_counter, is_query = kind not in NO_COUNTERS, kind != "refused"
        yield f"counters, {kind}", Worst({"slos": counters(kind, 2, room_for(kind, 4))}, served=is_counter)
        yield f"many counters, {kind}", Worst({"slos": counters(kind, 10, room_for(kind, 20))}, served=is_counter)
        yield f"gauges, {kind}", Worst({"slos": gauges(kind, 4, room_for(kind, 4))}, served=is_query)
        yield f"too many counters, {kind}", Worst({"slos": counters(kind, 10, 4096)}, served=False)
    yield "counters of good events", Worst({"slos": counters("matchers", 2, 4096, "good")})
    yield "too many bytes", Worst({"slos": [{**HARMLESS, "sli": {"prometheus": {
        "bad": of_value(WIDE)(0), "total": of_value(WIDE)(1)}}}]}, served=False)  # fmt: skip


# --- members of a schedule -------------------------------------------------------------------------------------------

HEADER = {"name": "h" * 128, "value": "v" * 128}
PATTERN = {"name": "h" * 128, "pattern": "(a|b?)+" * 18 + "$$"}


def step(number: int, **more: Any) -> Json:
    """Return a step with all that a step may have."""
    return {
        "name": name(number), "weight": number + 0.001, "bake": LONGEST_YEAR, "require": "NoFail", "header": HEADER,
        "cookie": "c" * 128, "minRequests": 1_000_000_000, **more,
        "approval": {"when": "Before", "timeout": LONGEST_YEAR, "onTimeout": "Pause"},
    }  # fmt: skip


def ramp(start: float, to: float, **more: Any) -> Json:
    """Return a ramp that takes steps of 0.001 points."""
    return {"ramp": {"from": round(start, 3), "to": round(to, 3), "bake": LONGEST_YEAR, **more}}


def allowed(number: int) -> Json:
    """Return a range that touches none of the others."""
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    at = number * 44
    return {"days": days, "from": f"{at // 60:02}:{at % 60:02}", "to": f"{(at + 40) // 60:02}:{(at + 40) % 60:02}"}


def freeze(number: int) -> Json:
    """Return a freeze of one second less than three years, apart from the others."""
    year = 2000 + number * 3
    return {"from": f"{year}-03-29T02:30:00", "to": f"{year + 2}-10-25T02:30:59", "reason": WIDE * 256}


def windows(**changes: Any) -> Json:
    """Return a calendar with all that it may have."""
    return {
        "timezone": ODD_ZONE, "allow": [allowed(n) for n in range(32)], "freezes": [freeze(n) for n in range(64)],
        "finishInWindow": True, **changes,
    }  # fmt: skip


def gate(number: int, when: str, **more: Any) -> Json:
    """Return a gate with all that it may have; nobody answers at its address."""
    url = f"http://127.0.0.1:9/{number}?"
    return {
        "name": name(number), "when": when, "url": url + "u" * (2048 - len(url)), "timeout": "60s", "backoff": "1s",
        "onReject": "Hold", "secretRef": {"name": name(0, 253), "key": "k" * 253}, **more,
    }  # fmt: skip


STATUSES = [f"{n}{m}." for n in range(1, 6) for m in range(4)][:16]
"""As many kinds of status as may be called bad."""
EXCLUDED = [f"1{n:02}" for n in range(16)]


def notification(number: int, reasons: list[str], **more: Any) -> Json:
    """Return a notification with all that it may have."""
    return {
        "name": name(number), "secretRef": {"name": name(0, 253), "key": "k" * 253}, "severity": "info",
        "reasons": reasons, "title": filled("{{rollout}}", 256), **more,
        "body": filled("{{evidence}}"),
    }  # fmt: skip


def no_reason(number: int) -> str:
    """Return a word that is like many reasons and none of them."""
    return "Preflight" + "".join(chr(97 + (number // 26**place) % 26) for place in range(3)) + "Failed" * 8 + "Weig"


SLO_NUMBERS = {
    "maxBurn": 1000, "minDelta": "0.00000000001pp", "minRequests": 1_000_000_000, "settle": "10m",
    "onFailure": "Pause",
}  # fmt: skip
DURATIONS = {"maxHold": LONGEST_YEAR, "onInconclusive": "Rollback", "onFailure": "Pause", "onNoData": "Retreat"}


def analysis(**changes: Any) -> Json:
    """Return settings of the tests at their bounds."""
    return {
        "alpha": 5e-324, "beta": 5e-324, "baseline": {"maxRatio": 100, "minDelta": "00000000000100pp"}, "settle": "10m",
        "excludeStatuses": EXCLUDED, "noDataTimeout": LONGEST_YEAR, **changes,
    }  # fmt: skip


BY_STATUS = [
    {"name": name(n), "objective": 50 + 4e-15 * n, **SLO_NUMBERS, "maxBurn": 1, "sli": {"requests": {"bad": STATUSES}}}
    for n in range(10)
]
BY_LATENCY = [
    {"name": name(n), "objective": 99.99999999999999, **SLO_NUMBERS,
     "sli": {"latency": {"threshold": f"{n + 1}ms".rjust(32, "0")}}}
    for n in range(9)
] + [{"name": "distribution", "sli": {"latencyDistribution": {}}}]  # fmt: skip


def schedules() -> Iterator[tuple[str, Worst]]:
    """Yield the worst schedules."""
    steps = [step(n) for n in range(50)]
    yield "routing", Worst({"routing": {"header": HEADER, "cookie": "c" * 128}})
    yield "pattern", Worst({"routing": {"header": PATTERN}, "steps": [step(n, header=PATTERN) for n in range(50)]})
    yield "steps", Worst({"steps": steps})
    # one ramp of as many parts as there may be, and as many ramps of as many parts as can be written
    yield "ramp", Worst({"steps": [ramp(0.001, 0.05, by=0.001)]})
    yield "factor", Worst({"steps": [ramp(0.001, 0.05, factor=1.0000000000000002)]})
    yield "ramps", Worst({"steps": [ramp(2 * n + 0.001, 2 * n + 1.999, by=5e-324) for n in range(50)]}, served=False)
    yield "ramp from 0", Worst({"steps": [ramp(0, 100, by=100)]}, served=False)
    yield "ramp to 100", Worst({"steps": [ramp(0.001, 100, factor=100)]})
    yield "weights", Worst({"steps": [step(n, weight=0 if n < 25 else 100) for n in range(50)]})
    yield "calendar", Worst({"windows": windows(), "steps": [{"weight": 50, "bake": "30m"}]})
    yield "calendar, steps", Worst({"windows": windows(freezes=[]), "steps": steps}, served=False)
    yield "no zone", Worst({"windows": windows(timezone=NO_ZONE)}, served=False)
    yield "statuses", Worst({"slos": BY_STATUS, "analysis": analysis()})
    yield "latencies", Worst({"slos": BY_LATENCY, "analysis": analysis(alpha=0.2, beta=0.5)})
    yield "burn", Worst({"slos": [{**HARMLESS, "maxBurn": 1000, "objective": 99.96}], **DURATIONS})
    whens = ("beforeStart", "beforeStep", "duringStep", "beforePromotion", "afterFinish")
    gates = [gate(n, whens[n % 5]) for n in range(16)]
    yield "gates", Worst({"gates": gates})
    yield "gates of steps", Worst({
        "gates": [gate(n, "duringStep", steps=[name(m) for m in range(50)]) for n in range(16)], "steps": steps,
    })  # fmt: skip
    yield (
        "gates of no step",
        Worst(
            {
                "gates": [gate(n, "duringStep", steps=[name(m + 50) for m in range(50)]) for n in range(16)],
                "steps": steps,
            },
            served=False,
        ),
    )
    reasons = ["SLOViolated"] * 64
    yield "notifications", Worst({"notifications": [notification(n, reasons) for n in range(16)]})
    unknown = [[no_reason(64 * n + m) for m in range(64)] for n in range(16)]
    yield (
        "unknown reasons",
        Worst({"notifications": [notification(n, words) for n, words in enumerate(unknown)]}, served=False),
    )
    yield (
        "braces",
        Worst(
            {"notifications": [notification(n, [], title="{{" * 128, body="{{x}}" * 819 + "}") for n in range(16)]},
            served=False,
        ),
    )


# --- members of a rollout --------------------------------------------------------------------------------------------


def probe() -> Json:
    """Return a probe with all that it may have; nobody answers at its address."""
    url = "http://127.0.0.1:9/?"
    return {
        "url": url + "u" * (2048 - len(url)), "host": "h" * 253, "header": "x" * 128, "timeout": "30s",
        "value": filled("{{revision}}", 256, tail="xxxx"),
    }  # fmt: skip


def specs() -> Iterator[tuple[str, Worst]]:
    """Yield the worst specs; those with other names than the shop's wait for objects that are not there."""
    yield "names", Worst(spec={
        "ingresses": [name(1, 253)], "stableService": name(1), "canaryService": name(2),
        "shadow": {"name": name(3, 253), "shareUpstream": True}, "revision": "r" * 63,
        "workload": {
            "canary": {"kind": "DaemonSet", "name": name(1, 253)},
            "stable": {"kind": "StatefulSet", "name": name(2, 253)},
        },
    })  # fmt: skip
    yield "revision", Worst(spec={"revision": "r" * 63})
    yield "shadow", Worst(spec={"shadow": {"name": name(3, 253), "shareUpstream": True}})
    yield "workloads", Worst(spec={
        "workload": {
            "canary": {"name": name(1, 253)}, "stable": {"name": name(2, 253)}, "notReadyTimeout": LONGEST_YEAR,
            "scaleCanary": {"to": 1000, "drain": LONGEST_YEAR},
        },
        "promotion": {"strategy": "CopyImages"}, "paused": True,
    })  # fmt: skip
    yield "probe", Worst(spec={"probe": probe()})
    yield "probe by a pattern", Worst({"routing": {"header": PATTERN}}, {"probe": {**probe(), "send": "s" * 128}})
    reference = {"ref": {"name": name(1, 253), "namespace": name(1)}}
    yield "reference", Worst(spec={"schedule": reference}, served=False)


# --- status ----------------------------------------------------------------------------------------------------------

AT = "2000-01-01T00:00:00.000000000000000000000000000000000000000000Z"
"""64 characters."""
NOW = "2026-03-02T10:00:00Z"
MOST = 2**63 - 1


def nested(levels: int) -> Any:
    """Return lists within lists."""
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


def history(number: int) -> Json:
    """Return an entry of the history."""
    return {
        "at": NOW, "phase": "Progressing", "reason": "R" * 64, "step": MOST, "weight": 100, "message": WIDE * 1024,
    }  # fmt: skip


BEGUN: Json = {
    "phase": "Progressing", "reason": "Baking", "revision": "initial", "weight": 50, "actualWeight": 50,
    "startedAt": NOW, "step": {"index": 1, "weight": 50, "startedAt": NOW},
    "schedule": {"hash": "x", "content": CALM},
}  # fmt: skip
"""A rollout at its first step."""
CONTENT = {
    **CALM, "steps": [step(n) for n in range(50)], "windows": windows(finishInWindow=False), "slos": BY_STATUS,
    "analysis": analysis(),
}  # fmt: skip


def statuses() -> Iterator[tuple[str, Worst]]:
    """Yield the worst statuses, as somebody with the right to write them could."""
    of = partial(Worst, {}, {})
    yield "words of a status", of({
        **BEGUN, "message": WIDE * 1024, "reason": "R" * 64, "observedGeneration": MOST, "revision": "r" * 64,
        "stableRevision": "r" * 64, "failedRevision": "f" * 64, "leader": "l" * 256, "finishing": True,
        "ownershipReleased": False, "observedShare": 1.7e308, "notReadySince": NOW, "finishedAt": NOW,
        "routing": {"header": HEADER, "cookie": "c" * 128},
        "lastAction": {"id": "i" * 128, "verb": "v" * 32, "result": WIDE * 256, "note": WIDE * 256},
        "shadow": {"name": name(0, 253), "uid": "u" * 64},
    })  # fmt: skip
    yield "routing of a status", of({**BEGUN, "routing": {"header": PATTERN}})
    yield "step of a status", of({
        **BEGUN,
        "step": {"index": MOST, "name": "n" * 63, "weight": 100, "startedAt": AT, "bakedSeconds": 1.7e308,
                 "heldSeconds": 1.7e308},
        "weight": 100, "actualWeight": 100, "startedAt": AT, "notReadySince": AT, "finishedAt": AT,
    })  # fmt: skip
    numbers = {"total": MOST, "bad": MOST}
    yield "SLOs of a status", of({**BEGUN, "slos": [
        {"name": name(n), "verdict": "inconclusive", "canary": numbers, "stable": numbers, "step": numbers,
         "logE": {"absolute": 1.7e308, "relative": 1.7e308, "passing": -1.7e308}, "message": WIDE * 1024}
        for n in range(10)
    ]})  # fmt: skip
    for part in ("1", "1e9", "[]", "{}", '""'):
        yield f"checkpoint of {part}", of({**BEGUN, "analysisState": checkpoint(part)})
    yield "checkpoint of dots", of({**BEGUN, "analysisState": "v1" + "." * 262_142})
    yield "schedule of a status", of({**BEGUN, "schedule": {
        "hash": "h" * 64, "namespace": "n" * 63,
        "content": {**CONTENT, "gates": [gate(n, "afterFinish") for n in range(16)]},
    }})  # fmt: skip
    for kind in ("matchers", "variables", "nested"):
        content = {**CONTENT, "slos": counters(kind, 10, 4096)}
        yield f"queries of a status, {kind}", of({**BEGUN, "schedule": {"hash": "h" * 64, "content": content}})
    no_schedule = {"steps": [{"x" * 9: n} for n in range(20_000)], "slos": nested(400)}
    yield "no schedule of a status", of({**BEGUN, "schedule": {"hash": "h", "content": no_schedule}}, served=False)
    yield "baseline", of({**BEGUN, "baseline": {
        "template": "t" * 64, "canary": "c" * 64, "compared": "d" * 64, "target": "e" * 64, "readyEndpoints": MOST,
    }})  # fmt: skip
    yield "pause", of({**BEGUN, "phase": "Paused", "pause": {
        "by": "Daemon", "returnsTo": "Paused", "freshEvidence": True, "untilApproved": True, "handsOff": True,
    }})  # fmt: skip
    yield "approval", of({**BEGUN, "approval": {
        "step": MOST, "askedAt": AT, "until": "9999-12-31T23:59:59Z", "overdue": True, "givenAt": AT,
    }})  # fmt: skip
    images = [{"name": name(n), "image": "i" * 1024} for n in range(500)]
    yield "images", of({**BEGUN, "phase": "Promoting", "copying": {
        "before": images, "after": images, "done": True, "undo": {"reason": "R" * 64, "message": WIDE * 1024},
    }})  # fmt: skip
    yield "replicas", of({**BEGUN, "scale": {
        "kind": "DaemonSet", "name": name(0, 253), "before": MOST, "wanted": MOST, "done": True,
    }})  # fmt: skip
    yield "gates of a status", of({**BEGUN, "gates": [
        {"name": name(n), "when": "duringStep", "step": MOST, "verdict": "rejected", "message": WIDE * 512, "at": AT,
         "attempts": MOST, "nextAt": AT, "question": "q" * 64}
        for n in range(16)
    ]})  # fmt: skip
    yield "history", of({**BEGUN, "history": [history(n) for n in range(20)]})
    yield "alerts", of({**BEGUN, "alerts": [{"reason": f"{'R' * 62}{n:02}", "at": AT} for n in range(16)]})
    yield "conditions", of({**BEGUN, "conditions": [
        {"type": f"{'T' * 63}{n}", "status": "Unknown", "reason": "R" * 64, "message": WIDE * 1024,
         "observedGeneration": MOST, "lastTransitionTime": AT}
        for n in range(8)
    ]})  # fmt: skip


def checkpoint(part: str) -> str:
    """Return a checkpoint as large as there may be, which unpacks to a list of as many parts as is read of one."""
    text = f"[{','.join([part] * (2**20 // (len(part) + 1)))}]"
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return f"v1.{packed}.".ljust(262_144, "A")


def everything() -> Iterator[tuple[str, Worst]]:
    """Yield objects with all members at their worst at once, as far as they go together."""
    steps = [step(n) for n in range(50)]
    schedule: Json = {
        "routing": {"header": HEADER, "cookie": "c" * 128}, "steps": steps, "analysis": analysis(), **DURATIONS,
        "windows": windows(finishInWindow=False),
        "gates": [gate(n, "duringStep", steps=[name(m) for m in range(50)]) for n in range(16)],
        "notifications": [notification(n, ["SLOViolated"] * 64) for n in range(16)],
    }  # fmt: skip
    spec = {"probe": probe(), "revision": "r" * 63}
    yield "everything, by statuses", Worst({**schedule, "slos": BY_STATUS}, spec)
    yield "everything, by counters", Worst({**schedule, "slos": counters("sides", 10, room_for("sides", 20))}, spec)
    yield "everything, by numbers", Worst({**schedule, "slos": gauges("arguments", 4, 4096)}, spec)


def worst() -> dict[str, Worst]:
    """Return all of them by their names."""
    return dict([*schedules(), *asking(), *specs(), *statuses(), *everything()])


# --- what the schema says --------------------------------------------------------------------------------------------


def root(kind: str) -> Schema:
    """Return the schema of a kind's objects."""
    schema: Schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield each field that holds a value, and each list, with its schema."""
    if schema["type"] == "array":
        yield f"{path}[]", schema
        yield from fields(schema["items"], f"{path}[]")
    elif "properties" in schema:
        for member, inner in schema["properties"].items():
            yield from fields(inner, f"{path}.{member}")
    else:
        yield path, schema


def values(document: Any, schema: Schema, path: str = "") -> Iterator[tuple[str, Schema, Any]]:
    """Yield each value of a document, and each list, with its schema."""
    if schema["type"] == "array":
        yield f"{path}[]", schema, document
        for item in document:
            yield from values(item, schema["items"], f"{path}[]")
    elif "properties" in schema:
        for member, value in document.items():
            yield from values(value, schema["properties"][member], f"{path}.{member}")
    else:
        yield path, schema, document


SHORT = {DURATION_PATTERN, r"^[0-9]+(\.[0-9]+)?pp$", r"^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"}
"""Patterns of what need not be long: durations, points, times."""


def is_extreme(schema: Schema, value: Any) -> bool:
    """Return whether a value is at a bound of its schema; where there is none, whether it is out of all proportion."""
    match schema["type"]:
        case "array":
            return bool(len(value) == schema["maxItems"])
        case "integer" | "number":
            # next to an exclusive bound, or where there is none
            beside = value in (1.0000000000000002, 99.99999999999999) or 0 < value < 1e-9 or abs(value) > 1e9
            return beside or value in {schema.get("minimum"), schema.get("maximum")}
        case "string" if "enum" not in schema and "format" not in schema and schema.get("pattern") not in SHORT:
            return bool(len(value) == schema["maxLength"])
        case _:
            return True


def copied(document: Json) -> Json:
    """Return a document of which nothing is shared, as it comes from an API server."""
    found: Json = json.loads(json.dumps(document))
    return found
