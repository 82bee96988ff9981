"""Another algorithm of digests supersedes no rollout and forgets no condemned revision, there and back."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from zlib import crc32

import pytest

from ingress_canary.api import APPLIED_ANNOTATION
from ingress_canary.api.gate import Gate, GateStatus, GateWhen
from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Observation
from ingress_canary.domain.decision.outcomes import target_digest
from ingress_canary.domain.decision.rules.rollout_facts import is_stable_replaced, is_target_replaced
from ingress_canary.domain.gates.schedule import Question, record_of
from ingress_canary.domain.objects.digest import ALGORITHMS, Algorithm, Digest, same
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.drift import fingerprint, merge_patch, untouched
from tests.domain.world import ROUTER, Traffic, World, at_step, deployment

TOMORROW: Mapping[str, Algorithm] = MappingProxyType(
    {**ALGORITHMS, "crc": lambda value: f"{crc32(json.dumps(value, sort_keys=True).encode()):08x}"}
)
"""The algorithms of a release to come, which makes its digests by another one than today's."""


def by_tomorrow(workload: Workload | None) -> Digest | None:
    return Digest.of(workload.template, TOMORROW) if workload is not None else None


def seen_tomorrow(world: World) -> Observation:
    """Return what a release to come sees of a rollout that today's has stored."""
    canary, stable = by_tomorrow(world.canary), by_tomorrow(world.stable)
    return world.observe()._replace(revision=canary, canary_hash=canary, stable_hash=stable)


def stored_tomorrow(world: World) -> World:
    """Let a release to come have stored the rollout, so that today's is a downgrade."""
    canary, stable = by_tomorrow(world.canary), by_tomorrow(world.stable)
    status, baseline = world.status, world.status.baseline
    changes: dict[str, Any] = {"revision": str(canary), "failed_revision": status.failed_revision and str(canary)}
    if baseline is not None:
        target = Digest.of(["another", "form"], TOMORROW)
        known = {"template": str(stable), "canary": baseline.canary and str(canary), "target": str(target)}
        changes["baseline"] = baseline.model_copy(update=known)
    world.status = status.model_copy(update=changes)
    return world


def condemned() -> World:
    return at_step(1, traffic=Traffic(canary=0.5)).until(lambda w: w.status.phase is Phase.ROLLED_BACK)


def succeeded() -> World:
    world = at_step(3).until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2")
    return world.until(lambda w: w.status.phase is Phase.SUCCEEDED)


def paused() -> World:
    world = at_step(2)
    world.action = "pause#1"
    return world.until(lambda w: w.status.phase is Phase.PAUSED)


WORLDS: dict[str, Callable[[], World]] = {
    "pending": lambda: World(warm_up=600).until(lambda w: w.status.revision is not None, ticks=3),
    "at a step": lambda: at_step(2),
    "paused": paused,
    "promoting": lambda: at_step(3).until(lambda w: w.status.phase is Phase.PROMOTING),
    "condemned": condemned,
    "succeeded": succeeded,
}


@pytest.mark.parametrize("begin", WORLDS.values(), ids=WORLDS)
def test_after_an_upgrade_the_same_template_is_the_same_revision(begin: Callable[[], World]) -> None:
    world = begin()
    seen = seen_tomorrow(world)
    assert str(seen.revision).startswith("crc:")
    assert not is_target_replaced(seen)
    assert is_stable_replaced(seen) is is_stable_replaced(world.observe())
    decision = decide(seen, world.now)
    assert decision.moved is None
    assert decision.status.revision == world.status.revision, "the word that people know stays"
    assert decision.status.failed_revision == world.status.failed_revision


@pytest.mark.parametrize("begin", [WORLDS["at a step"], condemned], ids=["at a step", "condemned"])
def test_after_an_upgrade_another_template_is_a_new_revision(begin: Callable[[], World]) -> None:
    world = begin()
    world.canary = deployment("checkout-canary", "app:v3")
    decision = decide(seen_tomorrow(world), world.now)
    assert decision.moved is not None
    assert decision.moved.phase is Phase.PENDING
    assert str(decision.status.revision).startswith("crc:")


def test_after_an_upgrade_a_changed_baseline_is_seen() -> None:
    world = at_step(2)
    world.stable = deployment("checkout", "app:hotfix")
    decision = decide(seen_tomorrow(world), world.now)
    assert decision.moved is not None
    assert decision.moved.reason == Reason.STABLE_CHANGED


@pytest.mark.parametrize("begin", WORLDS.values(), ids=WORLDS)
def test_after_a_downgrade_what_cannot_be_compared_is_not_taken_for_changed(begin: Callable[[], World]) -> None:
    world = stored_tomorrow(begin())
    decision = decide(world.observe(), world.now)
    assert decision.moved is None
    assert decision.status.revision == world.status.revision
    assert decision.status.failed_revision == world.status.failed_revision


def test_a_shadow_stamped_by_an_older_algorithm_is_neither_foreign_nor_written_again() -> None:
    world = at_step(2)
    assert world.shadow is not None
    shadow, manifest = Ingress.of(world.shadow), world.manifest(Exposure(50))
    manifest["metadata"]["annotations"][APPLIED_ANNOTATION] = Digest.of(fingerprint(ROUTER, shadow).value, TOMORROW)
    assert merge_patch(ROUTER, shadow, manifest) is None


def test_a_shadow_stamped_by_a_newer_algorithm_is_stamped_again_and_nothing_else() -> None:
    world = at_step(2)
    world.annotate(**{APPLIED_ANNOTATION: "crc:01234567"})
    assert world.shadow is not None
    assert not untouched(ROUTER, Ingress.of(world.shadow))
    decision = world.pass_()
    assert decision.moved is None
    assert untouched(ROUTER, Ingress.of(world.shadow))
    assert world.weight == 50


def test_a_gate_that_was_asked_before_an_upgrade_is_not_asked_anew() -> None:
    about = ["shop/checkout", "rev", 1]
    gate = Gate(name="qa", when=GateWhen.BEFORE_STEP, url="http://gates.example/qa")
    record = GateStatus(name="qa", when=GateWhen.BEFORE_STEP, step=1, question=str(Digest.of(about)), attempts=3)
    assert record_of([record], Question(gate, 1, Digest.of(about, TOMORROW))) == record
    assert record_of([record], Question(gate, 1, Digest.of([*about, "2"], TOMORROW))).attempts == 0


def test_a_name_set_by_ci_is_compared_as_a_name() -> None:
    assert same("v1.2", "v1.2") is True
    assert same("v1.2", "v1.3") is False
    assert same("v1.2", Digest.of({"image": "app"})) is False, "a name is no digest of a template"
    assert same("crc:01234567", "v1.3") is False


@pytest.mark.parametrize(("stored", "present"), [(None, "x"), ("x", None), (None, None)])
def test_what_is_missing_is_neither_the_same_nor_another(stored: str | None, present: str | None) -> None:
    assert same(stored, present) is None


def test_todays_digests_are_what_the_first_release_stored() -> None:
    # in statuses, scripts and dashboards: these words never change for these values
    assert Digest.of({"spec": {"containers": [{"name": "app", "image": "app:v2"}]}}) == "be7f74aa4e"
    assert target_digest(at_step(1).spec) == "a81644ce45"
