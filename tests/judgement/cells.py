"""The cells of the acceptance table: a situation, what is asked of many runs of it, and what must come out."""

from collections.abc import Callable, Iterator, Sequence
from math import exp
from typing import NamedTuple

from ingress_canary.api.rollout_status import Verdict
from tests.judgement.latencies import Latency, LatencySituation, lognormal, mixed
from tests.judgement.traffic import HEALTHY, Judged, Kind, Ratio, Situation, Step, always, between

HOUR = 3600.0
Case = Situation | LatencySituation


class Answer(NamedTuple):
    """What some runs came to."""

    text: str
    number: float
    """What is bounded: a share of the runs, or seconds."""


class Cell(NamedTuple):
    """One situation."""

    name: str
    case: Case
    ask: Callable[[Sequence[Judged]], Answer]
    most: float
    """Largest number that is accepted."""
    share: bool
    """Whether the number is a share of the runs, which chance may exceed by a few."""


def failed(onset: float = 0.0, share: float = 0.5) -> Callable[[Sequence[Judged]], Answer]:
    """Ask how long after an onset a share of the runs has failed; infinite where fewer did at all."""

    def ask(runs: Sequence[Judged]) -> Answer:
        times = sorted(float("inf") if run.failed is None else run.failed - onset for run in runs)
        p50, p95 = times[len(times) // 2], times[int(0.95 * len(times))]
        return Answer(f"failed after {p50:g} s (p95 {p95:g} s)", times[int(share * len(times))])

    return ask


def missed(onset: float) -> Callable[[Sequence[Judged]], Answer]:
    """Ask for the share of the runs that did not fail after an onset."""

    def ask(runs: Sequence[Judged]) -> Answer:
        caught = [run.failed - onset for run in runs if run.failed is not None and run.failed > onset]
        share = 1 - len(caught) / len(runs)
        middle = f", the others failed after {sorted(caught)[len(caught) // 2]:g} s" if caught else ""
        return Answer(f"{share:.1%} missed{middle}", share)

    return ask


def false(runs: Sequence[Judged]) -> Answer:
    """Ask for the share of the runs that failed."""
    share = sum(run.failed is not None for run in runs) / len(runs)
    return Answer(f"{share:.1%} failed", share)


def passed(runs: Sequence[Judged]) -> Answer:
    """Ask for the share of the runs that passed."""
    share = sum(run.passed is not None for run in runs) / len(runs)
    return Answer(f"{share:.1%} passed", share)


def pass_time(runs: Sequence[Judged]) -> Answer:
    """Ask how long half of the runs took to pass."""
    times = sorted(float("inf") if run.passed is None else run.passed for run in runs)
    return Answer(f"passed after {times[len(times) // 2]:g} s", times[len(times) // 2])


def one_step(
    rate: float, weight: float, canary: Ratio, stable: Ratio, seconds: float, *, warm_up: Ratio | None = None,
    warm_seconds: float = 1800.0, bake: float = 0.0, theta: float = 0.01, settle: float = 15.0,
    until: Verdict | None = None, kinds: tuple[Kind, ...] = (Kind(),),
) -> Situation:  # fmt: skip
    """Return a step of ``weight`` after a warm-up in which stable is as at the step's start, unless said otherwise."""
    steps = (Step(weight, canary, stable, seconds, bake, until),)
    return Situation(rate, warm_up or always(stable(0)), steps, warm_seconds, theta, settle, kinds)


def after_an_incident() -> Situation:
    """Return a step of 50 % that is passed and at whose end both sides have an incident, then a bad one at 100 %."""
    incident = between(540, 600, 0.3)
    first = Step(0.5, incident, incident, HOUR, bake=600, until=Verdict.PASS)
    return Situation(100, always(HEALTHY), (first, Step(1.0, always(0.2), always(HEALTHY), 600)))


def cold(share: float) -> Ratio:
    """Return what a cold start adds: a share of slow requests that fades within 30 s."""
    return lambda at: HEALTHY + share * exp(-at / 30)


def every_five_minutes(at: float) -> float:
    """Return the ratio of an incident of a minute that comes with the canary and again every five minutes."""
    return 0.3 if at % 300 < 60 else HEALTHY


def on_a_broken_path(share: float, *, staff: float, broken: float = 0.03) -> tuple[Kind, ...]:
    """Return requests of which a share is on a path that both versions fail on, as are all that staff sends."""
    return Kind("GET /", 1 - share), Kind("GET /broken", share, staff, broken)


def alike(number: int, worse: float = 0.0) -> tuple[Kind, ...]:
    """Return so many kinds of requests, equally many of each."""
    return tuple(Kind(f"GET /{place}", 1 / number, worse=worse) for place in range(number))


OUTAGE = between(-900, -840, 0.5)
"""A minute of the warm-up in which half of stable's requests fail."""
WELL = always(HEALTHY)
LATE, NIGHT = 25 * 60.0, 8 * HOUR


def cells() -> Iterator[Cell]:
    """Yield all cells but those of the boundary."""
    yield Cell(
        "100 % bad after a warm-up with 60 s x 50 %, 1,000/s x 1 %",
        one_step(1000, 0.01, always(1), WELL, 600, warm_up=OUTAGE), failed(), 20, share=False,
    )  # fmt: skip
    worse = one_step(100, 0.05, always(0.03), WELL, HOUR, warm_up=OUTAGE)
    yield Cell("3 % bad after the same, 100/s x 5 %, p50", worse, failed(), 60, share=False)
    yield Cell("3 % bad after the same, 100/s x 5 %, p95", worse, failed(share=0.95), 120, share=False)
    for rate, quiet in ((1, 2030.0), (10, 160.0)):
        yield Cell(
            f"5 % bad after the same, {rate}/s x 5 %",
            one_step(rate, 0.05, always(0.05), WELL, 8 * HOUR, warm_up=OUTAGE), failed(), 1.5 * quiet, share=False,
        )  # fmt: skip
    yield Cell(
        "3 % bad from minute 25 of 30 at 100 %, 100/s",
        one_step(100, 1.0, between(LATE, 2 * HOUR, 0.03), WELL, 1800), missed(LATE), 0.03, share=True,
    )  # fmt: skip
    yield Cell(
        "20 % bad after 8 h quiet at 100 %, theta 5 %, 100/s",
        one_step(100, 1.0, between(NIGHT, 2 * NIGHT, 0.2), WELL, NIGHT + 1000, theta=0.05), failed(NIGHT), 30,
        share=False,
    )  # fmt: skip
    yield Cell(
        "+0.5 pp after 8 h at 50 %, 100/s",
        one_step(100, 0.5, between(NIGHT, 2 * NIGHT, 0.006), WELL, NIGHT + 1800), missed(NIGHT), 0.05, share=True,
    )  # fmt: skip
    for rate, weight, seconds in ((0.2, 0.5, 1800), (0.2, 0.5, 10), (1, 0.9, 1800)):
        yield Cell(
            f"identical 10 %, {rate}/s x {weight:.0%}, warm-up {seconds} s, 6 h",
            one_step(rate, weight, always(0.1), always(0.1), 6 * HOUR, warm_seconds=seconds), false, 0.01, share=True,
        )  # fmt: skip
    for rate, weight in ((10, 0.9), (1, 0.9), (0.2, 0.5)):
        incident = between(600, 1200, 0.3)
        yield Cell(
            f"incident of 10 min x 30 % on both sides, {rate}/s x {weight:.0%}",
            one_step(rate, weight, incident, incident, 2 * HOUR), false, 0.015, share=True,
        )  # fmt: skip
    yield Cell(
        "20 % bad at 100 % after an incident at the end of a step of 50 %, 100/s", after_an_incident(), failed(), 30,
        share=False,
    )  # fmt: skip
    yield Cell(
        "cold start 20 %, 100/s x 10 %", one_step(100, 0.1, cold(0.2), WELL, 1800, settle=150), false, 0.01, share=True
    )
    yield Cell(
        "100 % bad while settling, 100/s x 1 %", one_step(100, 0.01, always(1), WELL, 300, settle=150), failed(), 30,
        share=False,
    )  # fmt: skip
    for weight, most in ((0.05, 300), (0.01, 800)):
        incident = between(10, 70, 0.3)
        yield Cell(
            f"incident of 60 s x 30 % on both sides, 100/s x {weight:.0%}",
            one_step(100, weight, incident, incident, 2 * HOUR, until=Verdict.PASS), pass_time, most, share=False,
        )  # fmt: skip
    yield Cell(
        "incident each 5 min that the canary causes, 100/s x 50 %, bake 10 min",
        one_step(100, 0.5, every_five_minutes, every_five_minutes, 2 * HOUR, bake=600), passed, 0.01, share=True,
    )  # fmt: skip
    yield Cell(
        "hotfix: stable 2 % bad, canary 0.1 %, 100/s x 50 %",
        one_step(100, 0.5, WELL, always(0.02), HOUR, until=Verdict.PASS), pass_time, 60, share=False,
    )  # fmt: skip


def strata() -> Iterator[Cell]:
    """Yield the cells in which the counters tell kinds of requests apart."""
    for share in (0.02, 0.0001):
        yield Cell(
            f"staff, 1/s, on a path with {share:.2%} of the requests that fails 3 % on both sides, 100/s x 5 %",
            one_step(100, 0.05, WELL, WELL, 2 * HOUR, kinds=on_a_broken_path(share, staff=1)), false, 0.01, share=True,
        )  # fmt: skip
    for broken in (0.03, 0.3, 1.0):
        yield Cell(
            f"staff alone, 1/s, on a path with 2 % of the requests that fails {broken:.0%} on both sides, 100/s",
            one_step(100, 0.0, WELL, WELL, HOUR, kinds=on_a_broken_path(0.02, staff=1, broken=broken)), false, 0.01,
            share=True,
        )  # fmt: skip
    worse = Kind("GET /", 0.92), Kind("GET /worse", 0.08, worse=0.2)
    yield Cell(
        "one kind of requests of 8 % fails 20 %, 10/s x 5 %",
        one_step(10, 0.05, WELL, WELL, 2 * HOUR, kinds=worse), failed(), 1.3 * 650, share=False,
    )  # fmt: skip
    yield Cell(
        "+5 pp on each of 32 kinds of requests, 1/s x 50 %",
        one_step(1, 0.5, WELL, WELL, 2 * HOUR, kinds=alike(32, 0.05)), failed(), 1.3 * 400, share=False,
    )  # fmt: skip
    yield Cell(
        "healthy, 32 kinds of requests, 10/s x 50 %",
        one_step(10, 0.5, WELL, WELL, 2 * HOUR, kinds=alike(32)), false, 0.01, share=True,
    )  # fmt: skip


def boundary() -> Iterator[Cell]:
    """Yield the cells on the boundary of the nulls, with a look each 10 s for six hours."""
    for rate in (0.2, 1, 10, 100, 1000):
        for weight in (0.01, 0.1, 0.5, 0.9):
            where = f"{rate}/s x {weight:.0%}"
            at_theta = one_step(rate, weight, always(0.01), always(0.008), 6 * HOUR)
            yield Cell(f"healthy, {where}", one_step(rate, weight, WELL, WELL, 6 * HOUR), false, 0.01, share=True)
            yield Cell(f"canary at theta, stable at 0.8 theta, {where}", at_theta, false, 0.01, share=True)
            yield Cell(f"canary at theta, stable at 0.8 theta, {where}: step", at_theta, passed, 0.05, share=True)


USUAL = lognormal(0.08, 0.5)
"""Half of the requests take less than 80 ms, one in a thousand more than 375 ms."""
WITH_A_TAIL = mixed(USUAL, lognormal(0.8, 0.3), 0.01)
TWICE = lognormal(0.16, 0.5)


def distribution(
    canary: Latency, stable: Latency = USUAL, seconds: float = HOUR / 2, each: float = 0.0, together: float = 0.0
) -> LatencySituation:
    """Return a step of 10 % at 100 requests/s; latencies wander on each side by itself, or on both together."""
    return LatencySituation(100, stable, canary, 0.1, seconds, each or together, shared=not each)


def distributions() -> Iterator[Cell]:
    """Yield the cells of the SLO that compares the distribution of latency: where a bound of 500 ms sees little."""
    where = "100/s x 10 %, distribution"
    tail = mixed(TWICE, lognormal(0.8, 0.3), 0.01)
    yield Cell(f"p50 x2 below the bound, {where}", distribution(TWICE), failed(), 30, share=False)
    yield Cell(f"p50 x2 with the same tail, {where}", distribution(tail, WITH_A_TAIL), failed(), 30, share=False)
    few, later = mixed(USUAL, lognormal(0.32, 0.5), 0.05), mixed(USUAL, lognormal(4, 0.3), 0.01)
    yield Cell(f"5 % of the requests x4, {where}", distribution(few), failed(), 120, share=False)
    yield Cell(f"a tail of 0.8 s becomes 4 s, {where}", distribution(later, WITH_A_TAIL), failed(), 120, share=False)
    yield Cell(f"healthy, {where}", distribution(USUAL), false, 0.01, share=True)
    yield Cell(f"both sides wander by 30 %, {where}", distribution(USUAL, together=0.3), false, 0.01, share=True)
    # what the two sides do not have in common is a difference: why it only pauses
    for spread, most in ((0.1, 0.01), (0.2, 0.05), (0.3, 0.21)):
        yield Cell(
            f"each side wanders by {spread:.0%}, {where}", distribution(USUAL, each=spread), false, most, share=True
        )
