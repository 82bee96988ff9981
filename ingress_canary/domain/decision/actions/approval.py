"""Approval of a step by a person: when it is asked for, its timeout, and the verb approve.

``step_barriers.py`` asks whether an approval is missing, ``handle_action.py`` records it. One approval is waited for at
a time, and it is void as soon as evidence begins anew, because it was given for the evidence seen until then.
"""

from datetime import datetime
from typing import assert_never

from ingress_canary.api.rollout_status import ApprovalStatus, Phase
from ingress_canary.api.schedule import Approval, ApprovalWhen, OnTimeout
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold, transition
from ingress_canary.domain.decision.phases.paused import pause_by_daemon
from ingress_canary.domain.reasons.action_results import Refusal, no_effect, stale
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import PlannedStep


def await_approval(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Hold until a person approves leaving one step or entering the next; None when no approval is missing.

    Of two approvals the one to leave is asked for first, so a record for the other implies the first.
    """
    asking = _asking(seen, onto)
    record = seen.status.approval
    for number, (step, approval) in enumerate(asking):
        if record is not None and record.step in {later.index for later, _ in asking[number + 1 :]}:
            continue
        if record is None or record.step != step.index:
            return _ask(seen, now, step, approval)
        if record.given_at is None:
            return _wait(seen, now, step, approval, record)
    return None


def approve(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Record a person's approval of a step and end the pause that waited for it."""
    status, record = seen.status, seen.status.approval
    if record is None or record.given_at is not None:
        return no_effect(Message(MessageKey.NO_APPROVAL_AWAITED))
    if record.step != action.step:
        return stale(Message(MessageKey.OTHER_STEP_AWAITED, named=action.step, awaited=record.step))
    pause = status.pause
    ends = pause is not None and pause.until_approved
    phase = pause.returns_to if pause is not None and ends else status.phase
    given = record.updated(given_at=now)
    message = Message(MessageKey.APPROVED_UNREAD, index=record.step)
    if seen.compiled:
        message = Message(MessageKey.APPROVED, step=seen.schedule.walk.at(record.step).title)
    return transition(
        seen, now, phase, Reason.APPROVED, message, wants_evidence=True, approval=given, pause=None if ends else pause
    )  # fmt: skip


def _asking(seen: Observation, onto: int) -> list[tuple[PlannedStep, Approval]]:
    """Return the steps whose approval is needed before step ``onto``, in the order in which it is asked for."""
    steps = seen.schedule.walk.steps
    leaves = [(step, step.after) for step in steps if step.index == onto - 1 and step.after is not None]
    enters = [(step, step.before) for step in steps if step.index == onto and step.before is not None]
    return [*leaves, *enters]


def _ask(seen: Observation, now: datetime, step: PlannedStep, approval: Approval) -> Decision:
    record = ApprovalStatus(step=step.index, asked_at=now, until=now + approval.timeout)
    message = _message(seen, step, approval, record)
    return transition(
        seen, now, seen.status.phase, Reason.AWAITING_APPROVAL, message, wants_evidence=True, approval=record
    )


def _wait(seen: Observation, now: datetime, step: PlannedStep, approval: Approval, record: ApprovalStatus) -> Decision:
    if now < record.until:
        return hold(seen, Reason.AWAITING_APPROVAL, _message(seen, step, approval, record), wants_evidence=True)
    late = Message(MessageKey.NOBODY_APPROVED, step=step.title, until=record.until)
    if approval.on_timeout is OnTimeout.ROLLBACK:
        return finish(seen, now, Phase.ROLLED_BACK, Reason.APPROVAL_TIMED_OUT, late)
    overdue = record.updated(overdue=True)
    message = Message(MessageKey.APPROVAL_OVERDUE, late=late, name=seen.key.name, namespace=seen.key.namespace)
    if approval.on_timeout is OnTimeout.PAUSE:
        pause = pause_by_daemon(seen, until_approved=True)
        return transition(
            seen,
            now,
            Phase.PAUSED,
            Reason.APPROVAL_TIMED_OUT,
            message,
            wants_evidence=True,
            pause=pause,
            approval=overdue,
        )
    if record.overdue:
        return hold(seen, Reason.APPROVAL_TIMED_OUT, message, wants_evidence=True)
    return transition(
        seen, now, seen.status.phase, Reason.APPROVAL_TIMED_OUT, message, wants_evidence=True, approval=overdue
    )


def _message(seen: Observation, step: PlannedStep, approval: Approval, record: ApprovalStatus) -> Message:
    what = Message(MessageKey.STEP_LEFT, step=step.title)
    if approval.when is ApprovalWhen.BEFORE:
        what = Message(MessageKey.STEP_ENTERED, step=step.title)
    return Message(
        MessageKey.AWAITING_APPROVAL, what=what, until=record.until, then=_on_timeout(approval.on_timeout),
        name=seen.key.name, namespace=seen.key.namespace,
    )  # fmt: skip


def _on_timeout(then: OnTimeout) -> Message:
    match then:
        case OnTimeout.HOLD:
            return Message(MessageKey.THEN_WAITS)
        case OnTimeout.PAUSE:
            return Message(MessageKey.THEN_PAUSES)
        case OnTimeout.ROLLBACK:
            return Message(MessageKey.THEN_ROLLS_BACK)
        case _:
            assert_never(then)
