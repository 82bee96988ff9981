"""The faults of a campaign are a function of its seed, and every kind has its turn."""

from collections import Counter

from tests.campaign.faults import KINDS, Target
from tests.campaign.plan import plan


def test_the_same_seed_gives_the_same_faults_and_another_one_others() -> None:
    assert list(plan(KINDS, 50, 7)) == list(plan(KINDS, 50, 7))
    assert list(plan(KINDS, 50, 7)) != list(plan(KINDS, 50, 8))
    assert list(plan(KINDS, 50, 7)) == list(plan(KINDS, 300, 7))[:50]


def test_every_kind_comes_once_before_any_comes_again() -> None:
    turns = Counter(one.kind.name for one in plan(KINDS, 2 * len(KINDS), 1))
    assert turns == Counter({kind.name: 2 for kind in KINDS})


def test_there_are_so_many_kinds_of_faults_of_each_target() -> None:
    kinds = Counter(kind.target for kind in KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert sum(kinds.values()) - kinds[Target.PAGES] - kinds[Target.ANSWERS] >= 90
    assert kinds[Target.PAGES] + kinds[Target.ANSWERS] >= 50
    assert min(kinds.values()) >= 10
