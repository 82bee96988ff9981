"""Conditions of a status: type, value, reason, message, last transition. Written by ``publish.py``.

What they tell is gathered before it is put into words: most ticks change nothing but numbers, and nobody reads those.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from ingress_canary.api.rollout_status import AT_REST, Condition, Phase, RolloutStatus
from ingress_canary.domain.decision.observation import Observation, not_written
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.preflight.problem import Findings
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.condition_types import FROZEN, PREFLIGHT, SCHEDULE_CURRENT, SHADOW_REMOVED
from ingress_canary.domain.traffic.effectiveness import EffectState

NOT_READY = frozenset(
    {
        Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING, Reason.PREFLIGHT_FAILED, Reason.SHADOW_REJECTED,
        Reason.SHADOW_TERMINATING,
    }
)  # fmt: skip
ORDER = ("Ready", "Effective", "Promoted", PREFLIGHT, FROZEN, SCHEDULE_CURRENT, SHADOW_REMOVED)
NEWSWORTHY = frozenset({PREFLIGHT, SHADOW_REMOVED})
"""Conditions whose message is news though its answer is the same."""

ConditionValue = Literal["True", "False", "Unknown"]


class ConditionFact(NamedTuple):
    """The present value, reason and message of a condition."""

    kind: str
    answer: ConditionValue
    message: Message | str
    """The text where it is stored already, as the rollout's own is."""
    reason: str = ""
    """The rollout's own where there is no other."""


def facts(
    status: RolloutStatus, evaluation: Evaluation | None, findings: Findings | None, seen: Observation | None
) -> Iterator[ConditionFact]:
    """Yield the conditions whose value is known now; conditions of other types stay as they were.

    ``findings`` and ``seen`` are those of this very moment, or None.
    """
    yield ConditionFact("Ready", "False" if status.reason in NOT_READY else "True", status.message)
    effect = status.message if evaluation is None else evaluation.effect.message or ""
    yield ConditionFact("Effective", _effective(status, evaluation), effect)
    yield ConditionFact("Promoted", _promoted(status), status.message)
    if findings is not None:
        yield _preflight(findings)
    if seen is None:
        return
    known = {condition.type for condition in status.conditions}
    left, reason = (seen.terminating.message if seen.terminating is not None else None), Reason.SHADOW_TERMINATING
    if left is None and seen.unwritten is not None and status.phase in AT_REST:
        left, reason = not_written(seen, status.weight, seen.unwritten), Reason.SHADOW_REJECTED
    if left is not None or SHADOW_REMOVED in known:
        yield _lasting(SHADOW_REMOVED, reason, left, ("False", "True"))
    # other conditions of a rollout at rest do not change
    if status.phase not in AT_REST:
        if seen.frozen is not None or FROZEN in known:
            yield _lasting(
                FROZEN, Reason.FROZEN, verbatim(seen.frozen) if seen.frozen is not None else None, ("True", "False")
            )
        if seen.outdated is not None or SCHEDULE_CURRENT in known:
            why = seen.outdated.why if seen.outdated is not None else None
            yield _lasting(SCHEDULE_CURRENT, Reason.SCHEDULE_CHANGED, why, ("False", "True"))


def as_stored(stored: Sequence[Condition], new_facts: Iterable[ConditionFact], generation: int) -> bool:
    """Return whether conditions are as stored, their messages apart."""
    known = {condition.type: condition for condition in stored}
    for fact in new_facts:
        condition = known.get(fact.kind)
        if condition is None or condition.status != fact.answer or condition.observed_generation != generation:
            return False
    return True


def conditions(status: RolloutStatus, new_facts: Iterable[ConditionFact], now: datetime) -> list[Condition]:
    """Return all conditions in their order, updated by these facts; the others stay as they were."""
    by_type = {condition.type: condition for condition in status.conditions}
    by_type |= {fact.kind: _condition(fact, status, by_type.get(fact.kind), now) for fact in new_facts}
    return [by_type[kind] for kind in ORDER if kind in by_type]


def _preflight(findings: Findings) -> ConditionFact:
    if findings.refused:
        return ConditionFact(PREFLIGHT, "False", findings.message, Reason.PREFLIGHT_FAILED)
    reason = Reason.PREFLIGHT_WARNING if findings.warnings else Reason.PREFLIGHT_PASSED
    return ConditionFact(PREFLIGHT, "True", findings.message, reason)


def _lasting(
    kind: str, reason: Reason, message: Message | None, answers: tuple[ConditionValue, ConditionValue]
) -> ConditionFact:
    """Return a condition that no decision changes: the first fact while there is a message, the second after it.

    Its reason is why something is so; what is over has none of its own.
    """
    return ConditionFact(kind, answers[message is None], message or "", "" if message is None else reason)


def _effective(status: RolloutStatus, evaluation: Evaluation | None) -> ConditionValue:
    if evaluation is None or status.phase in AT_REST or status.weight == 0:
        return "Unknown"
    match evaluation.effect.state:
        case EffectState.EFFECTIVE:
            return "True"
        case EffectState.NOT_EFFECTIVE:
            return "False"
        case _:
            return "Unknown"


def _promoted(status: RolloutStatus) -> ConditionValue:
    if status.phase is Phase.SUCCEEDED:
        # as it ended: a spec that cannot be read any more does not take that back
        ended = status.history[-1].reason if status.history else status.reason
        return "True" if ended == Reason.PROMOTED else "False"
    return "False" if status.phase is Phase.ROLLED_BACK else "Unknown"


def _condition(fact: ConditionFact, status: RolloutStatus, before: Condition | None, now: datetime) -> Condition:
    same = before is not None and before.status == fact.answer
    return Condition(
        type=fact.kind,
        status=fact.answer,
        reason=fact.reason or status.reason or "Unknown",
        message=str(fact.message),
        observed_generation=status.observed_generation,
        last_transition_time=before.last_transition_time if same and before else now,
    )
