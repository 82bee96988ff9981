"""Status as it is written: conditions, evidence, the merge patch, and which differences are worth a write."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from ingress_canary.api.gate import GateStatus, GateWhen
from ingress_canary.api.rollout_status import AT_REST, OutcomeChanges, RolloutStatus
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.preflight.problem import Findings
from ingress_canary.domain.reasons.message import Message, Substance
from ingress_canary.domain.status.conditions import NEWSWORTHY, ConditionFact, as_stored, conditions, facts
from ingress_canary.domain.status.notices import standing

Messages = Mapping[str, Message]
"""By condition type; the status's own under ``STATUS``."""
NO_MESSAGES: Messages = MappingProxyType({})
STATUS = "status"


class StoredText(NamedTuple):
    """A text of a stored status, and what it says apart from measurements."""

    text: str
    substance: Substance


StoredTexts = Mapping[str, StoredText]
"""By the same keys; empty after a restart, when nothing but the texts is known."""
NONE_KNOWN: StoredTexts = MappingProxyType({})

_MEASUREMENTS = frozenset(
    {"message", "observed_share", "analysis_state", "slos", "conditions", "step", "gates", "actual_weight"}
)
"""Members of a status in which numbers change with every tick."""
_words = attrgetter(*(name for name in RolloutStatus.model_fields if name not in _MEASUREMENTS))


def published_status(
    decision: Decision, now: datetime, findings: Findings | None = None, seen: Observation | None = None
) -> RolloutStatus:
    """Return the status as it is stored: the decision's own, with the evidence and the conditions."""
    return with_checkpoint(shown_status(decision, now, findings, seen), decision.evaluation)


def shown_status(
    decision: Decision, now: datetime, findings: Findings | None = None, seen: Observation | None = None
) -> RolloutStatus:
    """Return the status without its checkpoint, which is made only when it is stored: most ticks store nothing.

    ``findings`` and ``seen`` are those of this very moment; without them what their conditions tell stays what it was.
    """
    status, evaluation = decision.status, decision.evaluation
    if decision.message is not None:
        status = status.updated(message=str(decision.message))
    # what ends a rollout is shown with the evidence that ended it, and nothing is added at rest
    shows = status.phase not in AT_REST or decision.moved is not None
    if evaluation is not None and shows and status.started_at is not None:
        status = _with_evidence(status, evaluation)
    known = conditions(status, facts(status, evaluation, findings, seen), now)
    return status.updated(conditions=known, alerts=standing(decision, now))


def with_checkpoint(status: RolloutStatus, evaluation: Evaluation | None) -> RolloutStatus:
    """Return the status with the present evidence of an active rollout as its checkpoint."""
    if evaluation is None or status.started_at is None or status.phase in AT_REST:
        return status
    return status.updated(analysis_state=evaluation.checkpoint)


def _with_evidence(status: RolloutStatus, evaluation: Evaluation) -> RolloutStatus:
    share = evaluation.share
    changes: OutcomeChanges = {
        "slos": evaluation.analysis.statuses,
        "observed_share": None if share is None else round(share, 4),
    }
    if status.phase in AT_REST:
        changes |= {"analysis_state": None, "observed_share": None}
    if status.step is not None:
        changes["step"] = status.step.updated(
            baked_seconds=round(evaluation.baked, 3), held_seconds=round(evaluation.held, 3)
        )
    return status.updated(**changes)


def newsworthy_messages(
    decision: Decision, findings: Findings | None = None, seen: Observation | None = None
) -> Messages:
    """Return the messages of a status to be stored whose change is worth a write, numbers apart."""
    return _newsworthy(decision, facts(decision.status, decision.evaluation, findings, seen))


def _newsworthy(decision: Decision, known: Iterable[ConditionFact]) -> Messages:
    found = {} if decision.message is None else {STATUS: decision.message}
    for fact in known:
        if fact.kind in NEWSWORTHY and isinstance(fact.message, Message):
            found[fact.kind] = fact.message
    return found


def stored_texts(messages: Messages, stored: RolloutStatus) -> StoredTexts:
    """Return what the texts of a status say that was made of these messages, to compare the next ones with."""
    texts = _texts(stored)
    return {kind: StoredText(texts[kind], message.substance) for kind, message in messages.items()}


def worth_writing(
    before: RolloutStatus, after: RolloutStatus, messages: Messages = NO_MESSAGES, known: StoredTexts = NONE_KNOWN
) -> bool:
    """Return whether a difference is worth a write at once: measurements alone wait for the next checkpoint.

    ``messages`` are what the texts of ``after`` are made of, ``known`` what those of ``before`` were.
    """
    if _substance(before) != _substance(after):
        return True
    old = _texts(before)
    return any(
        text != old.get(kind) and (kind not in messages or _is_news(old.get(kind), messages[kind], known.get(kind)))
        for kind, text in _texts(after).items()
    )


def unchanged(
    before: RolloutStatus, decision: Decision, findings: Findings | None, seen: Observation,
    known: StoredTexts = NONE_KNOWN,
) -> bool:  # fmt: skip
    """Return whether the status is worth no write, decided without rendering what differs in numbers only.

    It may be False where :func:`worth_writing` would find nothing either, and is never True where that finds something.
    """
    status, evaluation = decision.status, decision.evaluation
    if decision.moved is not None or evaluation is None:
        return False
    # people, gates and what stands since the last transition: each has times and words of its own
    if decision.alerts or decision.asks or before.alerts or before.gates or status.gates:
        return False
    if decision.message is None and status.message != before.message:
        return False
    texts, present = _texts(before), tuple(facts(status, evaluation, findings, seen))
    return (
        (status is before or (_words(status) == _words(before) and _place(status) == _place(before)))
        and tuple((slo.name, slo.verdict) for slo in before.slos) == evaluation.analysis.named_verdicts
        and as_stored(before.conditions, present, status.observed_generation)
        and not any(
            _is_news(texts.get(kind), message, known.get(kind))
            for kind, message in _newsworthy(decision, present).items()
        )
    )


def _texts(status: RolloutStatus) -> Mapping[str, str]:
    """Return the texts whose change may be worth a write."""
    texts = {condition.type: condition.message for condition in status.conditions if condition.type in NEWSWORTHY}
    return {STATUS: status.message, **texts}


def _is_news(text: str | None, message: Message, known: StoredText | None) -> bool:
    """Return whether a message says another thing than a stored text, which it may differ from in numbers.

    Where it is not known what the text was made of, after a restart or another writer's change, any difference is news.
    """
    if known is not None and known.text == text:
        return known.substance != message.substance
    return str(message) != text


def _place(status: RolloutStatus) -> tuple[object, ...] | None:
    return (status.step.index, status.step.started_at) if status.step else None


def _substance(status: RolloutStatus) -> tuple[object, ...]:
    return (
        _words(status),
        [_gate_substance(gate) for gate in status.gates],
        _place(status),
        [(slo.name, slo.verdict) for slo in status.slos],
        [(condition.type, condition.status, condition.observed_generation) for condition in status.conditions],
    )  # fmt: skip


def _gate_substance(gate: GateStatus) -> tuple[object, ...]:
    """Return the part of a gate's record that is worth a write: a gate that goes on passing is unchanged."""
    about = gate.name, gate.question, gate.verdict
    if gate.when is not GateWhen.DURING_STEP:
        return *about, gate.at, gate.next_at
    # its own words, which may be made of numbers, wait for the next checkpoint
    return about


def status_patch(stored: Mapping[str, Any], before: RolloutStatus, after: RolloutStatus) -> dict[str, Any]:
    """Return the merge patch that turns the stored status into ``after``.

    ``before`` is ``stored`` as this version reads it: only members it knows are ever taken away, so that those of a
    newer version survive.
    """
    return _difference(stored, cache(before.dump), after.dump())


def _difference(
    stored: Mapping[str, Any], known: Callable[[], Mapping[str, Any]], new: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the merge patch; ``known`` is called only where a field may have to be removed, which is seldom."""
    patch: dict[str, Any] = {key: None for key in stored if key not in new and key in known()}
    for key, value in new.items():
        old = stored.get(key)
        if old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            patch[key] = _difference(old, _member(known, key), value)
        else:
            patch[key] = value
    return patch


def _member(of: Callable[[], Mapping[str, Any]], key: str) -> Callable[[], Mapping[str, Any]]:
    return lambda: of().get(key) or {}
