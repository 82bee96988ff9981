"""Each word of the vocabulary is reached: by the decisions, or by the conditions that are published with them."""

from collections.abc import Callable
from typing import Any

import pytest

from ingress_canary.api.gate import GateVerdict
from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import NewerSchedule, Obstacle
from ingress_canary.domain.preflight.problem import Findings, Problem, ProblemSeverity
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.publish import published_status
from tests.domain.decision.test_approvals import approve, waiting
from tests.domain.gates.test_gates import Gated
from tests.domain.world import Traffic, World, at_step, deployment, rollout, schedule

FAILING = Traffic(canary=1.0)
COPY = {"promotion": {"strategy": "CopyImages"}}
FROZEN = {"freezes": [{"from": "2020-01-01T00:00", "to": "2030-01-01T00:00", "reason": "audit"}]}
CLOSED = {"allow": [{"days": ["Sun"], "from": "03:00", "to": "04:00"}]}


def act(world: World, verb: str, ident: str = "1") -> World:
    """Let a person ask for something."""
    world.action = f"{verb}#{ident}"
    world.settle()
    return world


def on(world: World, **changes: Any) -> World:
    """Let something happen to a world, and three ticks go by."""
    for name, value in changes.items():
        setattr(world, name, value)
    world.step(3)
    return world


def to(phase: Phase, **world: Any) -> World:
    """Return a world whose rollout is in a phase."""
    return World(**world).until(lambda w: w.status.phase is phase)


def failed() -> World:
    """Return a world whose canary was rolled back."""
    return to(Phase.ROLLED_BACK, traffic=FAILING)


def gated(says: GateVerdict) -> World:
    """Return a world with a gate before its second step."""
    gate = {"name": "qa", "when": "beforeStep", "url": "https://qa.example/", "onReject": "Pause"}
    world = Gated(schedule=schedule(gates=[gate]), says={"qa": says})
    return world.until(lambda w: w.status.reason in (Reason.AWAITING_GATE, Reason.GATE_REJECTED))


def resumed() -> World:
    """Return a world in which a pause was ended."""
    return act(act(at_step(1), "pause"), "resume", "2")


def approved() -> World:
    """Return a world in which a person consented."""
    world = waiting()
    assert approve(world) == "done"
    return world


def skipped() -> World:
    """Return a world in which a person left a step."""
    world = at_step(1)
    return act(world, f"skip:{world.status.revision}/1")


def finished() -> World:
    """Return a world in which a person confirmed that stable is the new version."""
    world = on(to(Phase.PROMOTING))
    return act(world, f"finish:{world.status.revision}")


def terminating() -> World:
    """Return a world whose next revision finds the last one's shadow held by a finalizer."""
    world = at_step(2)
    world.hold("example.com/keep")
    act(world, "abort")
    return on(world, canary=deployment("checkout-canary", "app:v3"))


def lost() -> World:
    """Return a world whose stored evidence cannot be read after a restart."""
    world = at_step(2)
    world.status = world.status.model_copy(update={"analysis_state": "v9.x"})
    world.crash()
    return on(world)


REACHED: dict[Reason, Callable[[], World]] = {
    Reason.INVALID_SPEC: lambda: on(World(spec=rollout(**COPY), stable=None)),
    Reason.SCHEDULE_MISSING: lambda: on(
        World(schedule=None, obstacles=(Obstacle(Reason.SCHEDULE_MISSING, "not there"),))
    ),
    Reason.PREFLIGHT_FAILED: lambda: on(World(foreign=True)),
    Reason.SHADOW_REJECTED: lambda: on(on(World(rejected="denied by a webhook"))),
    Reason.SHADOW_TERMINATING: terminating,
    Reason.CANARY_NOT_READY: lambda: on(World(canary=None)),
    Reason.WARMING_UP: lambda: on(World(warm_up=600)),
    Reason.SETTLING: lambda: at_step(1),
    Reason.BAKING: lambda: on(at_step(1)),
    Reason.INSUFFICIENT_EVIDENCE: lambda: World(traffic=Traffic(rate=0.5)).until(
        lambda w: w.status.reason == Reason.INSUFFICIENT_EVIDENCE
    ),
    Reason.NO_DATA: lambda: on(at_step(1), outage="no answer"),
    Reason.NO_TRAFFIC: lambda: World(traffic=Traffic(rate=0), arguments=("--enable-metrics",)).until(
        lambda w: w.status.reason == Reason.NO_TRAFFIC
    ),
    Reason.WEIGHT_NOT_EFFECTIVE: lambda: at_step(1, orphaned=True).until(
        lambda w: w.status.reason == Reason.WEIGHT_NOT_EFFECTIVE
    ),
    Reason.OUTSIDE_WINDOW: lambda: on(World(schedule=schedule(windows=CLOSED), warm_up=0)),
    Reason.FROZEN: lambda: on(World(schedule=schedule(windows=FROZEN), warm_up=0)),
    Reason.AWAITING_APPROVAL: waiting,
    Reason.APPROVAL_TIMED_OUT: lambda: waiting(timeout="1m", onTimeout="Pause").until(
        lambda w: w.status.phase is Phase.PAUSED
    ),
    Reason.AWAITING_GATE: lambda: gated(GateVerdict.UNKNOWN),
    Reason.GATE_REJECTED: lambda: gated(GateVerdict.REJECTED),
    Reason.PAUSED_BY_USER: lambda: act(at_step(1), "pause"),
    Reason.INTERVENED: lambda: on(at_step(2), shadow=None),
    Reason.DRIFT_FIGHT: lambda: on(at_step(1), fighting="kubectl-edit"),
    Reason.SLO_VIOLATED: failed,
    Reason.STEP_TIMED_OUT: lambda: to(Phase.PAUSED, schedule=schedule(maxHold="2m"), traffic=Traffic(rate=0.5)),
    Reason.ABORTED_BY_USER: lambda: act(at_step(1), "abort"),
    Reason.SUPERSEDED: lambda: on(at_step(2), canary=deployment("checkout-canary", "app:v3")),
    Reason.STABLE_CHANGED: lambda: on(at_step(2), stable=deployment("checkout", "app:hotfix")),
    Reason.EVIDENCE_LOST: lost,
    Reason.AWAITING_STABLE: lambda: on(to(Phase.PROMOTING)),
    Reason.STABLE_NOT_READY: lambda: on(to(Phase.PROMOTING), stable=deployment("checkout", "app:v2"), stable_ready=1),
    Reason.RESTORING_STABLE: lambda: on(
        to(Phase.PROMOTING, spec=rollout(**COPY)).until(lambda w: bool(w.images_set)), traffic=FAILING
    ),
    Reason.STEP_PASSED: lambda: at_step(2),
    Reason.APPROVED: approved,
    Reason.RESUMED: resumed,
    Reason.SKIPPED: skipped,
    Reason.RETRIED: lambda: act(failed(), "retry"),
    Reason.RESTARTED: lambda: act(at_step(2), "restart"),
    Reason.FINISHED: finished,
    Reason.PROMOTED: lambda: on(to(Phase.PROMOTING), stable=deployment("checkout", "app:v2")),
}
"""By a rollout that comes to it."""


@pytest.mark.parametrize("reason", REACHED)
def test_a_rollout_comes_to_it(reason: Reason) -> None:
    world = REACHED[reason]()
    decided = {decision.status.reason for decision in world.decisions}
    entered = {entry.reason for decision in world.decisions for entry in decision.status.history}
    alerted = {alert.reason for decision in world.decisions for alert in decision.alerts}
    assert reason in decided | entered | alerted


WARNING = Problem(23, "apply-times", ProblemSeverity.WARNING, "Ingress shop/checkout", "-", "several pods", "wait")
SHOWN: dict[Reason, tuple[tuple[Problem, ...], NewerSchedule | None]] = {
    Reason.PREFLIGHT_PASSED: ((), None),
    Reason.PREFLIGHT_WARNING: ((WARNING,), None),
    Reason.SCHEDULE_CHANGED: ((), NewerSchedule(verbatim("the schedule was edited"), usable=True)),
}
"""By what is published beside a decision: what preflight found, and that there is another schedule by now."""


@pytest.mark.parametrize("reason", SHOWN)
def test_a_condition_says_it(reason: Reason) -> None:
    world = at_step(1)
    problems, outdated = SHOWN[reason]
    seen = world.observe()._replace(outdated=outdated)
    status = published_status(world.decisions[-1], world.now, Findings(problems, accept_unchecked=False), seen)
    assert reason in {condition.reason for condition in status.conditions}


def test_no_word_is_left_out() -> None:
    # Events of their own: tests/e2e/test_notifications.py, tests/e2e/test_routers.py
    assert {*REACHED, *SHOWN, Reason.NOTIFICATION_FAILED, Reason.RECONCILE_FAILED} == set(Reason)
