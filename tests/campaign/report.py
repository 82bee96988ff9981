"""Report of a campaign: a table for people, or JSON for programs."""

import json
from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.campaign.faults import KINDS
from tests.campaign.oracle import Violation, trace
from tests.campaign.pair import HAS_TLS
from tests.campaign.run import Outcome
from tests.e2e.conftest import SCALE


def as_json(outcome: Outcome) -> str:
    """Return the report as a document."""
    violated = [one.invariant for one in outcome.judgement.violations]
    document: dict[str, Any] = {
        "seed": outcome.seed,
        "held": outcome.held,
        "seconds": round(outcome.seconds, 1),
        "faults": {"total": outcome.injected.total(), "kinds": dict(sorted(outcome.injected.items()))},
        "releases": dict(outcome.releases),
        "invariants": {
            name: {"checked": count, "violated": violated.count(name)}
            for name, count in outcome.judgement.checked.items()
        },
        "recovery": {
            "realSeconds": {"median": _median(outcome), "max": _longest(outcome)},
            "labSeconds": {"median": _median(outcome) * SCALE, "max": _longest(outcome) * SCALE},
        },
        "deaths": outcome.deaths,
        "violations": [{**one._asdict(), "trace": list(_traced(outcome, one))} for one in outcome.judgement.violations],
    }
    return json.dumps(document, indent=2)


def as_text(outcome: Outcome) -> str:
    """Return the report as tables."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    width = max(len(kind.name) for kind in KINDS)
    yield f"{'fault':{width}}  injected"
    for target, name in sorted((kind.target, kind.name) for kind in KINDS if outcome.injected[kind.name]):
        yield f"{name:{width}}  {outcome.injected[name]:8}  {target}"
    yield f"{len(outcome.injected)} of {len(KINDS)} kinds, {outcome.injected.total()} faults, seed {outcome.seed}"
    if not HAS_TLS:
        yield "without faults of certificates: openssl is missing"
    yield ""
    violated = [one.invariant for one in outcome.judgement.violations]
    yield f"{'invariant':{width}}   checked  violated"
    for name, count in outcome.judgement.checked.items():
        yield f"{name:{width}}  {count:8}  {violated.count(name):8}"
    yield ""
    releases = ", ".join(f"{count} where {kind}" for kind, count in sorted(outcome.releases.items()) if kind != "good")
    yield f"releases: {outcome.releases['good']} of good canaries; {releases}"
    yield (
        f"recovery after the last fault of a round: "
        f"median {_median(outcome):.1f} s, at most {_longest(outcome):.1f} s; "
        f"on the lab's clock {_median(outcome) * SCALE:.0f} s and {_longest(outcome) * SCALE:.0f} s"
    )
    for name in outcome.deaths:
        yield f"daemon {name} ended by itself"
    yield from (
        f"VIOLATED with seed {outcome.seed}: {one.invariant}: {one.shop}: {one.text}"
        for one in outcome.judgement.violations
    )
    for shop in dict.fromkeys(one.shop for one in outcome.judgement.violations):
        first = next(one for one in outcome.judgement.violations if one.shop == shop)
        yield f"\nwhat was stored of {shop} until then, and the faults:"
        yield from (f"  {line}" for line in _traced(outcome, first))


def _traced(outcome: Outcome, violation: Violation) -> Iterator[str]:
    """Yield what was stored of the objects before a violation, and the faults of that time."""
    entries = trace(outcome.history, violation)
    stored = [(entry.at, str(entry)) for entry in entries]
    faults = [(at, f"fault {name}") for at, name in outcome.timeline if entries[0].at <= at <= entries[-1].at]
    yield from (f"{at:8.2f} s  {text}" for at, text in sorted(stored + faults))


def _median(outcome: Outcome) -> float:
    return round(median(outcome.recoveries or [0.0]), 2)


def _longest(outcome: Outcome) -> float:
    return round(max(outcome.recoveries, default=0.0), 2)
