"""What the API server does not let be written is told with its words, and the weight that is shown is the shadow's."""

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.reconcile.assemble import assemble
from ingress_canary.domain.status.publish import published_status
from tests.domain.world import World, at_step

WORDS = 'patch ingresses shop/checkout-canary: HTTP 500, failed calling webhook "validate.nginx.ingress.kubernetes.io"'


def refused(world: World, words: str = WORDS) -> World:
    """Let the API server answer a write of the shadow with these words."""
    world.memory = world.memory._replace(unwritten=words, failures=1)
    return world


def shown(world: World) -> tuple[float | None, float, str, str]:
    """Return the shown and the wanted weight, the reason and the message of the next status."""
    seen = assemble(world.gathered()).seen
    decision = decide(seen, world.now)
    status = published_status(decision, world.now, seen=seen)
    assert [alert.reason for alert in decision.alerts].count(Reason.SHADOW_REJECTED) == 1
    return status.actual_weight, status.weight, status.reason, status.message


def test_a_weight_that_is_refused_is_told_and_the_one_on_the_shadow_is_shown() -> None:
    world = at_step(1)
    world.status = world.status.updated(weight=50)
    assert shown(refused(world)) == (
        5, 50, Reason.SHADOW_REJECTED, f"the shadow cannot be changed: its weight is 5 %, and 50 % is wanted; {WORDS}",
    )  # fmt: skip


def test_once_it_is_written_the_wanted_weight_is_the_one_that_is_shown() -> None:
    world = at_step(1)
    assert (world.status.actual_weight, world.status.weight) == (5, 5)


def test_a_graver_reason_stays_and_the_refusal_is_told_beside_it() -> None:
    world = at_step(1)
    world.outage = "no answer"
    world.step(2)
    _, _, reason, message = shown(refused(world))
    assert reason == Reason.NO_DATA
    assert message.startswith("no answer; the shadow cannot be changed: its weight is 5 %")


def test_a_shadow_that_cannot_be_created_is_told_without_weights() -> None:
    world = World()
    *_, message = shown(refused(world))
    assert message == f"learning how stable's errors vary, 30s to go; the shadow cannot be created: {WORDS}"


def test_a_removal_that_is_refused_is_a_condition_of_the_rollout_at_rest() -> None:
    world = at_step(1)
    kept = world.shadow
    world.action = "abort#1"
    world.settle()
    assert world.status.phase is Phase.ROLLED_BACK
    world.shadow = kept
    seen = assemble(refused(world).gathered()).seen
    status = published_status(decide(seen, world.now), world.now, seen=seen)
    removed = next(condition for condition in status.conditions if condition.type == "ShadowRemoved")
    assert (removed.status, removed.reason, status.actual_weight) == ("False", Reason.SHADOW_REJECTED, 5)
    assert removed.message == f"the shadow cannot be changed: its weight is 5 %, and 0 % is wanted; {WORDS}"
