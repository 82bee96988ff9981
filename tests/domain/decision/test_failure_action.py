"""What a fail leads to: of each SLO its own word, of a distribution a pause, else what the schedule says."""

from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.reasons.vocabulary import Reason
from tests.domain.world import Traffic, World, at_step, schedule

AVAILABILITY = {"name": "availability", "objective": 99.5, "sli": {"requests": {}}}
SHAPE = {"name": "shape", "settle": "15s", "sli": {"latencyDistribution": {}}}
CANARY = "shop-checkout-canary-80"


def slower(index: int = 2, share: float = 0.4, **changes: Any) -> World:
    """Return a world in which the canary has become slower at a step: 5 % of stable's requests take over 250 ms."""
    slos = [{**AVAILABILITY, **changes.pop("availability", {})}, {**SHAPE, **changes.pop("shape", {})}]
    world = at_step(index, traffic=Traffic(slow={"": 0.05, CANARY: 0.05}), schedule=schedule(slos=slos, **changes))
    world.traffic.slow = {"": 0.05, CANARY: share}
    return world


def test_a_slower_canary_pauses_whatever_the_schedule_says_and_a_person_decides() -> None:
    world = slower().until(lambda w: w.status.phase is Phase.PAUSED, ticks=10)
    assert (world.status.reason, world.weight) == (Reason.SLO_VIOLATED, 50)
    assert world.status.message.startswith("shape: slower than 0.25 s: ")
    world.step(20)
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 50)
    world.traffic.slow = {"": 0.05, CANARY: 0.05}
    world.action = "resume#1"
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_it_rolls_back_where_its_slo_says_so() -> None:
    world = slower(shape={"onFailure": "Rollback"}, onFailure="Pause")
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=10)


def test_another_slo_may_pause_where_the_schedule_rolls_back() -> None:
    world = slower(share=0.05, availability={"onFailure": "Pause"})
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.PAUSED, ticks=10)
    world.step(20)
    assert world.status.phase is Phase.PAUSED


def test_a_fail_that_rolls_back_takes_the_canary_off_during_the_pause_of_another() -> None:
    world = slower().until(lambda w: w.status.phase is Phase.PAUSED, ticks=10)
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=10)


def test_a_canary_as_slow_as_stable_is_promoted() -> None:
    world = slower(share=0.05)
    world.until(lambda w: w.status.phase is Phase.PROMOTING)
    assert world.status.reason != Reason.SLO_VIOLATED


def test_without_a_histogram_nothing_advances() -> None:
    world = at_step(1, schedule=schedule(slos=[AVAILABILITY, SHAPE]))
    world.step(60)
    assert (world.status.step is not None and world.status.step.index, world.status.reason) == (1, Reason.NO_DATA)
    assert (
        "shape: the requests of Ingress shop/checkout are counted, and no series tell how long" in world.status.message
    )


@pytest.mark.parametrize("ticks", [1, 2, 5, 9])
def test_a_process_that_ends_meanwhile_forgets_nothing_of_it(ticks: int) -> None:
    world = slower(share=0.13)
    world.step(ticks)
    world.crash()
    world.until(lambda w: w.status.phase is Phase.PAUSED, ticks=40)
