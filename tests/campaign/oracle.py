"""Oracle of the campaign: replays its history and finds what must never be in it. Pure; used by ``run.py``.

Each invariant is a function of what was before an entry, and of the entry. It yields nothing where the entry does not
concern it, None where it holds, and a sentence where it is violated.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.campaign.history import (
    Course,
    Due,
    Entry,
    LeaseStored,
    PrimaryStored,
    Released,
    ShadowStored,
    StableStored,
    shop_of,
)
from tests.campaign.scene import Scene, ShopState

TOLERANCE = 1.0
"""Seconds of the lab's clock by which a step may seem short: clocks are read in two places."""


class Violation(NamedTuple):
    """What must never be, and was."""

    invariant: str
    number: int
    """Of the entry in the history."""
    shop: str
    text: str


class Judgement(NamedTuple):
    """What a history came to."""

    checked: dict[str, int]
    """How often each invariant had something to say."""
    violations: list[Violation]


class _Rise(NamedTuple):
    """A daemon gives a shadow more weight than it had."""

    state: ShopState
    release: Released
    shadow: ShadowStored

    @property
    def course(self) -> Course:
        return self.release.course

    @property
    def weight(self) -> float:
        return self.shadow.weight or 0.0

    @property
    def step(self) -> int:
        """The step, from 1, that has this weight; 0 where none has."""
        weights = self.course.weights
        return weights.index(self.weight) + 1 if self.weight in weights else 0


def no_rise_without_a_cause(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """A weight rises by a step that was served and baked, or because a person said so."""
    if (rise := _rise(scene, entry)) is None:
        return
    state = rise.state
    if not rise.step:
        yield f"{rise.weight:g} % is no step of {rise.course.weights}"
    elif rise.step <= state.step:
        came_back = f"the weight came back to {rise.weight:g} %, and nobody asked for it"
        yield came_back if state.lowered else None
    elif state.has_said("promote"):
        yield None
    elif jumped := [step for step in range(state.step + 1, rise.step) if not state.has_said("skip", step=step)]:
        yield f"step {rise.step} came after step {state.step}, and nobody had step {jumped[0]} skipped"
    elif state.has_said("skip", step=rise.step - 1):
        yield None
    elif rise.step in rise.course.approved and not state.has_said("approve"):
        yield f"step {rise.step} was entered, and nobody had approved it"
    else:
        yield _lacking(state, rise.course, rise.shadow, scene.scale)


def no_promotion_without_a_cause(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """Stable is given the canary's build once the last step was served and baked, or skipped by a person."""
    if (release := _promoted(scene, entry)) is None or not isinstance(entry, StableStored):
        return
    state, last = scene.shops[entry.shop], len(release.course.weights)
    if state.has_said("skip", step=last):
        yield None
    elif state.step < last:
        yield f"{release.build} was promoted at step {state.step} of {last}"
    else:
        yield _lacking(state, release.course, entry, scene.scale)


def no_rise_of_a_bad_canary(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """A canary that violates its SLO is not given more than its first weight, except by a person."""
    if (rise := _rise(scene, entry)) is None or not rise.release.bad or rise.step <= 1:
        return
    state = rise.state
    asked = state.has_said("promote") or any(state.has_said("skip", step=step) for step in (state.step, rise.step - 1))
    yield None if asked else f"{rise.release.build} is bad, has served {rise.shadow.served} and got {rise.weight:g} %"


def no_rise_after_a_fail(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """What was taken off stays off until a person asks for it."""
    if (rise := _rise(scene, entry)) is None:
        return
    yield f"it was off and got {rise.weight:g} %, and nobody asked for it" if rise.state.off else None


def one_writer(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """Only the Lease's holder writes a shadow, or who held it, until the next holder has written it.

    A shadow that comes late is at weight 0 and carries no version: ADR 10 says why it is harmless.
    """
    if not isinstance(entry, ShadowStored) or not scene.by_daemon(entry):
        return
    came_late = not scene.shops[entry.shop].exists and entry.weight == 0
    allowed = {scene.holder, scene.office.get(entry.shop, "")}
    found = f"{entry.writer} wrote it, and {scene.holder or 'nobody'} was the last to lead"
    yield None if entry.writer in allowed or came_late else found


def primary_is_not_written(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """No daemon writes a primary Ingress."""
    if isinstance(entry, PrimaryStored):
        yield f"{entry.writer} wrote the primary Ingress" if scene.by_daemon(entry) else None


def nothing_bad_is_promoted(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """Stable is not given a build that truly fails, except by a person who skipped the last step."""
    if (release := _promoted(scene, entry)) is None:
        return
    skipped = scene.shops[release.shop].has_said("skip", step=len(release.course.weights))
    yield f"{release.build} is bad and was promoted" if release.bad and not skipped else None


def nothing_healthy_is_rolled_back(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """A canary as good as stable is not taken off before its promotion, except by a person."""
    if not isinstance(entry, ShadowStored) or not scene.by_daemon(entry) or entry.weight:
        return
    state = scene.shops[entry.shop]
    release = state.release
    if release is None or release.bad or not state.step or not state.exposed:
        return
    asked = state.terminating or state.has_said("abort", "restart")
    done = state.stable == release.build
    yield None if asked or done else f"{release.build} is healthy and was taken off at {state.exposed:g} %"


def ends_as_it_must(scene: Scene, entry: Entry) -> Iterator[str | None]:
    """A healthy release ends promoted, a bad one not, and neither leaves a shadow behind."""
    if not isinstance(entry, Due):
        return
    state = scene.shops[entry.shop]
    release = state.release
    if release is None:
        return
    promoted = state.stable == release.build
    if state.exists:
        yield f"{release.build} still has its shadow, at {state.exposed:g} %"
    elif release.bad and promoted:
        yield f"{release.build} is bad and runs as stable"
    elif not release.bad and not promoted and not state.has_said("abort"):
        yield f"{release.build} is healthy and was not promoted"
    else:
        yield None


Invariant = Callable[[Scene, Entry], Iterator[str | None]]
INVARIANTS: tuple[Invariant, ...] = (
    no_rise_without_a_cause,
    no_rise_of_a_bad_canary,
    no_rise_after_a_fail,
    no_promotion_without_a_cause,
    one_writer,
    primary_is_not_written,
    nothing_bad_is_promoted,
    nothing_healthy_is_rolled_back,
    ends_as_it_must,
)


def name_of(invariant: Invariant) -> str:
    """Return an invariant's name, for people."""
    return invariant.__name__.replace("_", " ")


def judge(history: Sequence[Entry], daemons: frozenset[str], scale: float) -> Judgement:
    """Return how often each invariant was looked at in a history, and where it was violated."""
    scene = Scene(daemons, scale)
    checked, violations = Counter({name_of(invariant): 0 for invariant in INVARIANTS}), []
    for number, entry in enumerate(history):
        for invariant in INVARIANTS:
            for problem in invariant(scene, entry):
                checked[name_of(invariant)] += 1
                if problem is not None:
                    violations.append(Violation(name_of(invariant), number, shop_of(entry), problem))
        scene.apply(entry)
    return Judgement(dict(checked), violations)


def trace(history: Sequence[Entry], violation: Violation, length: int = 25) -> list[Entry]:
    """Return the last entries about a shop, and changes of who leads, up to the one that violates an invariant."""
    about: list[Entry] = []
    holder = ""
    for one in history[: violation.number + 1]:
        renewed = isinstance(one, LeaseStored) and one.holder == holder
        if shop_of(one) in ("", violation.shop) and not renewed:
            about.append(one)
        holder = one.holder if isinstance(one, LeaseStored) else holder
    return about[-length:]


def _rise(scene: Scene, entry: Entry) -> _Rise | None:
    if not isinstance(entry, ShadowStored) or not scene.by_daemon(entry):
        return None
    state = scene.shops[entry.shop]
    if state.release is None or (entry.weight or 0.0) <= state.exposed:
        return None
    return _Rise(state, state.release, entry)


def _promoted(scene: Scene, entry: Entry) -> Released | None:
    """Return the release whose build a daemon gives to stable."""
    if not isinstance(entry, StableStored) or not scene.by_daemon(entry):
        return None
    state = scene.shops[entry.shop]
    release = state.release
    return release if release is not None and entry.build == release.build != state.stable else None


def _lacking(state: ShopState, course: Course, left: ShadowStored | StableStored, scale: float) -> str | None:
    """Return what the step that is left lacks, None where it lacks nothing; before the first, nothing is needed."""
    served, seconds = left.served - state.served, (left.at - state.entered) * scale
    if not state.step or state.has_said("skip", step=state.step):
        return None
    if served < course.requests:
        return f"step {state.step} was left after {served} requests, before {course.requests}"
    if seconds < course.bake - TOLERANCE:
        return f"step {state.step} was left after {seconds:.0f} s, before {course.bake:g} s"
    return None
