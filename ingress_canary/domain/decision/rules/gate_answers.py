"""Answers of webhook gates: hold, pause or roll back, and which gates are asked next.

An unknown answer holds and never rolls back; only a rejection does, and only with ``onReject: Rollback``. A gate is
asked when nothing else holds the rollout, so that its answer is recent; a ``duringStep`` gate is asked all the time.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from ingress_canary.api.gate import Gate, GateStatus, GateVerdict, GateWhen, OnReject
from ingress_canary.api.rollout_status import AT_REST, PausedBy, PauseStatus, Phase, RolloutStatus
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold, transition
from ingress_canary.domain.gates.schedule import (
    Question,
    current_verdict,
    gate_title,
    next_call_at,
    question,
    record_of,
    selects,
    waiting_message,
)
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason

UNANSWERED = 3
"""Attempts without an answer after which an alert is sent."""
BEFORE_A_STEP = (GateWhen.BEFORE_START, GateWhen.BEFORE_STEP)


def with_gate_answers(seen: Observation) -> Observation:
    """Return the observation with the gates' newest answers in its status, those since it was stored included."""
    if seen.gates is None or list(seen.gates) == seen.status.gates:
        return seen
    return seen._replace(status=seen.status.updated(gates=list(seen.gates)))


def gate_rejection(seen: Observation, now: datetime) -> Decision | None:
    """Pause or roll back on a rejection by a ``duringStep`` gate, by its ``onReject``; ``await_gates`` holds."""
    for gate_question in _during(seen, seen.status):
        if (
            _verdict(seen, gate_question, now) is not GateVerdict.REJECTED
            or gate_question.gate.on_reject is OnReject.HOLD
        ):
            continue
        if gate_question.gate.on_reject is OnReject.ROLLBACK:
            return finish(seen, now, Phase.ROLLED_BACK, Reason.GATE_REJECTED, _rejection(seen, gate_question))
        # another writer's lowering comes first (external_change): a pause here would put the exposure back
        if seen.status.pause is None and not seen.is_shadow_lost and not (seen.drift and seen.drift.lowered):
            return _pause_on_rejection(seen, now, gate_question)
    return None


def await_gates(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Hold for the gates of the present step and of step ``onto``, one after the other; None when all have passed."""
    for gate_question in (*_during(seen, seen.status), *_before(seen, onto)):
        verdict = _verdict(seen, gate_question, now)
        if verdict is GateVerdict.PASSED:
            continue
        decision = (
            _on_rejection(seen, now, gate_question)
            if verdict is GateVerdict.REJECTED
            else _hold_for_answer(seen, now, gate_question)
        )
        # gates of the present step are asked whatever is decided
        waits = decision.moved is None and gate_question.gate.when is not GateWhen.DURING_STEP
        return decision._replace(asks=(gate_question,)) if waits else decision
    return None


def _hold_for_answer(seen: Observation, now: datetime, gate_question: Question) -> Decision:
    record = record_of(seen.status.gates, gate_question)
    message, alert = waiting_message(gate_question, record, now, seen.interval), record.attempts >= UNANSWERED
    return hold(seen, Reason.AWAITING_GATE, message, wants_evidence=True, alert=alert)


def _on_rejection(seen: Observation, now: datetime, gate_question: Question) -> Decision:
    match gate_question.gate.on_reject:
        case OnReject.HOLD:
            message = waiting_message(gate_question, record_of(seen.status.gates, gate_question), now, seen.interval)
            return hold(seen, Reason.GATE_REJECTED, message, wants_evidence=True, alert=True)
        case OnReject.PAUSE:
            return _pause_on_rejection(seen, now, gate_question)
        case OnReject.ROLLBACK:
            return finish(seen, now, Phase.ROLLED_BACK, Reason.GATE_REJECTED, _rejection(seen, gate_question))
        case other:
            assert_never(other)


def _pause_on_rejection(seen: Observation, now: datetime, gate_question: Question) -> Decision:
    message = Message(MessageKey.GATE_PAUSES, rejection=_rejection(seen, gate_question))
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=seen.status.phase)
    wants_evidence = seen.status.shadow is not None
    return transition(
        seen, now, Phase.PAUSED, Reason.GATE_REJECTED, message, wants_evidence=wants_evidence, pause=pause
    )


def with_gate_records(seen: Observation, decision: Decision, now: datetime) -> Decision:
    """Return the decision with the record of each gate in its status: its last answer, and when it is asked next."""
    status = decision.status
    gates = seen.compiled.spec.gates if seen.compiled is not None else []
    if not gates and not status.gates:
        return decision
    records = {record.name: record.updated(next_at=None) for record in status.gates}
    if seen.compiled is not None:
        records = {gate.name: records[gate.name] for gate in gates if gate.name in records}
    if seen.status.phase is Phase.PAUSED and status.phase is not Phase.PAUSED:
        # a person wants to go on: what was rejected before is asked again
        records = {name: kept for name, kept in records.items() if kept.verdict is not GateVerdict.REJECTED}
    questions = (*decision.asks, *_during(seen, status), *_after(seen, status))
    before = [record for record in status.gates if record.name in records]
    for gate_question in questions:
        record = record_of(before, gate_question)
        next_at = next_call_at(gate_question, record, now, seen.interval)
        records[gate_question.gate.name] = record.updated(next_at=next_at)
    kept = [records[gate.name] for gate in gates if gate.name in records] if gates else list(records.values())
    alerts = (*decision.alerts, *_rejection_alerts(questions, records))
    return decision._replace(status=status.updated(gates=kept), alerts=alerts)


def _rejection_alerts(questions: tuple[Question, ...], records: dict[str, GateStatus]) -> Iterator[Alert]:
    """Yield an alert for each ``duringStep`` gate that rejects, though the step goes on until it would end."""
    for gate_question in questions:
        record = records[gate_question.gate.name]
        if gate_question.gate.when is GateWhen.DURING_STEP and record.verdict is GateVerdict.REJECTED:
            yield Alert(Reason.GATE_REJECTED, _answer(gate_question, record))


def _verdict(seen: Observation, gate_question: Question, now: datetime) -> GateVerdict:
    return current_verdict(gate_question, record_of(seen.status.gates, gate_question), now, seen.interval)


def _rejection(seen: Observation, gate_question: Question) -> Message:
    return _answer(gate_question, record_of(seen.status.gates, gate_question))


def _answer(gate_question: Question, record: GateStatus) -> Message:
    return Message(
        MessageKey.GATE_ANSWERED, gate=gate_title(gate_question), verdict=record.verdict, answer=record.message
    )


def _gates_of(seen: Observation, *when: GateWhen) -> list[Gate]:
    """Return the gates with one of these values of ``when``, in the order of the values and then the schedule's."""
    gates = seen.compiled.spec.gates if seen.compiled is not None else []
    return [gate for occasion in when for gate in gates if gate.when is occasion]


def _before(seen: Observation, onto: int) -> Iterator[Question]:
    """Yield the questions to gates before step ``onto``; after the last step: before the promotion."""
    status, walk = seen.status, seen.schedule.walk
    if onto > len(walk):
        gates = _gates_of(seen, GateWhen.BEFORE_PROMOTION)
    elif status.phase is Phase.PENDING:
        gates = _gates_of(seen, *BEFORE_A_STEP)
    else:
        gates = _gates_of(seen, GateWhen.BEFORE_STEP)
    for gate in gates:
        if gate.when is not GateWhen.BEFORE_STEP or selects(gate, walk.at(onto)):
            yield question(seen.key, status, gate, min(onto, len(walk)))


def _during(seen: Observation, status: RolloutStatus) -> Iterator[Question]:
    """Yield the questions to ``duringStep`` gates while a rollout is at the step of this status, paused or not."""
    pause, step = status.pause, status.step
    at_a_step = status.phase is Phase.PROGRESSING or (
        status.phase is Phase.PAUSED and pause is not None and pause.returns_to is Phase.PROGRESSING
    )
    if not at_a_step or step is None or status.shadow is None:
        return
    for gate in _gates_of(seen, GateWhen.DURING_STEP):
        if selects(gate, seen.schedule.walk.at(step.index)):
            yield question(seen.key, status, gate, step.index)


def _after(seen: Observation, status: RolloutStatus) -> Iterator[Question]:
    """Yield the calls of ``afterFinish`` gates, once the end of a rollout that had begun is stored."""
    if seen.status.phase not in AT_REST or status.phase not in AT_REST or status.started_at is None:
        return
    for gate in _gates_of(seen, GateWhen.AFTER_FINISH):
        yield question(seen.key, status, gate, status.step.index if status.step else 0)
