"""The oracle finds each violation in a made-up history, and none in a history as it should be."""

from dataclasses import replace

import pytest

from tests.campaign.history import (
    Course,
    Due,
    Entry,
    LeaseStored,
    PrimaryStored,
    Released,
    Said,
    ShadowStored,
    StableStored,
)
from tests.campaign.oracle import INVARIANTS, judge, name_of, trace

SCALE = 20.0
COURSE = Course((20.0, 50.0, 100.0), bake=20.0, requests=20)
DAEMONS = frozenset({"a", "b"})


def released(at: float = 0, *, bad: bool = False, approved: frozenset[int] = frozenset()) -> Released:
    return Released(at, "books", "books:r1", bad, replace(COURSE, approved=approved))


def shadow(at: float, weight: float | None, served: int = 0, writer: str = "a", **more: bool) -> ShadowStored:
    return ShadowStored(at, "books", writer, weight, served, **more)


def said(at: float, verb: str, step: int | None = None) -> Said:
    return Said(at, "books", verb, step)


def stable(at: float, build: str = "books:r1", writer: str = "a", served: int = 150) -> StableStored:
    return StableStored(at, "books", writer, build, served)


def held(at: float, holder: str = "a") -> LeaseStored:
    return LeaseStored(at, holder or "alice", holder)


BEGIN: tuple[Entry, ...] = (held(0), released(), shadow(1, 0), shadow(1.1, 20))
BAD_BEGIN: tuple[Entry, ...] = (held(0), released(bad=True), shadow(1, 0), shadow(1.1, 20))
UP: tuple[Entry, ...] = (*BEGIN, shadow(3, 50, 30), shadow(5, 100, 90))
DUE = Due(9, "books")
PROMOTED: tuple[Entry, ...] = (*UP, stable(7), shadow(8, None, 200), DUE)
ROLLED_BACK: tuple[Entry, ...] = (*BAD_BEGIN, shadow(3, None, 30), DUE)

CLEAN: dict[str, tuple[Entry, ...]] = {
    "promoted": PROMOTED,
    "rolled back": ROLLED_BACK,
    "aborted": (*UP, said(6, "abort"), shadow(7, None, 200), DUE),
    "aborted and tried again": (
        *BEGIN, said(2, "abort"), shadow(2.1, None, 5), said(3, "retry"), shadow(3.1, 0, 5), shadow(3.2, 20, 5),
        shadow(5, 50, 30), shadow(7, 100, 60), stable(8), shadow(8.1, None, 90), DUE,
    ),
    "begun anew": (
        *UP, said(6, "restart"), shadow(6.1, None, 99), shadow(6.2, 0, 99), shadow(6.3, 20, 99), shadow(8, 50, 140),
    ),
    "begun anew when it had hardly begun": (
        held(0), released(), shadow(1, 0), said(1.05, "restart"), shadow(1.1, 20), shadow(2, None, 9),
        shadow(2.1, 0, 9), shadow(2.2, 20, 9), shadow(4, 50, 30),
    ),
    "skipped": (*BEGIN, said(1.2, "skip", 1), shadow(1.3, 50, 2)),
    "skipped before the shadow had its weight": (
        held(0), released(), shadow(1, 0), said(1.1, "skip", 1), shadow(1.3, 50), shadow(3, 100, 20),
    ),
    "skipped to the end": (*UP, said(5.1, "skip", 3), stable(5.2, served=91)),
    "a bad one skipped": (*BAD_BEGIN, said(1.2, "skip", 1), shadow(1.3, 50, 2), shadow(2, None, 9), DUE),
    "jumped to the last step": (*BEGIN, said(1.2, "promote"), shadow(1.3, 100, 2)),
    "approved": (
        held(0), released(approved=frozenset({2})), shadow(1, 0), shadow(1.1, 20), said(2, "approve", 2),
        shadow(3, 50, 30),
    ),
    "deleted by somebody and resumed": (
        *UP, shadow(6, None, 99, "alice"), said(7, "resume"), shadow(7.1, 0, 99), shadow(7.2, 100, 99),
    ),
    "lowered by somebody and resumed": (
        *UP, shadow(6, 4, 99, "alice"), said(7, "resume"), shadow(7.1, 4, 99), shadow(7.2, 100, 99),
    ),
    "raised by somebody and undone": (*BEGIN, shadow(2, 93, 5, "alice"), shadow(2.1, 20, 9), shadow(4, 50, 99)),
    "deleted by somebody while a finalizer holds it": (
        *UP, shadow(6, 100, 99, "alice", terminating=True), shadow(6.1, 0, 99, terminating=True),
    ),
    "led by another": (
        *BEGIN, held(2, ""), held(2.1, "b"), shadow(2.2, 20, 5, "b"), shadow(3, 50, 40, "b"), held(3.1, "a"),
        shadow(3.2, 50, 50, "a"),
    ),
    "led while somebody writes another name into the Lease": (
        *BEGIN, held(2, "b"), held(2.1, "somebody"), shadow(2.2, 20, 5, "b"), shadow(3, 50, 40, "b"),
    ),
    "written late, before the next leader writes": (*BEGIN, held(2, "b"), shadow(2.9, 50, 40, "a")),
    "made late, at weight 0": (*UP, stable(7), shadow(8, None), held(8.1, "b"), shadow(8.2, 0, writer="a")),
    "edited by people": (*BEGIN, PrimaryStored(2, "books", "alice"), stable(3, "books:r0", "alice")),
}  # fmt: skip

VIOLATED: dict[str, tuple[str, tuple[Entry, ...]]] = {
    "a weight of no step": ("no rise without a cause", (*BEGIN, shadow(3, 42, 40))),
    "a step left out": ("no rise without a cause", (*BEGIN, shadow(3, 100, 40))),
    "a step before it has served": ("no rise without a cause", (*BEGIN, shadow(3, 50, 19))),
    "a step before it has baked": ("no rise without a cause", (*BEGIN, shadow(1.9, 50, 40))),
    "a step left out that was not the skipped one": (
        "no rise without a cause",
        (held(0), released(), shadow(1, 0), said(1.1, "skip", 1), shadow(1.3, 100, 40)),
    ),
    "the step after a skipped one": (
        "no rise without a cause", (*BEGIN, said(1.2, "skip", 1), shadow(1.3, 50, 2), shadow(1.4, 100, 4)),
    ),
    "a step that somebody else than the people skipped": (
        "no rise without a cause", (*BEGIN, said(1.2, "skip", 2), shadow(1.3, 50, 2)),
    ),
    "a step that nobody approved": (
        "no rise without a cause",
        (held(0), released(approved=frozenset({2})), shadow(1, 0), shadow(1.1, 20), shadow(3, 50, 30)),
    ),
    "a weight that somebody lowered comes back": (
        "no rise without a cause", (*UP, shadow(6, 4, 99, "alice"), shadow(7, 100, 99)),
    ),
    "a weight that was resumed before it was lowered comes back": (
        "no rise without a cause", (*UP, said(5.5, "resume"), shadow(6, 4, 99, "alice"), shadow(7, 100, 99)),
    ),
    "a bad canary gets more": ("no rise of a bad canary", (*BAD_BEGIN, shadow(3, 50, 40))),
    "a bad canary gets more than was skipped": (
        "no rise of a bad canary", (*BAD_BEGIN, said(1.2, "skip", 1), shadow(1.3, 50, 2), shadow(4, 100, 90)),
    ),
    "a weight after the fail": (
        "no rise after a fail", (*BAD_BEGIN, shadow(3, None, 30), shadow(4, 0, 30), shadow(4.1, 20, 30)),
    ),
    "a condemned build begun again by the next leader": (
        "no rise after a fail",
        (*BAD_BEGIN, shadow(3, None, 30), held(4, "b"), shadow(5, 0, 30, "b"), shadow(5.1, 20, 30, "b")),
    ),
    "a weight after a restart that was answered already": (
        "no rise after a fail",
        (*BEGIN, said(2, "restart"), shadow(2.1, 0), shadow(2.2, 20), shadow(3, 0, 30, "alice"), shadow(4, 20, 30)),
    ),
    "a weight after a fail that set it to 0": (
        "no rise after a fail", (*BAD_BEGIN, shadow(3, 0, 30), shadow(4, 20, 30)),
    ),
    "promoted before the last step": ("no promotion without a cause", (*UP[:-1], stable(7))),
    "promoted before the last step has served": ("no promotion without a cause", (*UP, stable(7, served=109))),
    "promoted before the last step has baked": ("no promotion without a cause", (*UP, stable(5.9))),
    "written after the next leader": (
        "one writer", (*BEGIN, held(2, "b"), shadow(2.2, 20, 5, "b"), shadow(2.3, 20, 6, "a")),
    ),
    "written by one that never led": ("one writer", (*BEGIN, shadow(3, 20, 40, "b"))),
    "made with a weight by one that leads no more": (
        "one writer",
        (*BEGIN, held(2, "b"), shadow(2.1, None, writer="b"), said(2.2, "resume"), shadow(2.3, 20, writer="a")),
    ),
    "the primary written": ("primary is not written", (*BEGIN, PrimaryStored(2, "books", "a"))),
    "a bad canary promoted": ("nothing bad is promoted", (*BAD_BEGIN, stable(3))),
    "a healthy canary rolled back": ("nothing healthy is rolled back", (*UP, shadow(7, None, 200))),
    "a healthy canary taken off by a leader that had not seen its shadow": (
        "nothing healthy is rolled back", (*BEGIN, held(2, "b"), said(3, "resume"), shadow(3.1, None, 9, "b")),
    ),
    "a healthy canary set to 0": ("nothing healthy is rolled back", (*UP, shadow(7, 0, 200))),
    "a healthy release without an end": ("ends as it must", (*UP, DUE)),
    "a healthy release that was not promoted": ("ends as it must", (*UP, shadow(6, None, 99, "alice"), DUE)),
    "a bad release that runs as stable": ("ends as it must", (*ROLLED_BACK[:-1], stable(4, writer=""), DUE)),
    "a bad release that is still shown": ("ends as it must", (*BAD_BEGIN, DUE)),
}  # fmt: skip


def violated(history: tuple[Entry, ...]) -> set[str]:
    return {one.invariant for one in judge(history, DAEMONS, SCALE).violations}


@pytest.mark.parametrize("history", CLEAN.values(), ids=CLEAN)
def test_a_history_as_it_should_be_violates_nothing(history: tuple[Entry, ...]) -> None:
    assert judge(history, DAEMONS, SCALE).violations == []


@pytest.mark.parametrize(("invariant", "history"), VIOLATED.values(), ids=VIOLATED)
def test_what_must_never_be_is_found(invariant: str, history: tuple[Entry, ...]) -> None:
    assert invariant in violated(history)


def test_each_invariant_is_violated_by_some_history() -> None:
    assert {invariant for invariant, _ in VIOLATED.values()} == {name_of(one) for one in INVARIANTS}


@pytest.mark.parametrize("entry", [one for one in PROMOTED[3:] if one is not DUE], ids=lambda one: type(one).__name__)
def test_no_entry_of_a_promotion_can_be_left_out(entry: Entry) -> None:
    assert violated(tuple(one for one in PROMOTED if one is not entry))


def test_what_is_found_is_told_with_the_entries_of_that_shop_and_with_who_led() -> None:
    other = ShadowStored(2, "cakes", "a", 50)
    history = (*BEGIN, held(1.5), other, shadow(3, 42, 40), shadow(4, 50, 60))
    (first, *_) = judge(history, DAEMONS, SCALE).violations
    assert trace(history, first) == [*BEGIN, history[6]]
    assert trace(history, first, 2) == [BEGIN[-1], history[6]]


def test_it_counts_how_often_each_invariant_had_something_to_say() -> None:
    checked = judge(PROMOTED, DAEMONS, SCALE).checked
    assert checked["no rise without a cause"] == 3
    assert checked["one writer"] == 5
    assert checked["no promotion without a cause"] == 1
    assert checked["primary is not written"] == 0
    assert checked["ends as it must"] == 1
