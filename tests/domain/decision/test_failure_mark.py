"""A shadow that a leader without the lease has taken off ends its rollout with the evidence that it carries."""

from datetime import timedelta

import pytest

from ingress_canary.api import FAILED_ANNOTATION
from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.rules.failure_mark import failure_mark
from ingress_canary.domain.reasons.message import verbatim
from tests.domain.world import World, at_step, rollout

EVIDENCE = "availability: canary 100 % bad is worse than 0.5 % allowed"


def marked(world: World, mark: str | None = None) -> World:
    """Let the former leader have taken the shadow off: without the daemon's fingerprint of what it wrote."""
    world.annotate(canary_weight="0")
    text = failure_mark(world.status, verbatim(EVIDENCE)) if mark is None else mark
    world.edit(lambda shadow: shadow["metadata"]["annotations"].update({FAILED_ANNOTATION: text}))
    return world


def test_it_ends_rolled_back_with_the_evidence_and_without_a_shadow() -> None:
    world = marked(at_step(2))
    revision = world.status.revision
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, "SLOViolated")
    assert world.status.message == f"{EVIDENCE}; taken off while the lease could not be renewed"
    assert world.status.failed_revision == revision
    assert world.shadow is None


@pytest.mark.parametrize("action", ["skip", "pause", "promote"])
def test_a_persons_action_that_is_still_open_puts_nothing_back(action: str) -> None:
    world = marked(at_step(2))
    world.action = f"{action}:{world.status.revision}/2#1" if action == "skip" else f"{action}#1"
    world.settle()
    assert (world.status.phase, world.shadow) == (Phase.ROLLED_BACK, None)


def test_a_paused_rollout_ends_too() -> None:
    world = at_step(1)
    world.action = "pause#1"
    world.settle()
    marked(world).settle()
    assert world.status.phase is Phase.ROLLED_BACK


@pytest.mark.parametrize("mark", ["", "no-beginning", f"2020-01-01T00:00:00+00:00#{EVIDENCE}"])
def test_a_mark_that_is_not_of_this_rollout_is_a_lowering_by_somebody(mark: str) -> None:
    world = marked(at_step(2), mark)
    world.settle()
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PAUSED, "Intervened", 0)


def test_a_mark_says_nothing_of_the_next_revisions_rollout() -> None:
    world = marked(at_step(1))
    mark = failure_mark(world.status, verbatim(EVIDENCE))
    assert world.status.started_at is not None
    world.status = world.status.updated(started_at=world.status.started_at + timedelta(hours=1))
    assert failure_mark(world.status, verbatim(EVIDENCE)) != mark
    world.settle()
    assert world.status.phase is Phase.PAUSED


def test_while_images_are_copied_the_mark_ends_nothing() -> None:
    copies = rollout(promotion={"strategy": "CopyImages"})
    world = World(spec=copies, denied="not yet").until(lambda w: w.status.copying is not None)
    marked(world).settle()
    assert (world.status.phase, world.status.reason) == (Phase.PAUSED, "Intervened")


def test_a_text_of_any_length_and_kind_makes_a_message() -> None:
    world = at_step(1)
    beginning = failure_mark(world.status, verbatim(""))
    marked(world, f"{beginning}\x1b[31m{'x' * 200_000}").settle()
    assert world.status.phase is Phase.ROLLED_BACK
    assert len(world.status.message) <= MESSAGE_LENGTH
    assert world.status.message.isprintable()
    assert world.status.message.endswith("taken off while the lease could not be renewed")
