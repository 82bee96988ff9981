"""A request that only the canary may answer: what is sent, and what its answer shows."""

from datetime import UTC, datetime, timedelta

import pytest

from ingress_canary.api.rollout import Probe
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.effectiveness import EffectState, ShareObservation, judge_effect
from ingress_canary.domain.traffic.probe import (
    ProbeAnswer,
    ProbeRequest,
    probe_request,
    read_probe_answer,
    unaskable_probe,
)
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PATTERN = HeaderRoute(name="X-Canary", pattern="^staff-.*")
PROBE = Probe(url="http://shop.example/", header="X-Version", value="{{revision}}")
ASKED = ProbeRequest("http://shop.example/", None, {"X-Canary": "always"}, "X-Version", "v2", 5.0)


@pytest.mark.parametrize(
    ("exposure", "send", "headers"),
    [
        (Exposure(0, HeaderRoute(name="X-Canary")), None, {"X-Canary": "always"}),
        (Exposure(0, HeaderRoute(name="X-Canary", value="staff")), "ignored", {"X-Canary": "staff"}),
        (Exposure(5, PATTERN), "staff-7", {"X-Canary": "staff-7"}),
        (Exposure(5, PATTERN, "beta"), None, {"Cookie": "beta=always"}),
        (Exposure(5, None, "beta"), None, {"Cookie": "beta=always"}),
        (Exposure(5, HeaderRoute(name="X-Canary"), "beta"), None, {"X-Canary": "always"}),
        (Exposure(5, PATTERN), None, None),
        (Exposure(50), None, None),
    ],
)
def test_a_probe_goes_the_way_that_the_step_forces(
    exposure: Exposure, send: str | None, headers: dict[str, str] | None
) -> None:
    probe = PROBE.model_copy(update={"send": send})
    request = probe_request(probe, exposure, NginxRouter(), "v2")
    assert (request and request.headers) == headers
    assert request is None or (request.value, request.timeout) == ("v2", 5.0)


def test_a_pattern_needs_a_value_that_matches_it() -> None:
    routes = (Exposure(0, HeaderRoute(name="X-Staff", value="yes")), Exposure(5, PATTERN))
    assert list(unaskable_probe(PROBE.model_copy(update={"send": "staff-7"}), routes)) == []
    assert list(unaskable_probe(PROBE, routes[:1])) == []
    (why,) = unaskable_probe(PROBE, routes)
    assert why.field == "spec.probe"
    assert "X-Canary" in why.what
    assert "set send to a value" in why.remedy


@pytest.mark.parametrize(
    ("code", "headers", "by_canary", "expected"),
    [
        (200, {"X-Version": "v2"}, True, "answered by the canary (X-Version: v2)"),
        (500, {"X-Version": "v2 "}, True, "answered by the canary"),
        (200, {"X-Version": "v1"}, False, "said X-Version: v1 where the canary says v2"),
        (503, {"X-Version": "v1"}, False, "said X-Version: v1"),
        (200, {}, False, "answered 200 without X-Version"),
        (404, {}, False, "answered 404 without X-Version"),
        (308, {}, None, "answered 308"),
        (503, {}, None, "answered 503"),
        (200, {"X-Version": "x" * 500}, False, f"said X-Version: {'x' * 64} where"),
    ],
)
def test_only_an_answer_that_one_of_the_versions_gave_says_anything(
    code: int, headers: dict[str, str], by_canary: bool | None, expected: str
) -> None:
    answer = read_probe_answer(ASKED, NOW, code, headers)
    assert (answer.by_canary, answer.at) == (by_canary, NOW)
    assert expected in str(answer.message)


RIGHT = ProbeAnswer(NOW, by_canary=True, message=verbatim("right"))
WRONG = ProbeAnswer(NOW, by_canary=False, message=verbatim("wrong"))
MUTE = ProbeAnswer(NOW - timedelta(seconds=1), by_canary=None, message=verbatim("mute"))


@pytest.mark.parametrize(
    ("seen", "state", "message"),
    [
        (ShareObservation(0, 0, 0, forced=True, probe=WRONG), EffectState.NOT_EFFECTIVE, "wrong"),
        (ShareObservation(0.5, 500, 1000, probe=WRONG), EffectState.NOT_EFFECTIVE, "wrong"),
        (
            ShareObservation(0, 0, 0, forced=True, probe=RIGHT),
            EffectState.EFFECTIVE,
            "right; no forced traffic seen yet",
        ),
        (ShareObservation(0.05, 0, 1000, probe=RIGHT), EffectState.NOT_EFFECTIVE, "canary got 0 of 1,000"),
        (ShareObservation(0.5, 500, 1000, probe=RIGHT), EffectState.EFFECTIVE, "canary got 500 of 1,000"),
        (ShareObservation(0, 0, 0, forced=True, probe=MUTE), EffectState.UNKNOWN, "no forced traffic seen yet; mute"),
        (ShareObservation(0.05, 0, 1000, probe=MUTE), EffectState.NOT_EFFECTIVE, "; mute"),
    ],
)
def test_a_wrong_answer_is_no_effect_a_right_one_fills_what_the_share_leaves_open(
    seen: ShareObservation, state: EffectState, message: str
) -> None:
    shown = judge_effect(seen)
    assert shown.state is state
    assert message in str(shown.message)
