"""A kind of SLI is one class: the registry has each, nothing else asks which it is, and a new one is judged too."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from pydantic import ValidationError

import ingress_canary
from ingress_canary.api.rollout_status import Verdict
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.sli import Sli, SliModel
from ingress_canary.api.slo import Slo
from ingress_canary.domain.evaluation.evaluation import Evaluation, EvidenceMode, TickInputs, tick
from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capabilities, Capability, lacking, source_for
from ingress_canary.domain.metrics.counter_feed import CounterFeed, Followed
from ingress_canary.domain.metrics.counter_state import Sample, SeriesKey
from ingress_canary.domain.metrics.kinds.kind import CountedSli, Need
from ingress_canary.domain.metrics.kinds.registry import SLI_KINDS
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.request_feed import sums_of_sides
from ingress_canary.domain.metrics.samples import NoData, Reading, Series, Strata
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import StepList
from ingress_canary.domain.slo.plan import Plan
from tests.domain.metrics.test_counting import BEGIN, CANARY, SIGNALS, STABLE, TICK, requests

PACKAGE = Path(ingress_canary.__file__).parent
KINDS = PACKAGE / "domain" / "metrics" / "kinds"


def test_every_field_of_an_sli_has_its_kind() -> None:
    assert list(SLI_KINDS) == list(Sli.models())


UNMISTAKABLE = {"prometheus_threshold", "prometheusThreshold", "latency_distribution", "latencyDistribution"}
"""Fields whose names stand for nothing else."""


def branches(source: str) -> set[str]:
    """Return where a module asks which kind an SLI is: by its field, or by its class."""
    modules = {path.stem for path in KINDS.glob("*.py")} - {"__init__", "kind", "registry", "sli_set"}
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name, value=ast.Attribute(attr="sli")) if name in Sli.model_fields:
                found.add(f"sli.{name}")
            case ast.ImportFrom(module=str(module)) if module.rpartition(".")[2] in modules and "kinds" in module:
                found.add(module)
            case ast.Constant(value=str(text)) if text in UNMISTAKABLE:
                found.add(text)
    return found


def test_nothing_outside_the_kinds_asks_which_kind_an_sli_is() -> None:
    asking = {path: found for path in PACKAGE.rglob("*.py") if (found := branches(path.read_text()))}
    assert {path for path in asking if path.parent != KINDS} == set()
    assert branches("if slo.sli.prometheus is None: ...") == {"sli.prometheus"}
    wrong = "from ingress_canary.domain.metrics.kinds.gauge import Gauge"
    assert branches(wrong) == {"ingress_canary.domain.metrics.kinds.gauge"}


class ToySli(SliModel):
    """What a queue drops."""

    queue: str


class ToyChoice(Sli):
    toy: ToySli | None = None


class ToySlo(Slo):
    sli: ToyChoice


class ToySchedule(ScheduleSpec):
    slos: list[ToySlo]  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Dropped(CountedSli[ToySli], CounterFeed):
    """Counts what a queue drops, from series of its own."""

    queue: str

    @classmethod
    def of(cls, model: ToySli) -> Self:
        return cls(model.queue)

    @property
    def needs(self) -> tuple[Need, ...]:
        return (Need("queue", Capability.QUERY_COUNTERS),)

    @property
    def feed(self) -> CounterFeed:
        return self

    @property
    def title(self) -> str:
        return f"queue {self.queue}"

    def samples(self, reading: Reading, signals: Signals) -> Mapping[SeriesKey, Sample]:
        samples = {}
        for series in reading.series:
            side = signals.side(series.labels)
            if series.family == self.queue and side is not None:
                key = series.instance, frozenset(series.labels.items())
                samples[key] = Sample(series.at, side, series.labels["dropped"], (series.value,))
        return samples

    def counts(self, followed: Followed) -> Strata | NoData:
        return sums_of_sides(
            followed.increases, lambda increase: round(increase.by[0]) if increase.status == "yes" else 0
        )


SPEC = ToySchedule.model_validate(
    {
        "steps": [{"weight": 50, "bake": "1h"}],
        "slos": [
            {"name": "availability", "objective": 99, "sli": {"requests": {}}},
            {"name": "dropped", "objective": 99, "sli": {"toy": {"queue": "jobs"}}},
        ],
        "analysis": {"settle": "0s"},
    }
)
SLIS = SliSet.of(SPEC.slos, SPEC.analysis, {**SLI_KINDS, "toy": Dropped})


def queued(value: float, canary: str, dropped: str, at: float) -> Series:
    return Series("jobs", "a", {"service": "web", "canary": canary, "dropped": dropped}, value, BEGIN + at * TICK)


def judged(canary_drops: int, *, queue: bool = True) -> Evaluation:
    """Return the evaluation after an hour's tenth in which both sides take 100 jobs and requests a tick."""
    walk = StepList.of(SPEC)
    compiled = CompiledSchedule(SPEC, walk, Plan.of(SPEC, SLIS, (None,)), SLIS)
    evaluation = Evaluation.new(compiled).enter(1).applied(BEGIN)
    step = walk.at(1)
    at = TickInputs(compiled, SIGNALS, EvidenceMode.JUDGING, step, step.exposure, sticky=False, interval=10)
    for number in range(36):
        jobs = [
            queued(number * (100 - canary_drops), CANARY, "no", number),
            queued(number * canary_drops, CANARY, "yes", number),
            queued(number * 100, STABLE, "no", number),
        ]
        both = [requests(number * 100, canary=canary, tick=number) for canary in (CANARY, STABLE)]
        reading = Reading(BEGIN + number * TICK, series=(*both, *(jobs if queue else ())))
        evaluation = tick(evaluation, reading, at)
    return evaluation


def test_a_kind_of_one_class_and_one_registration_is_counted_and_judged() -> None:
    bad = judged(canary_drops=30).analysis
    assert bad.failed == ("dropped",)
    assert (bad.tracks[1].step.n, bad.tracks[1].step.e) == (3500, 1050)
    assert dict(judged(canary_drops=0).analysis.named_verdicts) == {
        "availability": Verdict.PASS, "dropped": Verdict.PASS,
    }  # fmt: skip


def test_without_its_series_it_has_no_data_and_its_own_words_for_them() -> None:
    silent = judged(canary_drops=0, queue=False)
    assert (silent.analysis.without_data, str(silent.no_data)) == (("dropped",), "dropped: no series yet of queue jobs")


def test_the_model_asks_for_exactly_one_of_all_fields_a_new_one_too() -> None:
    with pytest.raises(ValidationError, match="latency, latencyDistribution, prometheus, prometheusThreshold and toy"):
        ToyChoice.model_validate({"requests": {}, "toy": {"queue": "jobs"}})


ANSWERS_QUERIES = frozenset({Capability.REQUESTS, Capability.QUERY_COUNTERS})
ANSWERS_NOTHING = frozenset[Capability]()


@pytest.mark.parametrize(
    ("sources", "chosen", "missing"),
    [
        ((OF_CONTROLLERS,), 0, {Capability.QUERY_COUNTERS}),
        ((OF_CONTROLLERS, ANSWERS_QUERIES), 1, set()),
        ((ANSWERS_QUERIES, frozenset(Capability)), 0, set()),
        ((ANSWERS_NOTHING, OF_CONTROLLERS), 1, {Capability.QUERY_COUNTERS}),
    ],
)
def test_the_first_source_that_answers_all_is_taken_or_the_one_that_lacks_least(
    sources: tuple[Capabilities, ...], chosen: int, missing: set[Capability]
) -> None:
    assert SLIS.needs == ANSWERS_QUERIES
    assert source_for(SLIS.needs, sources) == chosen
    assert lacking(SLIS.needs, sources) == missing


def test_a_kind_names_the_field_that_no_source_can_answer() -> None:
    toy = SLIS.counted["dropped"]
    assert list(toy.faults(ANSWERS_NOTHING)) == []
    (fault,) = toy.faults(frozenset({Capability.QUERY_COUNTERS}))
    assert (fault.field, fault.what) == ("queue", "needs evidence from Prometheus")


def test_two_slos_of_one_feed_are_followed_once() -> None:
    assert list(SliSet({"a": Dropped("jobs"), "b": Dropped("jobs"), "c": Dropped("mail")}).feeds) == [
        Dropped("jobs"), Dropped("mail"),
    ]  # fmt: skip
