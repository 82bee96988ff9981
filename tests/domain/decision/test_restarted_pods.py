"""A restart of a workload's pods is no other version: it begins no condemned revision again and loses no evidence."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.objects.digest import Digest
from ingress_canary.domain.objects.revision import RESTART_ANNOTATIONS, template_hash
from ingress_canary.domain.objects.workload import Workload
from tests.domain.decision.test_another_algorithm import WORLDS, condemned
from tests.domain.world import World, at_step, deployment


def annotated(workload: Workload, **annotations: str) -> Workload:
    """Return a workload whose pods have some annotations more."""
    metadata = workload.template["metadata"]
    together = {**metadata.get("annotations", {}), **annotations}
    return replace(workload, template={**workload.template, "metadata": {**metadata, "annotations": together}})


def restarted(
    workload: Workload | None, at: str = "2026-03-02T10:00:00Z", by: str = RESTART_ANNOTATIONS[0]
) -> Workload:
    """Return a workload whose pods have been restarted."""
    assert workload is not None
    return annotated(workload, **{by: at})


@pytest.mark.parametrize("by", RESTART_ANNOTATIONS)
def test_a_restart_does_not_put_a_condemned_canary_back(by: str) -> None:
    world = condemned()
    world.canary = restarted(world.canary, by=by)
    for _ in range(20):
        world.step()
        assert world.status.phase is Phase.ROLLED_BACK
    world.canary = annotated(restarted(world.canary), config="2")
    world.until(lambda w: w.status.phase is not Phase.ROLLED_BACK, ticks=20)


@pytest.mark.parametrize("side", ["canary", "stable"])
def test_a_restart_at_a_step_loses_no_evidence(side: str) -> None:
    world = at_step(2)
    before = world.status
    setattr(world, side, restarted(getattr(world, side)))
    world.step()
    assert (world.status.step, world.status.revision) == (before.step, before.revision)
    assert len(world.status.history) == len(before.history)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_what_an_earlier_release_stored_of_restarted_pods_is_still_theirs(world: Callable[[], World]) -> None:
    """Release 0.1 hashed the whole template, with whatever annotations."""
    made = world()
    for side in ("canary", "stable"):
        setattr(made, side, restarted(getattr(made, side)))
    whole = {side: str(Digest.of(getattr(made, side).template)) for side in ("canary", "stable")}
    status, baseline = made.status, made.status.baseline
    made.status = status.model_copy(
        update={
            "revision": whole["canary"],
            "failed_revision": status.failed_revision and whole["canary"],
            "baseline": baseline
            and baseline.model_copy(update={"template": whole["stable"], "canary": whole["canary"]}),
        }
    )
    entries = len(made.status.history)
    made.step()
    assert len(made.status.history) == entries
    # the next restart is none either: what is stored now has no part of the first one
    for side in ("canary", "stable"):
        setattr(made, side, restarted(getattr(made, side), at="2026-03-03T10:00:00Z"))
    made.step()
    assert len(made.status.history) == entries


def test_nothing_else_is_left_out() -> None:
    plain = deployment("checkout", "app:v2")
    assert template_hash(restarted(plain)) == template_hash(plain) == Digest.of(plain.template)
    assert template_hash(annotated(restarted(plain), config="2")) == template_hash(annotated(plain, config="2"))
    assert template_hash(annotated(plain, config="2")) != template_hash(plain)
    assert template_hash(restarted(plain), ()) != template_hash(plain), "the setting is empty"
