"""The rules of the design that a pure function can break, held against whatever people, clusters and sources do.

A machine throws traffic, outages, other writers, people, versions, obstacles, refused writes and crashes at one rollout
with a schedule of its own. :class:`Guarded` checks every single pass.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ingress_canary.api import ROLLOUT_KIND
from ingress_canary.api.rollout_status import AT_REST, PausedBy, Phase, RolloutStatus, Transition
from ingress_canary.api.schema.crd import crd
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Alert, Decision, Observation, Obstacle, leaves_shadow_alone
from ingress_canary.domain.metrics.samples import Reading
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.revision import images, template_hash
from ingress_canary.domain.reasons.verbs import Verb
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import Exposure, PlannedStep, wanted_exposure
from ingress_canary.domain.status.publish import published_status, status_patch, worth_writing
from ingress_canary.domain.traffic.drift import merge_patch
from ingress_canary.domain.traffic.effectiveness import EffectState
from ingress_canary.domain.traffic.shadow_removal import terminating
from ingress_canary.lab.kubeapi.kinds.schema import validate
from ingress_canary.lab.kubeapi.storage.patches import merge
from tests.domain.world import INTERVAL, PRIMARY, ROUTER, World, deployment, rollout, schedule, with_spec

STATUS_SCHEMA = crd(ROLLOUT_KIND)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
VOCABULARY = frozenset(Reason)
NOBODY = Exposure()
STRATEGIES = ("Manual", "CopyImages")
ADVANCES = frozenset({Reason.SETTLING, Reason.STEP_PASSED, Reason.RESUMED, Reason.SKIPPED})
"""Reasons of the only entries of the history that may send more requests to the canary."""
ENDS_BY_EVIDENCE = frozenset({Reason.SLO_VIOLATED, Reason.STEP_TIMED_OUT})


def lower(allowed: Exposure, left: Exposure) -> Exposure:
    """Return what is allowed when another writer has left this; a route that it changed is a raise, not its removal."""
    return Exposure(min(allowed.weight, left.weight), left.header and allowed.header, left.cookie and allowed.cookie)


def consented(status: RolloutStatus, step: int) -> bool:
    """Return whether a person's consent to a step, or to one that is asked for after it, is on record."""
    record = status.approval
    return record is not None and (record.step > step or (record.step == step and record.given_at is not None))


def within(exposure: Exposure, allowed: Exposure) -> bool:
    """Return whether an exposure sends nobody to the canary who is not allowed there."""
    routes = exposure.header in (None, allowed.header) and exposure.cookie in (None, allowed.cookie)
    return routes and exposure.weight <= allowed.weight + 1e-9


@dataclass
class Guarded(World):
    """A world in which every pass is held against the rules."""

    allowed: Exposure = NOBODY
    """The most that evidence and people have allowed so far, less what other writers have taken away."""
    touched: bool = False
    """Another writer has changed the shadow since the last pass that went through."""
    owed: bool = False
    """The step may be taken again without new evidence: after Retreat, or after a person's resume."""
    failed: bool = False
    """The revision was rolled back, and neither retry nor another revision came since."""

    # -- a pass -------------------------------------------------------------------------------------------------------

    def pass_(self, reading: Reading | None = None, *, die: str = "") -> Decision:
        before, stored = self.status, self.status.dump()
        seen = self.observe(reading)
        now = self.now
        if self.touched and not self.refuse_status:
            self.allowed, self.touched = lower(self.allowed, self.left), False
        decision = super().pass_(reading, die=die)
        # the same observation decides the same
        again = decide(seen, now)
        assert again == decision
        self.says_something(seen, decision)
        self.is_allowed(seen, decision)
        self.stable_can_carry_everybody(seen, decision)
        self.is_one_canary(seen, decision)
        self.can_be_stored(before, stored, published_status(decision, now))
        if self.status is not before:
            self.follow(decision)
        if die != "status" and not self.refuse_status:
            self.shadow_is_what_the_status_means()
        return decision

    def says_something(self, seen: Observation, decision: Decision) -> None:
        """Rule 9: every decision has its word and its sentence."""
        moved = [decision.moved] if decision.moved else []
        shown = published_status(decision, self.now)
        published: list[RolloutStatus | Transition | Alert] = [shown, *moved, *decision.alerts]
        for one in published:
            assert one.reason in VOCABULARY, one
            assert one.message, one
        assert (decision.moved is None) == (decision.status.history == seen.status.history)

    def is_allowed(self, seen: Observation, decision: Decision) -> None:
        """Rule 3: what lets the weight rise, and what unknown alone must not do."""
        moved, status, session = decision.moved, seen.status, seen.evaluation
        if moved is None:
            assert within(wanted_exposure(decision.status), wanted_exposure(status)), (
                "exposure rose without an entry in the history"
            )
            return
        if status.phase is not Phase.PENDING and seen.drift is not None and seen.drift.lowered:
            assert moved.reason not in ADVANCES or seen.drift.honoured == wanted_exposure(status)
        unknown = session is None or session.no_data is not None
        if unknown:
            assert moved.reason not in ENDS_BY_EVIDENCE or (session is not None and session.analysis.failed)
        asked = decision.status.last_action != status.last_action
        pause = status.pause
        if pause is not None and pause.by is not PausedBy.SPEC and not pause.fresh_evidence and not asked:
            # what waits for a person goes on waiting, or is taken off, once stable has its images back
            assert decision.status.phase in {Phase.PAUSED, *AT_REST} or moved.reason is Reason.RESTORING_STABLE
        match moved.reason:
            case Reason.STEP_PASSED:
                self.has_passed(seen)
            case Reason.SKIPPED:
                assert asked
                self.may_be_steered(seen)
            case Reason.SETTLING:
                assert status.phase is Phase.PENDING
                assert seen.compiled is not None
                assert seen.compiled.walk.at(1).before is None or consented(status, 1)
                assert not seen.obstacles
                assert not seen.spec.paused
                assert not seen.same_version
            case Reason.RESUMED if not asked and status.phase is Phase.PAUSED:
                assert pause is not None
                assert pause.by is PausedBy.SPEC
                assert within(wanted_exposure(decision.status), wanted_exposure(status))
            case Reason.RESUMED if not asked:
                assert self.owed
                assert session is not None
                assert session.fresh(self.now, INTERVAL)
                assert not unknown
                assert not seen.obstacles
            case Reason.RESUMED:
                assert status.phase is Phase.PAUSED
                assert not seen.spec.paused
            case _:
                assert within(wanted_exposure(decision.status), wanted_exposure(status))
        if decision.status.phase in AT_REST:
            assert decision.status.shadow is None

    def has_passed(self, seen: Observation) -> None:
        """A step is left when its evidence suffices, nothing is in the way, and who must consent has."""
        status, session = seen.status, seen.evaluation
        assert session is not None
        assert status.step is not None
        assert seen.compiled is not None
        step = seen.compiled.walk.at(status.step.index)
        assert session.met(step)
        assert session.baked >= step.bake
        assert session.no_data is None
        assert not session.settling
        assert session.effect.state is not EffectState.NOT_EFFECTIVE
        assert not seen.obstacles
        assert not seen.spec.paused
        assert seen.frozen is None
        assert status.phase is Phase.PROGRESSING
        self.is_consented(seen, step)

    def is_consented(self, seen: Observation, step: PlannedStep) -> None:
        """A step that asks for a person's consent is neither left nor entered without it."""
        assert seen.compiled is not None
        assert step.after is None or consented(seen.status, step.index)
        onto = seen.compiled.walk.at(step.index + 1)
        assert onto is step or onto.before is None or consented(seen.status, onto.index)

    def may_be_steered(self, seen: Observation) -> None:
        """What a person may not overrule: a proven fail, preflight, spec.paused, a freeze of the daemon."""
        assert seen.evaluation is not None
        assert not seen.evaluation.analysis.failed
        assert not seen.obstacles
        assert not seen.spec.paused
        assert seen.frozen is None
        assert seen.status.phase in {Phase.PROGRESSING, Phase.PAUSED}

    def stable_can_carry_everybody(self, seen: Observation, decision: Decision) -> None:
        """What CopyImages has touched is put back and ready before the canary goes, unless a person asks otherwise."""
        copying, stable, baseline = seen.status.copying, seen.stable, seen.status.baseline
        asked = decision.status.last_action != seen.status.last_action
        if decision.status.phase is not Phase.ROLLED_BACK or asked or seen.status.finishing:
            return
        if copying is None or stable is None:
            return
        assert images(stable) == {one.name: one.image for one in copying.before}
        assert stable.rolled_out
        if copying.undo is not None or copying.done:
            assert baseline is not None
            assert seen.stable_ready >= max(baseline.ready_endpoints, 1)

    def is_one_canary(self, seen: Observation, decision: Decision) -> None:
        """Who has traffic is the one that the evidence began with, whatever its revision is called."""
        baseline, asked = decision.status.baseline, decision.status.last_action != seen.status.last_action
        if decision.status.step is None or decision.status.phase in AT_REST or seen.canary is None or asked:
            return
        if decision.status.copying is None or decision.status.copying.undo is None:
            assert baseline is not None
            assert baseline.canary == template_hash(seen.canary)

    def follow(self, decision: Decision) -> None:
        """Remember what a stored decision has allowed."""
        moved, meant = decision.moved, wanted_exposure(decision.status)
        self.allowed = meant if moved and moved.reason in ADVANCES else lower(self.allowed, meant)
        if moved is None:
            return
        self.owed = decision.status.phase is Phase.PROGRESSING and decision.status.shadow is None
        if moved.phase is Phase.ROLLED_BACK:
            self.failed = True
        elif moved.phase is Phase.PENDING or moved.phase is Phase.SUCCEEDED:
            self.failed = False
        # once off, off until retry or another revision
        assert not (self.failed and decision.status.weight > 0)

    def shadow_is_what_the_status_means(self) -> None:
        """Rules 2 and 5: raises are gone after the pass that saw them, what was taken away stays away."""
        held = terminating(ROUTER, Ingress.of(self.shadow)) if self.shadow is not None else None
        if held is not None:
            # what is on its way is out of the rollout, and nobody is sent to the canary by it
            assert not held.on
            assert self.status.shadow is None or self.status.shadow.uid is None
            return
        if self.status.shadow is None:
            assert self.shadow is None
        if self.shadow is None:
            return
        assert self.status.phase not in AT_REST
        if leaves_shadow_alone(self.status):
            return
        shadow = Ingress.of(self.shadow)
        exposure = ROUTER.exposure(shadow)
        assert exposure is not None, "the shadow is no canary"
        assert within(exposure, self.allowed), f"{exposure} exceeds {self.allowed}"
        fresh = self.status.shadow is not None and self.status.shadow.uid is None
        assert fresh or merge_patch(ROUTER, shadow, self.manifest(wanted_exposure(self.status))) is None

    def can_be_stored(self, before: RolloutStatus, stored: dict[str, Any], after: RolloutStatus) -> None:
        """What is published is JSON that the API server takes, reads back as itself, and spares what is unknown."""
        dump = after.dump()
        assert json.loads(json.dumps(dump, allow_nan=False)) == dump
        assert list(validate(dump, STATUS_SCHEMA, "status")) == []
        again = RolloutStatus.model_validate(dump, extra="ignore")
        assert again.dump() == dump
        newer = {**stored, "newer": {"a": 1}, "baseline": {**stored.get("baseline", {}), "newer": 2}}
        known = RolloutStatus.model_validate(newer, extra="ignore")
        made = merge(newer, status_patch(newer, known, after))
        assert made.pop("newer") == {"a": 1}
        if "baseline" in dump:
            assert made["baseline"].pop("newer") == 2
        else:
            made.pop("baseline", None)
        assert made == dump

    @property
    def left(self) -> Exposure:
        """What another writer has left of the shadow's exposure; all of it where only the mark is gone."""
        if self.shadow is None or not self.shadow["spec"]["rules"] or "deletionTimestamp" in self.shadow["metadata"]:
            return NOBODY
        return ROUTER.exposure(Ingress.of(self.shadow)) or self.allowed


WEIGHTS = [0, 0.5, 12.5, 50, 99.999, 100]
planned_step: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "weight": st.sampled_from(WEIGHTS),
        "bake": st.sampled_from(["0s", "20s", "1m"]),
        "require": st.sampled_from(["Proof", "NoFail"]),
    },
    optional={
        "header": st.sampled_from([{"name": "X-Canary"}, {"name": "X-Canary", "value": "staff"}]),
        "cookie": st.just("canary"),
        "minRequests": st.sampled_from([0, 10, 500]),
        "approval": st.fixed_dictionaries(
            {"when": st.sampled_from(["Before", "After"])},
            optional={"timeout": st.just("1m"), "onTimeout": st.sampled_from(["Hold", "Pause", "Rollback"])},
        ),
    },
)
steps = st.lists(planned_step, min_size=1, max_size=4).map(lambda made: sorted(made, key=lambda step: step["weight"]))
schedules = st.builds(
    lambda steps, **others: schedule(steps=steps, **others),
    steps=steps,
    routing=st.sampled_from([{}, {"cookie": "canary"}, {"header": {"name": "X-Canary", "pattern": "^v2"}}]),
    maxHold=st.sampled_from(["1m", "6h"]),
    onFailure=st.sampled_from(["Rollback", "Pause"]),
    onNoData=st.sampled_from(["Hold", "Retreat"]),
    onInconclusive=st.sampled_from(["Pause", "Rollback"]),
)
VERBS = [*Verb, "explode", ""]
OBSTACLES = [
    (),
    (Obstacle(Reason.PREFLIGHT_FAILED, "rule 5: another canary"),),
    (Obstacle(Reason.INVALID_SPEC, "spec.x: y"),),
]


class Rollouts(RuleBasedStateMachine):
    """One rollout, and all that may happen to it."""

    world: Guarded

    @initialize(
        schedule=schedules,
        warm_up=st.sampled_from([0, 30]),
        sticky=st.booleans(),
        strategy=st.sampled_from(STRATEGIES),
        revision=st.sampled_from([None, "v2"]),
    )
    def begin(self, schedule: Any, warm_up: float, sticky: bool, strategy: str, revision: str | None) -> None:
        affinity = {"nginx.ingress.kubernetes.io/affinity": "cookie"} if sticky else {}
        primary = {**PRIMARY, "metadata": {**PRIMARY["metadata"], "annotations": affinity}}
        spec = rollout(promotion={"strategy": strategy}, revision=revision)
        self.world = Guarded(spec=spec, schedule=schedule, warm_up=warm_up, primary=primary)
        self.actions = 0
        self.world.pass_()
        self.settle()

    def settle_if_seen(self, seen: bool) -> None:
        """Let a change be seen at once, or only together with the next one."""
        if seen:
            self.settle()

    def settle(self) -> None:
        """Pass until nothing changes any more: two rules that undo each other would go on for ever."""
        world = self.world
        for _ in range(12):
            before = world.status, world.shadow, world.stable
            world.pass_()
            if (world.status, world.shadow, world.stable) == before:
                return
        raise AssertionError(f"no rest: {[(e.phase, e.reason) for e in world.status.history]}")

    # -- time ---------------------------------------------------------------------------------------------------------

    @rule(
        ticks=st.integers(1, 12),
        canary=st.sampled_from([0, 0, 0, 0.004, 0.5, 1]),
        stable=st.sampled_from([0, 0, 0.3]),
        rate=st.sampled_from([0, 2, 200, 200]),
    )
    def traffic(self, ticks: int, canary: float, stable: float, rate: float) -> None:
        flow = self.world.traffic
        flow.canary, flow.stable, flow.rate = canary, stable, rate
        for _ in range(ticks):
            self.tick()

    def tick(self) -> None:
        self.world.now += timedelta(seconds=INTERVAL)
        self.world.pass_(self.world.read())
        self.settle()

    @rule(ticks=st.integers(6, 30))
    def all_goes_well(self, ticks: int) -> None:
        world = self.world
        world.obstacles, world.canary_ready, world.foreign, world.rejected = (), 2, False, None
        world.refuse_status, world.outage, world.orphaned, world.frozen = False, None, None, None
        with_spec(world, paused=False)
        self.resumes(seen=True)
        self.consents(seen=True)
        self.traffic(ticks=ticks, canary=0, stable=0, rate=200)

    @precondition(lambda self: self.world.status.phase is Phase.PROGRESSING)
    @rule(ticks=st.integers(8, 30), obstacles=st.sampled_from(OBSTACLES))
    def steps_pass(self, ticks: int, obstacles: Any) -> None:
        self.all_goes_well(1)
        self.world.obstacles = obstacles
        self.traffic(ticks=ticks, canary=0, stable=0, rate=200)

    @rule(outage=st.sampled_from([None, "connection refused"]))
    def source(self, outage: str | None) -> None:
        self.world.outage = outage

    @rule(orphaned=st.sampled_from([None, True, False]))
    def controllers_say(self, orphaned: bool | None) -> None:
        self.world.orphaned = orphaned

    # -- another writer of the shadow ---------------------------------------------------------------------------------

    def shadow_there(self) -> bool:
        return self.world.shadow is not None

    @precondition(shadow_there)
    @rule(
        weight=st.sampled_from(["0", "3", "40", "90", "100", "abc"]),
        total=st.sampled_from([None, "132", "100000"]),
        seen=st.booleans(),
    )
    def sets_the_weight(self, weight: str, total: str | None, seen: bool) -> None:
        self.world.annotate(canary_weight=weight, canary_weight_total=total)
        self.world.touched = True
        self.settle_if_seen(seen)

    @precondition(shadow_there)
    @rule(
        change=st.sampled_from(
            [
                {"canary_by_header": None},
                {"canary_by_header": "X-Everyone"},
                {"canary_by_cookie": None},
                {"canary_by_cookie": "everyone"},
                {"load_balance": "ewma"},
            ]
        ),
        seen=st.booleans(),
    )
    def edits_a_route(self, change: dict[str, str | None], seen: bool) -> None:
        self.world.annotate(**change)
        self.world.touched = True
        self.settle_if_seen(seen)

    @precondition(lambda self: self.shadow_there() and not self.world.refuse_status)
    @rule(value=st.sampled_from([None, "false"]))
    def removes_the_mark(self, value: str | None) -> None:
        self.settle()
        if self.shadow_there():
            self.world.annotate(canary=value)
        self.settle()

    @precondition(shadow_there)
    @rule()
    def removes_the_paths(self) -> None:
        self.world.edit(lambda shadow: shadow["spec"].update(rules=[]))
        self.world.touched = True
        self.settle()

    @precondition(shadow_there)
    @rule(seen=st.booleans())
    def deletes_the_shadow(self, seen: bool) -> None:
        self.world.delete_shadow()
        self.world.touched = True
        self.settle_if_seen(seen)

    @precondition(shadow_there)
    @rule(finalizers=st.sampled_from([(), ("example.com/keep",)]))
    def holds_the_shadow(self, finalizers: tuple[str, ...]) -> None:
        self.world.hold(*finalizers)
        self.settle()

    @precondition(shadow_there)
    @rule()
    def replaces_the_shadow(self) -> None:
        made = self.world.shadow
        assert made is not None
        self.world.shadow = {**made, "metadata": {**made["metadata"], "uid": "another-writer's"}}
        self.world.touched = True
        self.settle()

    @precondition(lambda self: self.world.weight > 0)
    @rule(ticks=st.integers(3, 6))
    def lowers_the_weight_while_a_fail_cannot_be_stored(self, ticks: int) -> None:
        self.world.refuse_status = True
        self.traffic(ticks=ticks, canary=1, stable=0, rate=200)
        self.world.refuse_status = False
        if self.shadow_there():
            self.world.annotate(canary_weight="0")
            self.world.touched = True
        self.settle()

    @precondition(shadow_there)
    @rule()
    def keeps_raising(self) -> None:
        self.world.fighting = "argocd"
        self.world.annotate(canary_weight="100")
        self.settle()
        self.world.fighting = None

    @rule(paths=st.integers(1, 3))
    def edits_the_primary(self, paths: int) -> None:
        backend = PRIMARY["spec"]["rules"][0]["http"]["paths"][0]["backend"]
        made = [{"path": f"/{n}", "pathType": "Prefix", "backend": backend} for n in range(paths)]
        spec = {**PRIMARY["spec"], "rules": [{"host": "shop.example", "http": {"paths": made}}]}
        self.world.primary = {**self.world.primary, "spec": spec}
        self.settle()

    # -- versions -----------------------------------------------------------------------------------------------------

    @rule(version=st.sampled_from(["v1", "v2", "v3", "v4"]), rolled_out=st.booleans(), seen=st.booleans())
    def canary_becomes(self, version: str, rolled_out: bool, seen: bool) -> None:
        self.world.canary = deployment("checkout-canary", f"app:{version}", rolled_out=rolled_out)
        self.settle_if_seen(seen)

    @rule(version=st.sampled_from(["v1", "v1.1", "v2"]), ready=st.integers(0, 3))
    def stable_becomes(self, version: str, ready: int) -> None:
        self.world.stable = deployment("checkout", f"app:{version}", rolled_out=ready > 1)
        self.world.stable_ready = ready
        self.settle()

    @rule(side=st.sampled_from(["canary", "stable"]))
    def a_workload_goes_missing_for_a_moment(self, side: str) -> None:
        kept = getattr(self.world, side)
        setattr(self.world, side, None)
        self.tick()
        setattr(self.world, side, kept)
        self.settle()

    # -- people -------------------------------------------------------------------------------------------------------

    @rule(
        verb=st.sampled_from(VERBS),
        whose=st.sampled_from(["", "stale", "current"]),
        mark=st.sampled_from(["#", ""]),
        seen=st.booleans(),
    )
    def asks(self, verb: str, whose: str, mark: str, seen: bool) -> None:
        status = self.world.status
        revision = {"": "", "stale": ":other", "current": f":{status.revision}"}[whose]
        known = Verb.of(verb)
        if revision and known is not None and known.row.target.has_step:
            step = (
                status.approval.step if status.approval and verb == Verb.APPROVE else status.step and status.step.index
            )
            revision += f"/{step or 1}"
        self.actions += 1
        self.world.action = f"{verb}{revision}{mark}{self.actions}"
        self.settle_if_seen(seen)

    @rule(seen=st.booleans())
    def resumes(self, seen: bool) -> None:
        self.asks("resume", "", "#", seen)

    @rule(seen=st.booleans())
    def consents(self, seen: bool) -> None:
        self.asks("approve", "current", "#", seen)

    @rule(verb=st.sampled_from([Verb.SKIP, Verb.PROMOTE, Verb.RESTART]), seen=st.booleans())
    def steers(self, verb: str, seen: bool) -> None:
        self.asks(verb, "current", "#", seen)

    @rule(frozen=st.sampled_from([None, "incident"]))
    def freeze_everywhere(self, frozen: str | None) -> None:
        self.world.frozen = frozen
        self.settle()

    @rule(paused=st.booleans())
    def spec_paused(self, paused: bool) -> None:
        with_spec(self.world, paused=paused)
        self.settle()

    @rule(service=st.sampled_from(["checkout-canary", "checkout-beta"]))
    def spec_names_a_service(self, service: str) -> None:
        with_spec(self.world, canary_service=service)
        self.settle()

    # -- the cluster --------------------------------------------------------------------------------------------------

    @rule(obstacles=st.sampled_from(OBSTACLES), foreign=st.booleans(), ready=st.integers(0, 2))
    def preflight(self, obstacles: Any, foreign: bool, ready: int) -> None:
        world = self.world
        world.obstacles, world.canary_ready = obstacles, ready
        world.foreign = foreign and world.shadow is None
        self.settle()

    @rule(words=st.sampled_from([None, "admission webhook says no"]))
    def creation_is_rejected(self, words: str | None) -> None:
        self.world.rejected = words

    @rule(refuse=st.booleans())
    def status_writes_are_refused(self, refuse: bool) -> None:
        self.world.refuse_status = refuse
        self.settle()

    # -- crashes ------------------------------------------------------------------------------------------------------

    @rule(die=st.sampled_from(["", "status"]), ticks=st.integers(0, 3))
    def crashes(self, die: str, ticks: int) -> None:
        """Forget everything, after a pass that went through or after the write of its status alone."""
        world = self.world
        world.now += timedelta(seconds=INTERVAL * ticks)
        world.pass_(world.read(), die=die)
        before = wanted_exposure(world.status)
        world.crash()
        world.pass_()
        # rule 6: a restart raises nothing
        assert within(wanted_exposure(world.status), before)
        self.settle()

    # -- always -------------------------------------------------------------------------------------------------------

    @invariant()
    def at_rest_a_second_reading_writes_nothing(self) -> None:
        world = self.world
        seen = world.observe()
        if seen.status.phase not in AT_REST or seen.action is not None or seen.revision != seen.status.revision:
            return
        decision = decide(seen, world.now)
        after = published_status(decision, world.now)
        assert not worth_writing(world.status, after)
        assert not decision.wants_evidence

    @invariant()
    def history_never_shows_the_canary_after_a_rollback(self) -> None:
        off = False
        for entry in self.world.status.history:
            if entry.phase in (Phase.PENDING, Phase.SUCCEEDED):
                off = False
            assert not (off and entry.weight > 0)
            off = off or entry.phase is Phase.ROLLED_BACK


def walk(rollouts: int) -> None:
    run_state_machine_as_test(
        Rollouts, settings=settings(max_examples=rollouts, stateful_step_count=40, derandomize=True)
    )  # fmt: skip


def test_the_rules_hold_over_some_random_rollouts() -> None:
    walk(10)


@pytest.mark.slow
def test_the_rules_hold_over_many_random_rollouts() -> None:
    walk(100)
