"""What a verdict asks for, and what it tells a person."""

from math import inf, log
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import LogE, RequestTally, Verdict
from ingress_canary.api.units import format_percent
from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.reasons.message import format_e_value
from ingress_canary.domain.slo.gaps import NO_GAPS, Gap, Gaps
from ingress_canary.domain.slo.relative_test import Worst
from ingress_canary.domain.slo.sequential_tests import NO_INCIDENT, Design, SharedIncident
from ingress_canary.domain.slo.verdicts import describe, judge, slo_status, unopposed

DESIGN = Design(0.01, slos=2, steps=3)
"""Fails at E >= 400, passes at E >= 20."""


class GivenEvidence(NamedTuple):
    """The numbers of an accumulator, chosen freely: a verdict follows from these alone."""

    total: Counts
    step: Counts
    phi: float
    absolute_log_e: float
    relative_log_e: float
    passing_log_e: float
    fresh: bool
    missing: str = ""
    gaps: Gaps = NO_GAPS
    guard_log_e: float = -inf
    settling: Counts = Counts()
    incident: SharedIncident = NO_INCIDENT
    settles_in: float = 0.0
    worst: Worst | None = None
    opposed: bool = False
    slack: float = 0.0

    @property
    def log_bound(self) -> float:
        return max(self.absolute_log_e, self.relative_log_e) + self.slack

    @property
    def passes(self) -> bool:
        return self.passing_log_e >= DESIGN.log_pass


def evidence(**changes: Any) -> Any:
    """Evidence that passes, with changes."""
    base = GivenEvidence(
        total=Counts(1000, 1, 9000, 9),
        step=Counts(600, 0, 5000, 5),
        phi=1.0,
        absolute_log_e=-1.0,
        relative_log_e=-1.0,
        passing_log_e=log(50),
        fresh=True,
    )
    return base._replace(**changes)


def apart(gap: float) -> Gaps:
    return Gaps(Gap(1000 * gap, 1000))


WORSE, HARDLY_WORSE = Counts(1000, 20, 9000, 9), Counts(100_000, 60, 900_000, 90)

VERDICTS = {
    "everything is proven": (evidence(), Verdict.PASS),
    "exactly the proof": (evidence(passing_log_e=DESIGN.log_pass), Verdict.PASS),
    "too few requests": (evidence(step=Counts(49, 0, 5000, 5)), Verdict.INCONCLUSIVE),
    "exactly enough requests": (evidence(step=Counts(50, 0, 5000, 5)), Verdict.PASS),
    "not proven yet": (evidence(passing_log_e=DESIGN.log_pass - 0.001), Verdict.INCONCLUSIVE),
    "not looked at since the restart": (evidence(fresh=False), Verdict.INCONCLUSIVE),
    "absolute suspicion": (evidence(absolute_log_e=log(10)), Verdict.INCONCLUSIVE),
    "relative suspicion": (evidence(relative_log_e=log(10)), Verdict.INCONCLUSIVE),
    "a bound that is suspicious by itself": (evidence(slack=log(1000)), Verdict.PASS),
    "below suspicion": (evidence(absolute_log_e=log(9.99), relative_log_e=log(9.99)), Verdict.PASS),
    "no data": (evidence(fresh=False, missing="timed out"), Verdict.NO_DATA),
    "absolute proof": (evidence(absolute_log_e=DESIGN.log_fail), Verdict.FAIL),
    "absolute proof at any number": (
        evidence(absolute_log_e=log(401), step=Counts(2, 2), total=Counts(2, 2)),
        Verdict.FAIL,
    ),
    "absolute proof stands without data": (
        evidence(absolute_log_e=log(401), fresh=False, missing="timed out"),
        Verdict.FAIL,
    ),
    "relative proof of a difference that matters": (
        evidence(relative_log_e=log(401), gaps=apart(DESIGN.delta)),
        Verdict.FAIL,
    ),
    "relative proof of a difference too small": (
        evidence(relative_log_e=log(401), gaps=apart(DESIGN.delta * 0.999)),
        Verdict.INCONCLUSIVE,
    ),
    "relative proof without a comparison": (evidence(relative_log_e=log(401)), Verdict.INCONCLUSIVE),
    "absolute proof that stable's few requests do not support": (
        evidence(absolute_log_e=log(401), opposed=True, relative_log_e=log(9.99)),
        Verdict.INCONCLUSIVE,
    ),
    "absolute proof that stable's few requests support": (
        evidence(absolute_log_e=log(401), opposed=True, relative_log_e=log(10)),
        Verdict.FAIL,
    ),
    "the guard needs no support": (evidence(absolute_log_e=log(402), guard_log_e=log(401), opposed=True), Verdict.FAIL),
    "settling": (evidence(settles_in=0.1), Verdict.INCONCLUSIVE),
    "not applied yet": (evidence(settles_in=inf), Verdict.INCONCLUSIVE),
    "proven while settling": (evidence(guard_log_e=log(401), absolute_log_e=log(402), settles_in=10.0), Verdict.FAIL),
}


@pytest.mark.parametrize(("given_evidence", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_a_verdict_follows_from_its_conditions(given_evidence: Any, verdict: Verdict) -> None:
    assert judge(DESIGN, given_evidence, 50) is verdict


SENTENCES = {
    "fail, against both": (
        evidence(absolute_log_e=20.9, total=Counts(500, 62, 4120, 3), step=Counts(500, 62, 4120, 3)),
        None,
        (
            "canary 12.4% bad (62 of 500) is worse than 1% allowed and than stable 0.0728% bad (3 of 4,120); "
            "E=1.2e9 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "fail, late in the rollout": (
        evidence(absolute_log_e=9187.47, total=Counts(100_000, 200, 0, 0), step=Counts(300, 200, 0, 0)),
        None,
        (
            "canary 66.7% bad (200 of 300) in this step, 0.2% bad (200 of 100,000) since the start, is worse than 1% "
            "allowed; E=1.2e3990 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "fail, against stable alone": (
        evidence(
            relative_log_e=log(500), gaps=apart(0.004), total=Counts(10_000, 50, 90_000, 90), step=Counts(0, 0, 10, 0)
        ),
        None,
        (
            "canary 0.5% bad (50 of 10,000) is worse than stable 0.1% bad (90 of 90,000); "
            "E=500 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "fail, most of all of one kind of requests": (
        evidence(
            relative_log_e=log(500),
            gaps=apart(0.004),
            total=Counts(10_000, 50, 90_000, 90),
            worst=Worst("POST shop.example.com /pay", Counts(200, 40, 1800, 2), log(400)),
        ),
        None,
        (
            "canary 0.5% bad (50 of 10,000) is worse than stable 0.1% bad (90 of 90,000), most of all "
            "POST shop.example.com /pay: canary 20% bad (40 of 200), stable 0.111% bad (2 of 1,800); "
            "E=500 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "fail, of all kinds of requests": (
        evidence(
            relative_log_e=log(500),
            gaps=apart(0.004),
            total=Counts(10_000, 50, 90_000, 90),
            worst=Worst("POST shop.example.com /pay", Counts(200, 40, 1800, 2), log(399)),
        ),
        None,
        (
            "canary 0.5% bad (50 of 10,000) is worse than stable 0.1% bad (90 of 90,000); "
            "E=500 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "fail, no stable in the step": (
        evidence(
            absolute_log_e=log(500),
            relative_log_e=log(600),
            gaps=apart(0.05),
            total=Counts(100, 5, 900, 0),
            step=Counts(50, 5, 0, 0),
        ),
        None,
        (
            "canary 10% bad (5 of 50) in this step, 5% bad (5 of 100) since the start, is worse than 1% allowed "
            "and than stable 0% bad (0 of 900); E=600 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "fail, by a time that has drowned": (
        evidence(absolute_log_e=log(500), total=Counts(10_000, 60, 0, 0), step=Counts(10_000, 60, 0, 0)),
        None,
        (
            "canary 0.6% bad (60 of 10,000) has for a time been worse than 1% allowed; "
            "E=500 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "no data": (evidence(fresh=False, missing="10.0.0.7: timed out"), None, "no data: 10.0.0.7: timed out"),
    "pass": (
        evidence(),
        None,
        (
            "canary 0% bad (0 of 600) in this step is proven better than 1% allowed; E=50 >= 20, "
            "chance of a false pass <= 5%"
        ),
    ),
    "no request yet": (
        evidence(step=Counts(), passing_log_e=0.0),
        0.0,
        (
            "needs about 380 more canary requests without errors (0 of 380 seen), and none are coming at present, "
            "to be proven better than 1% allowed"
        ),
    ),
    "clean so far": (
        evidence(step=Counts(90, 0, 900, 1), passing_log_e=0.5),
        3.2,
        (
            "needs about 290 more canary requests without errors (90 of 380 seen), at the present 3.2/s about 1m31s, "
            "to be proven better than 1% allowed"
        ),
    ),
    "clean so far, at a crawl": (
        evidence(step=Counts(90, 0, 900, 1), passing_log_e=0.5),
        1e-5,
        (
            "needs about 290 more canary requests without errors (90 of 380 seen), at the present 1e-05/s for months, "
            "to be proven better than 1% allowed"
        ),
    ),
    "an error": (
        evidence(step=Counts(400, 1, 900, 1), passing_log_e=0.5),
        None,
        (
            "canary 0.25% bad (1 of 400) in this step needs about 580 more requests like these, "
            "to be proven better than 1% allowed"
        ),
    ),
    "too many errors": (
        evidence(step=Counts(300, 4, 900, 1), passing_log_e=0.5),
        None,
        (
            "canary 1.33% bad (4 of 300) in this step cannot be proven better than 1% allowed at this ratio; "
            "about 967 more requests without errors would do"
        ),
    ),
    "suspicion": (
        evidence(absolute_log_e=log(150), total=Counts(300, 9, 900, 1)),
        None,
        (
            "canary 3% bad (9 of 300) looks worse than 1% allowed without a proof yet: E=150 of 400; "
            "it cannot pass while that is 10 or more"
        ),
    ),
    "relative suspicion": (
        evidence(relative_log_e=log(150), total=Counts(300, 9, 900, 1)),
        None,
        (
            "canary 3% bad (9 of 300) looks worse than 1.25 times stable without a proof yet: E=150 of 400; "
            "it cannot pass while that is 10 or more"
        ),
    ),
    "a difference that does not matter": (
        evidence(relative_log_e=log(1e6), total=HARDLY_WORSE, step=HARDLY_WORSE),
        None,
        (
            "canary 0.06% bad (60 of 100,000) is proven worse than 1.25 times stable, but by less than the 0.1pp "
            "that matter: it neither fails nor passes"
        ),
    ),
    "not looked at since the restart": (
        evidence(fresh=False),
        None,
        "enough was seen to pass, and fresh evidence is missing",
    ),
    "bursts": (
        evidence(step=Counts(90, 0, 900, 1), passing_log_e=0.5, phi=4.6),
        None,
        (
            "needs about 1,656 more canary requests without errors (90 of 1,746 seen), to be proven better than 1% "
            "allowed; each request counts for 1/4.6, because stable's errors come in bursts"
        ),
    ),
    "an incident that is over": (
        evidence(step=Counts(400, 30, 900, 70), passing_log_e=0.5, incident=SharedIncident(150, 30, over=True)),
        None,
        (
            "canary 7.5% bad (30 of 400) in this step needs about 208 more requests like these, "
            "to be proven better than 1% allowed"
        ),
    ),
    "unsupported": (
        evidence(absolute_log_e=log(500), opposed=True, relative_log_e=log(4), total=Counts(300, 9, 90, 1)),
        None,
        (
            "canary 3% bad (9 of 300) is worse than 1% allowed, and stable has few requests to show it for itself; "
            "it fails once the evidence that it is worse than stable reaches E=10 (now 4)"
        ),
    ),
    "mostly bad while settling": (
        evidence(guard_log_e=log(500), absolute_log_e=log(501), settling=Counts(20, 19), settles_in=100.0),
        None,
        (
            "canary 95% bad (19 of 20) while the step settles is worse than the half that a cold start may explain; "
            "E=500 >= 400, chance of a false rollback <= 1%"
        ),
    ),
    "too many errors, in bursts": (
        evidence(step=Counts(300, 4, 900, 1), passing_log_e=0.5, phi=2.0),
        10.0,
        (
            "canary 1.33% bad (4 of 300) in this step cannot be proven better than 1% allowed at this ratio; about "
            "1,480 more requests without errors would do, at the present 10/s about 2m28s; each request counts for "
            "1/2, because stable's errors come in bursts"
        ),
    ),
    "unsupported, in bursts": (
        evidence(absolute_log_e=log(500), opposed=True, relative_log_e=log(4), total=Counts(300, 9, 90, 1), phi=2.0),
        None,
        (
            "canary 3% bad (9 of 300) is worse than 1% allowed, and stable has few requests to show it for itself; "
            "it fails once the evidence that it is worse than stable reaches E=10 (now 4); each request counts for "
            "1/2, because stable's errors come in bursts"
        ),
    ),
    "pass, in bursts": (
        evidence(phi=2.0),
        None,
        (
            "canary 0% bad (0 of 600) in this step is proven better than 1% allowed; E=50 >= 20, chance of a false "
            "pass <= 5% (an aim, and no bound, because stable's errors come in bursts)"
        ),
    ),
    "failed, in bursts": (
        evidence(absolute_log_e=log(500), total=WORSE, step=Counts(), phi=2.0),
        None,
        (
            "canary 2% bad (20 of 1,000) is worse than 1% allowed and than stable 0.1% bad (9 of 9,000); E=500 >= 400, "
            "chance of a false rollback <= 1% (an aim, and no bound, because stable's errors come in bursts)"
        ),
    ),
    "mostly bad while settling, in bursts": (
        evidence(guard_log_e=log(500), absolute_log_e=log(501), settling=Counts(20, 19), settles_in=100.0, phi=2.0),
        None,
        (
            "canary 95% bad (19 of 20) while the step settles is worse than the half that a cold start may explain; "
            "E=500 >= 400, chance of a false rollback <= 1% (an aim, and no bound, because stable's errors come in "
            "bursts)"
        ),
    ),
    "settling": (
        evidence(settles_in=99.2),
        None,
        "a cold start may still show for 1m40s: until then only a canary that is mostly bad fails",
    ),
    "not applied": (evidence(settles_in=inf), None, "the weight of this step is not applied yet"),
}


@pytest.mark.parametrize(("given_evidence", "rate", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_has_the_numbers(given_evidence: Any, rate: float | None, sentence: str) -> None:
    assert str(describe(DESIGN, given_evidence, 50, rate)) == sentence


def test_the_number_still_missing_respects_min_requests() -> None:
    sentence = str(describe(DESIGN, evidence(), 1000, 10.0))
    assert sentence == (
        "canary 0% bad (0 of 600) in this step is proven better than 1% allowed, and needs 400 more requests "
        "for minRequests of 1,000, at the present 10/s about 40s"
    )
    both = str(describe(DESIGN, evidence(step=Counts(90, 0, 900, 1), passing_log_e=0.5), 1000, None))
    assert both == (
        "needs about 910 more canary requests without errors (90 of 1,000 seen), for minRequests of 1,000 and to be "
        "proven better than 1% allowed"
    )


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (Counts(), "no canary request was seen in this step, and nothing is proven bad; no proof was asked for"),
        (Counts(90, 1), "canary 1.11% bad (1 of 90) in this step, and nothing is proven bad; no proof was asked for"),
        (Counts(600, 0), str(describe(DESIGN, evidence(step=Counts(600, 0)), 50, None))),
    ],
)
def test_a_step_that_asks_for_no_proof_says_what_it_rested_on(seen: Counts, sentence: str) -> None:
    given = evidence(step=seen, passing_log_e=log(50) if seen.n == 600 else 0.5)
    assert str(unopposed(DESIGN, given, 50, 0.0)) == sentence


def test_nothing_proven_is_less_where_evidence_is_discounted() -> None:
    given = evidence(step=Counts(90, 1), passing_log_e=0.5, phi=3.0)
    assert str(unopposed(DESIGN, given, 50, 0.0)) == (
        "canary 1.11% bad (1 of 90) in this step, and nothing is proven bad; no proof was asked for; each request "
        "counts for 1/3, because stable's errors come in bursts"
    )


def test_a_proof_out_of_reach_is_not_promised() -> None:
    sentence = str(describe(Design(1e-9), evidence(step=Counts(10**9, 10**9), passing_log_e=-1.0), 50, None))
    assert sentence.endswith("in this step cannot be proven better than 1e-07% allowed at this ratio")


def test_a_status_holds_counts_logarithms_and_a_bounded_sentence() -> None:
    seen = evidence(fresh=False, missing="x" * 5000)
    got = slo_status("availability", judge(DESIGN, seen, 50), seen, describe(DESIGN, seen, 50, None))
    assert got.verdict is Verdict.NO_DATA
    assert (got.canary, got.stable, got.step) == (
        RequestTally(total=1000, bad=1),
        RequestTally(total=9000, bad=9),
        RequestTally(total=600, bad=0),
    )
    assert got.log_e == LogE(absolute=-1, relative=-1, passing=3.912)
    assert len(got.message) == 1024


@pytest.mark.parametrize(
    ("log_e", "text"),
    [
        (0.0, "1"),
        (log(20), "20"),
        (log(99_999), "99,999"),
        (log(1e5), "1.0e5"),
        (log(9.99e8), "1.0e9"),
        (1e7, "6.6e4342944"),
    ],
)
def test_an_e_value_is_readable_however_large(log_e: float, text: str) -> None:
    assert format_e_value(log_e) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0, "0%"), (0.010000000000000009, "1%"), (0.12351, "12.4%"), (1, "100%"), (1e-9, "1e-07%")]
)
def test_a_ratio_is_read_in_percent(ratio: float, text: str) -> None:
    assert format_percent(ratio) == text


LOGS = st.floats(-1e6, 1e6)
COUNTS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).map(sorted)
SIDES = st.builds(lambda canary, stable: Counts(canary[1], canary[0], stable[1], stable[0]), COUNTS, COUNTS)


@given(
    st.builds(
        GivenEvidence,
        SIDES,
        SIDES,
        st.floats(1, 1e3),
        LOGS,
        LOGS,
        LOGS,
        st.booleans(),
        st.sampled_from(["", "gone"]),
        settles_in=st.just(inf) | st.floats(0, 1e6),
        guard_log_e=st.just(-inf) | LOGS,
        gaps=st.floats(-1, 1).map(apart),
        slack=st.floats(0, 5),
    ),
    st.integers(0, 10**9),
    st.none() | st.floats(0, 1e6),
    st.builds(Design, st.floats(1e-9, 0.5), alpha=st.floats(1e-6, 0.2), slos=st.integers(1, 10)),
)
def test_a_pass_and_a_proof_against_it_never_meet_and_every_verdict_has_a_sentence(
    seen: Any, min_requests: int, rate: float | None, design: Design
) -> None:
    if not seen.total.n:
        seen = seen._replace(absolute_log_e=0.0, relative_log_e=0.0)
    verdict = judge(design, seen, min_requests)
    if verdict is Verdict.PASS:
        assert max(seen.absolute_log_e, seen.relative_log_e) < log(10) <= design.log_fail + 1e-12
        assert seen.step.n >= min_requests
        assert seen.fresh
        assert not seen.settles_in
    if seen.absolute_log_e >= design.log_fail and not (seen.opposed and seen.relative_log_e < log(10)):
        assert verdict is Verdict.FAIL
    got = slo_status("slo", verdict, seen, describe(design, seen, min_requests, rate))
    assert got.message
