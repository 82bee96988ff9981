"""Approval of a step by a person: when it is asked for, its timeout, and the verb approve.

``step_barriers.py`` asks whether an approval is missing, ``handle_action.py`` records it. One approval is waited for at
a time, and it is void as soon as evidence begins anew, because it was given for the evidence seen until then.
"""

from datetime import datetime

from ingress_canary.api.rollout import ApprovalStatus, Phase
from ingress_canary.api.schedule import Approval, ApprovalWhen, OnTimeout
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold, transition
from ingress_canary.domain.decision.phases.paused import pause_by_daemon
from ingress_canary.domain.reasons.action_results import Refusal, no_effect, stale
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
        return no_effect("no step waits for an approval")
    if record.step != action.step:
        return stale(f"it names step {action.step}, what waits for an approval is step {record.step}")
    pause = status.pause
    ends = pause is not None and pause.until_approved
    phase = pause.returns_to if pause is not None and ends else status.phase
    given = record.updated(given_at=now)
    message = (
        f"a person approved {seen.schedule.walk.at(record.step).title}"
        if seen.compiled
        else f"step {record.step} approved"
    )
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
    late = f"nobody approved {step.title} until {_format_time(record.until)}"
    if approval.on_timeout is OnTimeout.ROLLBACK:
        return finish(seen, now, Phase.ROLLED_BACK, Reason.APPROVAL_TIMED_OUT, late)
    overdue = record.updated(overdue=True)
    message = f"{late}; to go on: {approve_command(seen)}"
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


def _message(seen: Observation, step: PlannedStep, approval: Approval, record: ApprovalStatus) -> str:
    what = f"{step.title} is entered" if approval.when is ApprovalWhen.BEFORE else f"{step.title} is left"
    then = {
        OnTimeout.HOLD: "then it goes on waiting",
        OnTimeout.PAUSE: "then it pauses",
        OnTimeout.ROLLBACK: "then it is rolled back",
    }[approval.on_timeout]
    return (
        f"{what} when a person approves it, asked until {_format_time(record.until)} ({then}): {approve_command(seen)}"
    )


def approve_command(seen: Observation) -> str:
    """Return the command line that approves the step."""
    return f"ingress-canary approve {seen.key.name} -n {seen.key.namespace}"


def _format_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
