"""Scenarios of the demo: what each does to the lab, and how the rollout must end.

``demo`` offers them by name and the tests hold the daemon to them. A new one is a function here and its entry in
``SCENARIOS``. Importing this costs nothing: a script is given the stage that it runs on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ingress_canary.api.rollout_status import Phase, RolloutStatus, Verdict

if TYPE_CHECKING:
    from ingress_canary.lab.stage import Stage

INTERVAL = 10.0
"""Seconds between two evaluations: the daemon's default."""
SLOS: list[dict[str, Any]] = [
    {"name": "availability", "objective": 99.5, "maxBurn": 10, "sli": {"requests": {"bad": ["5.."]}}},
    # the lab's application is as fast at its first request as later
    {"name": "latency", "objective": 99, "maxBurn": 5, "settle": "15s", "sli": {"latency": {"threshold": "500ms"}}},
]
"""Both allow 5 % of bad requests: some 75 good ones prove a step to be better than that.

The threshold leaves room for a busy machine: there, all of the lab stalls at once for a quarter of a second.
"""
WHOLE: dict[str, Any] = {"steps": [{"ramp": {"from": 1, "to": 100, "factor": 3, "bake": "1m"}}], "slos": SLOS}
"""From 1 % to 100 %."""
SHORT: dict[str, Any] = {
    "steps": [{"weight": weight, "bake": "30s"} for weight in (5, 10, 25, 50, 100)],
    "slos": SLOS,
}
"""Where the beginning is not the point."""
DOGFOOD: dict[str, Any] = {
    "routing": {"header": {"name": "X-Canary", "value": "staff"}},
    "steps": [
        {
            "name": "dogfood", "weight": 0, "bake": "1m", "require": "NoFail", "minRequests": 50,
            "approval": {"when": "After", "timeout": "24h", "onTimeout": "Hold"},
        },
        *({"weight": weight, "bake": "30s"} for weight in (10, 50, 100)),
    ],
    "slos": SLOS,
}  # fmt: skip
"""Staff first, then a person's consent, then everybody."""
MIDDLE = 3
"""The middle step of the short schedule."""
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
NOTICED = 60.0
"""Seconds of traffic in which a weight without effect must be noticed."""


class Name(StrEnum):
    """What ``demo --scenario`` takes."""

    HEALTHY = "healthy"
    ERRORS = "errors"
    SLOW = "slow"
    LOW_TRAFFIC = "low-traffic"
    METRICS_OUTAGE = "metrics-outage"
    INERT = "inert"
    DOGFOOD = "dogfood"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that can happen to a canary."""

    promise: str
    """What is about to happen, for people."""
    lasts: float
    """About how many real seconds until the end, twenty times faster than a schedule's own time."""
    script: Callable[["Stage"], Awaitable[str]]
    """Plays it and returns how it ended, in words. Raises Surprise when it ended otherwise than it must."""
    rate: float = 300
    """Real requests a second."""


async def promoted(stage: "Stage") -> str:
    """Wait for the last step to pass, deploy stable, wait for the end, and return it in words."""
    await stage.until(lambda status: status.phase is Phase.PROMOTING)
    stage.tell("every step has passed: stable is given the new image, as a pipeline would")
    stage.deploy_stable()
    await stage.until(lambda status: status.phase is Phase.SUCCEEDED)
    await stage.shadow_gone()
    stage.tell("stable is the new version")
    return f"promoted after {len(stage.status.history)} transitions"


async def healthy(stage: "Stage") -> str:
    """Nothing is wrong: every step is proven, and stable becomes the new version."""
    stage.tell("nothing is wrong with the canary")
    stage.begin(WHOLE)
    return await promoted(stage)


async def errors(stage: "Stage") -> str:
    """The canary fails from the middle step on: it is off within two evaluations, and few clients noticed."""
    await _reach_the_middle(stage)
    stage.tell("the canary has begun to fail: three of ten answers are a 500")
    stage.lab.canary.profile = replace(stage.lab.canary.profile, error_ratio=0.3)
    words = await _rolled_back(stage, "availability")
    seen = stage.requests
    total, failed = seen["total"], seen["canaryFailed"]
    stage.expect(failed <= 0.02 * total, f"{failed} of {total} requests failed, more than 2 %")
    return f"{words}; {failed:,} of {total:,} requests had failed"


async def slow(stage: "Stage") -> str:
    """The canary answers well, and late: the latency SLO alone condemns it."""
    await _reach_the_middle(stage)
    stage.tell("the canary has become slow: three of ten answers take most of a second")
    stage.lab.canary.profile = replace(stage.lab.canary.profile, slow_ratio=0.3, slow_seconds=0.8)
    return await _rolled_back(stage, "latency")


async def low_traffic(stage: "Stage") -> str:
    """Too few requests to prove anything soon: it holds, and says how long that would take."""
    stage.tell("one request a second, of which one in twenty is the canary's")
    stage.begin(SHORT)
    await stage.until(lambda status: status.reason == "InsufficientEvidence" and _estimate(status))
    await stage.hold(300)
    await stage.until(lambda status: status.reason == "InsufficientEvidence")
    return f"held at {stage.status.weight:g} %, neither advanced nor rolled back: {stage.status.slos[0].message}"


async def metrics_outage(stage: "Stage") -> str:
    """The metrics are gone for a while: it holds, blaming nobody, and goes on when they are back."""
    await _reach_the_middle(stage)
    stage.tell("the controllers' metrics are gone: their pages answer 503")
    await stage.break_metrics()
    await stage.until(lambda status: status.reason == "NoData")
    await stage.hold(180)
    stage.expect(stage.status.reason == "NoData", f"without metrics the reason is {stage.status.reason}")
    held = stage.status.weight
    stage.tell("the metrics are back")
    await stage.mend_metrics()
    return f"held at {held:g} % while there were no metrics, then {await promoted(stage)}"


async def inert(stage: "Stage") -> str:
    """The controllers ignore the shadow: nothing is judged on traffic that never came, and the cause is named."""
    stage.tell("the controllers ignore canary Ingresses, though nothing is wrong with this one")
    stage.lab.plane.ignore_canaries = True
    stage.begin(SHORT)
    await stage.until(lambda status: status.reason == "WeightNotEffective")
    took = _noticed_after(stage.status)
    stage.expect(took <= NOTICED, f"it took {took:.0f} s to notice that the weight has no effect")
    stage.expect("orphan" in stage.status.message, f"the cause is not named: {stage.status.message}")
    await stage.hold(180)
    await stage.until(lambda status: status.reason == "WeightNotEffective")
    return f"held at {stage.status.weight:g} %: {stage.status.message}"


async def dogfood(stage: "Stage") -> str:
    """The window opens, staff try the canary by a header, a person approves it, and everybody gets it."""
    opens = stage.now + timedelta(minutes=3)
    hours = {"days": DAYS, "from": f"{opens:%H:%M}", "to": f"{opens + timedelta(hours=12):%H:%M}"}
    stage.tell(f"it is before hours: the window opens at {opens:%H:%M} UTC, on the schedule's own clock")
    stage.begin({**DOGFOOD, "windows": {"allow": [hours]}})
    await stage.until(lambda status: status.reason == "OutsideWindow")
    await stage.until(lambda status: status.step is not None)
    stage.tell("the window has opened: staff send X-Canary: staff, and are on the canary at weight 0")
    stage.staff_come({"X-Canary": "staff"})
    await stage.until(lambda status: status.reason == "AwaitingApproval")
    tried, met = stage.requests["canary"], stage.met_by_others
    stage.expect(tried > 0, "staff have not reached the canary by their header")
    stage.expect(met == 0, f"{met} requests of others than staff were answered by the canary at weight 0")
    stage.tell("staff have tried it and nothing speaks against it: a person approves the step")
    stage.act("approve")
    await stage.until(lambda status: status.weight > 0)
    stage.tell("approved: everybody gets it, step by step, and the header goes on working")
    words = await promoted(stage)
    return f"tried by staff with {tried:,} requests, approved, then {words}"


SCENARIOS = {
    Name.HEALTHY: Scenario("A healthy canary goes from 1 % to 100 % and is promoted.", 60, healthy),
    Name.ERRORS: Scenario("The canary begins to fail at a middle step and is rolled back.", 15, errors),
    Name.SLOW: Scenario("The canary becomes slow at a middle step and is rolled back.", 15, slow),
    Name.LOW_TRAFFIC: Scenario(
        "There is too little traffic to prove the canary good: the rollout holds and says so.", 25, low_traffic, 20
    ),
    Name.METRICS_OUTAGE: Scenario(
        "The metrics go away at a middle step: the rollout holds, and is promoted after they are back.",
        30,
        metrics_outage,
    ),
    Name.INERT: Scenario(
        "The ingress controllers ignore the canary Ingress: the rollout holds and names the cause.", 15, inert
    ),
    Name.DOGFOOD: Scenario(
        "A window opens, staff try the canary by a header, a person approves, and it is promoted.", 40, dogfood
    ),
}


async def _reach_the_middle(stage: "Stage") -> None:
    stage.tell("nothing is wrong with the canary yet")
    stage.begin(SHORT)
    await stage.until(
        lambda status: status.step is not None and status.step.index == MIDDLE and status.reason == "Baking"
    )


async def _rolled_back(stage: "Stage", slo: str) -> str:
    """Wait for the rollback and return it in words; it must be quick, complete, and this SLO's doing alone."""
    await stage.until(lambda status: status.phase is Phase.ROLLED_BACK)
    await stage.shadow_gone()
    stage.tell("all traffic is stable's again")
    status = stage.status
    condemned = [slo_status.name for slo_status in status.slos if slo_status.verdict is Verdict.FAIL]
    stage.expect(status.reason == "SLOViolated", f"rolled back as {status.reason}: {status.message}")
    stage.expect(condemned == [slo], f"rolled back by {condemned}, not by {slo} alone: {status.message}")
    seconds = await stage.rollback_seconds()
    quick = seconds is not None and seconds <= 2 * INTERVAL
    stage.expect(quick, f"the rollback took {seconds} s, more than two evaluations")
    return f"rolled back {seconds:.1f} s after the sample that proved it: {status.message}"


def _estimate(status: RolloutStatus) -> bool:
    return all("at the present" in slo.message for slo in status.slos)


def _noticed_after(status: RolloutStatus) -> float:
    """Return the seconds from the step's beginning to the condition that says that its weight has no effect."""
    assert status.step is not None
    (since,) = [condition.last_transition_time for condition in status.conditions if condition.type == "Effective"]
    return (since - status.step.started_at).total_seconds()
