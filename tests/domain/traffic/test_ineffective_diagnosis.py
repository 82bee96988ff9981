"""Why a weight may have no effect: which causes are named, and which comes first."""

from datetime import UTC, datetime, timedelta

import pytest

from ingress_canary.domain.metrics.counter_state import CounterState, Sample
from ingress_canary.domain.metrics.counting import CounterBook, Requests, requests_by_process
from ingress_canary.domain.metrics.samples import Instance, Reading, Side
from ingress_canary.domain.preflight.problem import Problem, ProblemSeverity
from ingress_canary.domain.traffic.ineffective_diagnosis import Circumstances, likely_causes, requests_since

FOUND = Problem(
    22, "routing-ignores-zones", ProblemSeverity.WARNING, "Service shop/checkout", "spec", "zones", "remove it"
)
APPLIED, NOT_APPLIED = Requests(canary=50, stable=450), Requests(canary=0, stable=500)
AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Circumstances(0.1), "nothing that explains it was found"),
        (Circumstances(0.1, problems=[FOUND]), "preflight: Service shop/checkout spec: zones; remove it"),
        (Circumstances(0.1, orphaned=("no-service",)), "the controllers call the shadow an orphan (no-service): they"),
        (
            Circumstances(0.1, processes={"a": APPLIED, "b": NOT_APPLIED}),
            "not applied by every controller: b (0 of 500",
        ),
        (Circumstances(0.1, ready=0, unready=2), "no endpoint of the canary is ready (2 are not)"),
        (Circumstances(0.1, ready=1, unready=2), "2 of 3 endpoints of the canary are not ready"),
    ],
    ids=["nothing", "preflight", "orphan", "one controller", "no endpoint", "few endpoints"],
)
def test_each_cause_is_named(given: Circumstances, says: str) -> None:
    assert ", ".join(map(str, likely_causes(given))).startswith(says)


def test_the_causes_come_in_the_order_in_which_to_check_them() -> None:
    everything = Circumstances(0.1, [FOUND], ("no-service",), {"a": APPLIED, "b": NOT_APPLIED}, 0, 1)
    said = "; ".join(map(str, likely_causes(everything)))
    places = [said.index(word) for word in ("preflight", "orphan", "not applied", "no endpoint of the canary")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "processes",
    [{"a": NOT_APPLIED, "b": NOT_APPLIED}, {"a": APPLIED, "b": Requests(0, 100)}, {"a": APPLIED}],
    ids=["all are idle", "too few requests to tell", "all have applied"],
)
def test_a_controller_is_suspected_only_where_others_follow_and_enough_was_to_be_expected(
    processes: dict[str, Requests],
) -> None:
    assert likely_causes(Circumstances(0.1, processes=processes)) == likely_causes(Circumstances(0.1))


def test_a_process_that_has_counted_nothing_is_known_and_one_that_began_anew_counts_from_0() -> None:
    reading = Reading(AT + timedelta(seconds=10), (Instance("a", None), Instance("b", None)))
    samples = {
        ("a", frozenset({("canary", "x")})): Sample(reading.at, Side.CANARY, "200", (30,)),
        ("a", frozenset({("status", "500")})): Sample(reading.at, Side.STABLE, "500", (70,)),
        ("a", frozenset({("status", "200")})): Sample(reading.at, Side.STABLE, "200", (200,)),
    }
    ledger, _ = CounterState().follow(reading, samples)
    now = requests_by_process(CounterBook(reading.at, ledger))
    assert now == {"a": Requests(30, 270), "b": Requests(0, 0)}
    assert requests_since(now, {"a": Requests(10, 100)})["a"] == Requests(20, 170)
    assert requests_since(now, {"a": Requests(10, 1000)})["a"] == Requests(30, 270)
