"""Schedule of webhook gates: when each is asked, how its answer is recorded, and how long it is valid.

Plain values: ``rules/gate_answers.py`` decides by them, ``request.py`` puts the question into words. (The gates of
``verdicts.py`` are others: those that counts must pass.)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingress_canary.api.gate import Gate, GateStatus, GateVerdict, GateWhen
from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.domain.objects.digest import Digest, same
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.schedule.steps import PlannedStep

GOOD_FOR = timedelta(minutes=10)
"""How long an answer counts that was asked for before something: what kept the rollout may have lasted."""
MISSED = 3
"""Intervals after which a gate that is asked each tick has not answered."""
LONGEST = timedelta(minutes=5)
"""Between two attempts, however many there were."""
LAST = 10
"""Attempts to tell of an end: about twenty minutes."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to one gate about one rollout."""

    gate: Gate
    step: int
    """From 1; 0 for none."""
    id: str
    """The same for each attempt, whichever process makes it; another one for anything else."""


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """The result of one attempt to ask a gate."""

    question: str
    verdict: GateVerdict
    message: str
    at: datetime


def question(key: Key, status: RolloutStatus, gate: Gate, step: int) -> Question:
    """Return the question to a gate at this point of a rollout; each attempt at a revision has new ones."""
    # in Pending the start is stored before the shadow is there, and that makes no other question of it
    last = status.history[-1].at if status.history else None
    began = last if status.phase is Phase.PENDING else status.started_at or last
    about = [str(key), status.revision, began and began.isoformat(), gate.name, gate.when, gate.url, step]
    return Question(gate, step, Digest.of(about))


def selects(gate: Gate, step: PlannedStep) -> bool:
    """Return whether a gate is asked for a step."""
    return not gate.steps or step.name in gate.steps or str(step.index) in gate.steps


def record_of(records: Iterable[GateStatus], gate_question: Question) -> GateStatus:
    """Return the stored record of a question; a new one where it has not been asked."""
    gate = gate_question.gate
    for record in records:
        if record.name == gate.name and same(record.question, gate_question.id):
            return record
    return GateStatus(name=gate.name, when=gate.when, step=gate_question.step, question=gate_question.id)


def record_answer(record: GateStatus, answer: GateAnswer) -> GateStatus:
    """Return the record with an answer added; an answer to another question changes nothing."""
    if record.question != answer.question:
        return record
    before = 0 if record.verdict is GateVerdict.PASSED else record.attempts
    return record.updated(
        verdict=answer.verdict, message=answer.message, at=answer.at, attempts=before + 1, next_at=None
    )


def current_verdict(gate_question: Question, record: GateStatus, now: datetime, interval: float) -> GateVerdict:
    """Return the verdict that a record has now: an answer that is too old counts as unknown."""
    if record.at is None:
        return GateVerdict.UNKNOWN
    each_tick = timedelta(seconds=MISSED * interval) + gate_question.gate.timeout
    limit = each_tick if gate_question.gate.when is GateWhen.DURING_STEP else GOOD_FOR
    return record.verdict if now - record.at <= limit else GateVerdict.UNKNOWN


def next_call_at(gate_question: Question, record: GateStatus, now: datetime, interval: float) -> datetime | None:
    """Return when a question is asked next; None when no further answer is needed."""
    if record.at is None:
        return record.next_at or now
    again = record.at + _backoff(gate_question.gate, record.attempts)
    match gate_question.gate.when:
        case GateWhen.DURING_STEP:
            each_tick = record.at + timedelta(seconds=interval)
            return max(each_tick, again) if record.verdict is GateVerdict.UNKNOWN else each_tick
        case GateWhen.AFTER_FINISH:
            settled = record.verdict is not GateVerdict.UNKNOWN or record.attempts >= LAST
            return None if settled else again
        case _:
            return record.at + GOOD_FOR if record.verdict is GateVerdict.PASSED else again


def _backoff(gate: Gate, attempts: int) -> timedelta:
    return min(gate.backoff * (1 << min(max(attempts - 1, 0), 16)), LONGEST)


def gate_title(gate_question: Question) -> str:
    """Return the name of a gate in messages."""
    about = f", step {gate_question.step}" if gate_question.step else ""
    return f"gate {gate_question.gate.name} ({gate_question.gate.when}{about})"


def waiting_message(gate_question: Question, record: GateStatus, now: datetime, interval: float) -> Message:
    """Return the message of a gate that has not passed: its last answer, and when it is asked next."""
    gate = gate_title(gate_question)
    if record.at is None:
        return Message(MessageKey.GATE_IS_ASKED, gate=gate)
    then = next_call_at(gate_question, record, now, interval)
    old: Message | str = ""
    again: Message | str = ""
    if record.verdict is not current_verdict(gate_question, record, now, interval):
        old = Message(MessageKey.GATE_ANSWER_TOO_OLD, age=(now - record.at).total_seconds())
    times = Message(MessageKey.ONCE) if record.attempts == 1 else Message(MessageKey.TIMES, times=record.attempts)
    if then is not None and then > now:
        again = Message(MessageKey.GATE_NEXT_AT, at=then)
    return Message(
        MessageKey.GATE_WAITED_FOR, gate=gate, verdict=record.verdict, answer=record.message, old=old, times=times,
        again=again,
    )  # fmt: skip
