"""What is sent to people: each transition and what calls for a person, once, in text that the schedule chose."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ingress_canary.api.notification import Notification, Severity
from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.domain.decision.observation import Alert, Decision
from ingress_canary.domain.metrics.templates import render, render_beginning
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.reasons.vocabulary import ASKING, CRITICAL, WARNING, Reason, severity
from ingress_canary.domain.status.notice_template import VARIABLES, notification_faults
from ingress_canary.domain.status.notices import (
    BODY,
    TRIAL,
    Audience,
    Notice,
    NoticeSubject,
    news,
    notices,
    standing,
    trial_notice,
    wants_notice,
)
from ingress_canary.domain.status.publish import published_status, worth_writing
from tests.domain.world import BEGIN, INTERVAL, Traffic, World, at_step

KEY = Key("shop", "checkout")
SUBJECT = NoticeSubject(KEY, "uid-1")


def notification(**members: Any) -> Notification:
    return Notification.model_validate({"name": "chat", "secretRef": {"name": "chat", "key": "urls"}, **members})


def status(**members: Any) -> RolloutStatus:
    return RolloutStatus.model_validate({"phase": "Progressing", "reason": "Baking", **members})


def notices_for(found: Any, after: RolloutStatus | None = None, **members: Any) -> list[Notice]:
    return list(notices(SUBJECT, found, after, [Audience("sre", (notification(**members),))]))


def test_every_reason_has_one_severity() -> None:
    assert not CRITICAL & WARNING
    assert {severity(reason) for reason in CRITICAL} == {Severity.CRITICAL}
    assert {severity(reason) for reason in WARNING} == {Severity.WARNING}
    assert {severity(reason) for reason in set(Reason) - CRITICAL - WARNING} == {Severity.INFO}
    assert [one.rank for one in Severity] == [0, 1, 2]


@pytest.mark.parametrize(
    ("members", "reason", "wanted"),
    [
        ({}, Reason.STEP_PASSED, True),
        ({"severity": "info"}, Reason.SLO_VIOLATED, True),
        ({"severity": "warning"}, Reason.STEP_PASSED, False),
        ({"severity": "warning"}, Reason.NO_DATA, True),
        ({"severity": "warning"}, Reason.SLO_VIOLATED, True),
        ({"severity": "critical"}, Reason.NO_DATA, False),
        ({"severity": "critical"}, Reason.DRIFT_FIGHT, True),
        ({"reasons": ["Promoted"]}, Reason.PROMOTED, True),
        ({"reasons": ["Promoted"]}, Reason.STEP_PASSED, False),
        ({"reasons": ["Promoted"], "severity": "warning"}, Reason.PROMOTED, False),
    ],
)
def test_a_notification_is_sent_for_what_it_asks_for(members: dict[str, Any], reason: Reason, wanted: bool) -> None:
    assert wants_notice(notification(**members), reason) is wanted


def rolled_back() -> World:
    world = at_step(1)
    world.traffic = Traffic(canary=1.0)
    return world.until(lambda w: w.status.phase is Phase.ROLLED_BACK)


def test_a_rollback_is_notified_with_its_numbers_under_the_schedules_own_secrets() -> None:
    world = rolled_back()
    moved = world.status.history[-1]
    (one,) = notices_for([(Reason(moved.reason), moved.message, moved.at)], world.status)
    assert (one.about, one.reason, one.severity) == (SUBJECT, Reason.SLO_VIOLATED, Severity.CRITICAL)
    assert (one.secret, one.entry, one.notification) == (Key("sre", "chat"), "urls", "chat")
    assert one.title == "[critical] shop/checkout: SLOViolated"
    assert moved.message in one.body
    assert "RolledBack" in one.body
    assert f"revision {world.status.revision}" in one.body
    (slo,) = world.status.slos
    assert f"availability fail: canary {slo.canary.bad:,} bad of {slo.canary.total:,}" in one.body


def test_every_variable_is_filled_in_and_what_is_filled_in_is_not_read_again() -> None:
    after = status(
        step={"index": 2, "name": "half", "weight": 50, "startedAt": BEGIN.isoformat()}, weight=50, revision="v2",
        observedShare=0.4987,
        slos=[{"name": "a", "verdict": "pass", "canary": {"total": 1200, "bad": 1}, "message": "fine"}],
    )  # fmt: skip
    body = "|".join(f"{{{{{name}}}}}" for name in VARIABLES)
    (one,) = notices_for(
        [(Reason.STEP_PASSED, "{{revision}} says so", BEGIN)], after, title=" {{ reason }}\n now ", body=body
    )
    assert one.title == "StepPassed now"
    assert one.body.split("|") == [
        "shop", "checkout", "StepPassed", "info", "{{revision}} says so", "Progressing", "2", "half", "50", "49.9",
        "v2", "a pass: canary 1 bad of 1,200, stable 0 of 0; fine", "2026-03-02 10:00:00 UTC",
    ]  # fmt: skip


def test_what_nobody_knows_is_left_out_and_a_body_is_never_empty_nor_endless() -> None:
    (one,) = notices_for([(Reason.INVALID_SPEC, "unreadable", BEGIN)], None, body="{{phase}}{{evidence}}")
    assert one.body == "unreadable"
    (one,) = notices_for([(Reason.INVALID_SPEC, "x" * 4096, BEGIN)], None, body="{{message}}" * 300)
    assert len(one.body) == BODY


def test_everybody_is_notified_each_by_their_own_namespace() -> None:
    pager = notification(name="pager", severity="critical")
    both = [Audience("ingress-canary", (notification(name="all"), pager)), Audience("shop", (notification(),))]
    found = list(notices(SUBJECT, [(Reason.PROMOTED, "done", BEGIN)], status(), both))
    assert [(one.notification, one.secret.namespace) for one in found] == [("all", "ingress-canary"), ("chat", "shop")]


HELD = Alert(Reason.SLO_VIOLATED, verbatim("held"))


def after(before: RolloutStatus, now: datetime, *alerts: Alert, reason: str = "Baking") -> RolloutStatus:
    """Return what is stored after a pass that stays."""
    return published_status(Decision(before.model_copy(update={"reason": reason}), alerts=alerts), now)


def test_an_alert_is_stored_and_sent_once_while_it_lasts_though_the_process_changes() -> None:
    first = after(status(), BEGIN, HELD, reason="SLOViolated")
    assert list(news(status(), first, Decision(first, alerts=(HELD,)))) == [(Reason.SLO_VIOLATED, "held", BEGIN)]
    assert worth_writing(status(reason="SLOViolated"), status(reason="SLOViolated", alerts=first.dump()["alerts"]))
    # all that a new process knows is what was stored
    restored = RolloutStatus.model_validate(first.dump())
    for hours in (0, 1, 5):
        later = after(restored, BEGIN + timedelta(hours=hours), HELD, reason="SLOViolated")
        assert list(news(restored, later, Decision(later, alerts=(HELD,)))) == []


def test_what_comes_and_goes_is_sent_again_after_an_hour_only() -> None:
    first = after(status(), BEGIN, HELD, reason="SLOViolated")
    gone = after(first, BEGIN + timedelta(minutes=1))
    again = after(gone, BEGIN + timedelta(minutes=2), HELD, reason="SLOViolated")
    assert again.alerts == first.alerts
    forgotten = after(gone, BEGIN + timedelta(minutes=61))
    assert forgotten.alerts == []
    later = after(forgotten, BEGIN + timedelta(minutes=62), HELD, reason="SLOViolated")
    assert [one.at for one in later.alerts] == [BEGIN + timedelta(minutes=62)]


@pytest.mark.parametrize("reason", sorted(ASKING))
def test_a_reason_that_asks_for_a_person_is_sent_when_it_begins_with_its_sentence(reason: Reason) -> None:
    before = status(message="was well")
    waiting = published_status(Decision(before.model_copy(update={"reason": reason, "message": "look here"})), BEGIN)
    assert list(news(before, waiting, Decision(waiting))) == [(reason, "look here", BEGIN)]
    assert list(news(waiting, published_status(Decision(waiting), BEGIN), Decision(waiting))) == []


def test_a_transition_is_sent_and_ends_what_was_sent_before_it() -> None:
    world = rolled_back()
    ended = world.status.model_copy(update={"alerts": after(status(), BEGIN, HELD).alerts})
    moved = Decision(ended, moved=ended.history[-1])
    assert standing(moved, BEGIN) == []
    assert [one[0] for one in news(ended, published_status(moved, BEGIN), moved)] == [Reason.SLO_VIOLATED]


def test_what_a_transition_has_just_reported_is_not_sent_again_for_an_hour() -> None:
    entry = {"at": BEGIN.isoformat(), "phase": "Paused", "reason": "SLOViolated"}
    before = status(phase="Paused", history=[entry])
    soon = after(before, BEGIN + timedelta(minutes=59), HELD, reason="SLOViolated")
    assert soon.alerts == []
    assert [one.reason for one in after(before, BEGIN + timedelta(hours=1), HELD).alerts] == ["SLOViolated"]


def test_missing_data_are_sent_once_beyond_no_data_timeout() -> None:
    world = at_step(1)
    world.outage = "connection refused"
    found: list[tuple[Reason, float]] = []
    began = world.now
    while world.now - began < timedelta(hours=2):
        before = world.status
        world.now += timedelta(seconds=INTERVAL)
        decision = world.pass_(world.read())
        found += [(one[0], (world.now - began).total_seconds()) for one in news(before, world.status, decision)]
    assert [reason for reason, _ in found] == [Reason.NO_DATA]
    assert 900 <= found[0][1] < 960


@pytest.mark.parametrize(
    ("members", "field", "words"),
    [
        ({"title": "{{revison}}"}, "n[0].title", "unknown variable {{revison}}; there are {{namespace}}"),
        ({"body": "{{message}} {{side}}"}, "n[0].body", "unknown variable {{side}}"),
        ({"body": "{{message}"}, "n[0].body", "has {{ that belongs to no variable; write variables with two braces"),
        ({"reasons": ["Promoted", "SloViolated"]}, "n[0].reasons[1]", "no such reason: SloViolated; did you mean"),
        ({"reasons": ["Xyzzy"]}, "n[0].reasons[0]", "reasons.md"),
    ],
)
def test_what_could_not_be_sent_is_named(members: dict[str, Any], field: str, words: str) -> None:
    (fault,) = notification_faults([notification(**members)], "n")
    assert fault.field == field
    assert words in str(fault)


def test_a_good_notification_has_no_fault() -> None:
    good = notification(title="{{ reason }}", body="{{message}}\n{{evidence}}", reasons=["Promoted", "SLOViolated"])
    assert list(notification_faults([good], "n")) == []
    json = notification(body='{"event": {"text": "{{reason}}"}}')
    assert list(notification_faults([json], "n")) == []


def test_a_trial_says_that_it_is_one_whatever_the_filter() -> None:
    two = Audience("shop", (notification(severity="critical", reasons=["DriftFight"]), notification(name="other")))
    first, second = trial_notice(SUBJECT, two, BEGIN)
    assert first.title == "[test] [critical] shop/checkout: DriftFight"
    assert TRIAL in first.body
    assert [one.notification for one in trial_notice(SUBJECT, two, BEGIN, ["other"])] == ["other"]
    assert second.reason is Reason.STEP_PASSED


def test_the_reason_that_may_be_meant_is_looked_for_a_few_times_and_every_unknown_one_is_named() -> None:
    words = ["SloViolated", "NoDate", "Preflightfailed", "Effectiv"]
    faults = list(notification_faults([notification(reasons=["NoData", *words])], "spec.notifications"))
    assert [fault.what for fault in faults] == [f"no such reason: {word}" for word in words]
    assert [fault.remedy for fault in faults[:2]] == ["did you mean SLOViolated?", "did you mean NoData?"]
    assert {fault.remedy for fault in faults[2:]} == {"docs/reference/reasons.md lists them"}


def test_no_more_of_a_text_is_made_than_is_sent() -> None:
    evidence = "e" * 10_000
    template = " \n {{evidence}}" + "{{ evidence }} and {{reason}}" * 100
    whole = render(template, {"evidence": evidence, "reason": "r"})
    begun = render_beginning(template, {"evidence": evidence, "reason": "r"}, 12_000)
    assert whole.startswith(begun)
    assert 12_000 < len(begun) < 22_000
    assert render_beginning(template, {"evidence": "e", "reason": "r"}, 12_000) == render(
        template, {"evidence": "e", "reason": "r"}
    )
