"""What of a decision the world sees: conditions, evidence in numbers, and which differences are worth a write."""

import re
from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

from ingress_canary.api.gate import GateStatus, GateVerdict, GateWhen
from ingress_canary.api.rollout import Condition, Phase, RolloutStatus
from ingress_canary.domain.effect import EffectState
from ingress_canary.domain.notices import standing
from ingress_canary.domain.observation import AT_REST, Decision, Observation
from ingress_canary.domain.preflight.problem import Findings
from ingress_canary.domain.reasons import Reason
from ingress_canary.domain.session import Session

NOT_READY = frozenset({Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING, Reason.PREFLIGHT_FAILED, Reason.SHADOW_REJECTED})
MEASURED = frozenset(
    {Reason.BAKING, Reason.INSUFFICIENT_EVIDENCE, Reason.WARMING_UP, Reason.WEIGHT_NOT_EFFECTIVE, Reason.FROZEN}
)
"""Reasons whose sentence is made of numbers that change with every tick."""
PREFLIGHT = "Preflight"
"""The condition that holds the findings; warnings leave it True."""
FROZEN = "Frozen"
"""The condition that tells of a freeze of the whole daemon; absent until there was one."""
SCHEDULE_CURRENT = "ScheduleCurrent"
"""The condition that tells whether the schedule begun with is the one that there is now; absent until it was not."""
_NUMBER = re.compile(r"\d(?:[\d.,]|e[+-]?\d|(?:ms|[hms])(?![a-z]))*")
"""A number as messages write it: ``1,234``, ``1.2e-05`` and ``1h2m3s`` are one each, so that none looks like news."""

_MEASUREMENTS = frozenset({"message", "observed_share", "analysis_state", "slos", "conditions", "step", "gates"})
"""Members of a status in which numbers change with every tick."""
_words = attrgetter(*(name for name in RolloutStatus.model_fields if name not in _MEASUREMENTS))

Answer = Literal["True", "False", "Unknown"]


def published(
    decision: Decision, now: datetime, findings: Findings | None = None, seen: Observation | None = None
) -> RolloutStatus:
    """Return the status as it is stored: the decision's own, with the evidence and the conditions."""
    return checkpointed(shown(decision, now, findings, seen), decision.session)


def shown(
    decision: Decision, now: datetime, findings: Findings | None = None, seen: Observation | None = None
) -> RolloutStatus:
    """Return the status but for the checkpoint, which is made only where it is stored: most ticks store nothing.

    ``findings`` and ``seen`` are those of this very moment; without them what their conditions tell stays what it was.
    """
    status, session = decision.status, decision.session
    # what ends a rollout is shown with the evidence that ended it, and nothing is added at rest
    told = status.phase not in AT_REST or decision.moved is not None
    if session is not None and told and status.started_at is not None:
        status = _with_evidence(status, session)
    conditions = [
        *_conditions(status, session, now),
        *_preflight(status, findings, now),
        *_lasting(status, seen, now),
    ]
    return status.model_copy(update={"conditions": conditions, "alerts": standing(decision, now)})


def checkpointed(status: RolloutStatus, session: Session | None) -> RolloutStatus:
    """Return the status with the evidence of an active rollout as it is by now."""
    if session is None or status.started_at is None or status.phase in AT_REST:
        return status
    return status.model_copy(update={"analysis_state": session.checkpoint})


def _with_evidence(status: RolloutStatus, session: Session) -> RolloutStatus:
    share = session.share
    changes: dict[str, Any] = {
        "slos": session.analysis.statuses,
        "observed_share": None if share is None else round(share, 4),
    }
    if status.phase in AT_REST:
        changes["analysis_state"] = None
    if status.step is not None:
        times = {"baked_seconds": round(session.baked, 3), "held_seconds": round(session.held, 3)}
        changes["step"] = status.step.model_copy(update=times)
    return status.model_copy(update=changes)


def _conditions(status: RolloutStatus, session: Session | None, now: datetime) -> list[Condition]:
    answers: dict[str, Answer] = {
        "Ready": "False" if status.reason in NOT_READY else "True",
        "Effective": _effective(status, session),
        "Promoted": _promoted(status),
    }
    before = {condition.type: condition for condition in status.conditions}
    return [
        _condition(kind, answer, status, before.get(kind), now, _detail(kind, status, session))
        for kind, answer in answers.items()
    ]


def _preflight(status: RolloutStatus, findings: Findings | None, now: datetime) -> list[Condition]:
    """Return the condition that tells what preflight found when it was last asked."""
    before = next((condition for condition in status.conditions if condition.type == PREFLIGHT), None)
    if findings is None:
        return [before] if before else []
    reason = Reason.PREFLIGHT_WARNING if findings.warnings else Reason.PREFLIGHT_PASSED
    if findings.refused:
        return [_condition(PREFLIGHT, "False", status, before, now, findings.message, Reason.PREFLIGHT_FAILED)]
    return [_condition(PREFLIGHT, "True", status, before, now, findings.message, reason)]


def _lasting(status: RolloutStatus, seen: Observation | None, now: datetime) -> list[Condition]:
    """Return the conditions of what lasts whatever is decided."""
    if seen is None:
        return [condition for condition in status.conditions if condition.type in (FROZEN, SCHEDULE_CURRENT)]
    return [
        *_told(FROZEN, Reason.FROZEN, status, seen.frozen, "True", now),
        *_told(SCHEDULE_CURRENT, Reason.SCHEDULE_CHANGED, status, seen.outdated, "False", now),
    ]


def _told(
    kind: str, reason: Reason, status: RolloutStatus, words: str | None, while_so: Answer, now: datetime
) -> list[Condition]:
    """Return a condition that is ``while_so`` while there is something to tell; absent until there first was.

    What is at rest is not told anything new.
    """
    before = next((condition for condition in status.conditions if condition.type == kind), None)
    if words is None and before is None:
        return []
    if status.phase in AT_REST:
        return [before] if before else []
    otherwise: Answer = "False" if while_so == "True" else "True"
    return [_condition(kind, otherwise if words is None else while_so, status, before, now, words or "", reason)]


def _effective(status: RolloutStatus, session: Session | None) -> Answer:
    if session is None or status.phase in AT_REST or status.weight == 0:
        return "Unknown"
    match session.effect.state:
        case EffectState.EFFECTIVE:
            return "True"
        case EffectState.NOT_EFFECTIVE:
            return "False"
        case _:
            return "Unknown"


def _promoted(status: RolloutStatus) -> Answer:
    if status.phase is Phase.SUCCEEDED:
        # as it ended: a spec that cannot be read any more does not take that back
        ended = status.history[-1].reason if status.history else status.reason
        return "True" if ended == Reason.PROMOTED else "False"
    return "False" if status.phase is Phase.ROLLED_BACK else "Unknown"


def _detail(kind: str, status: RolloutStatus, session: Session | None) -> str:
    if kind == "Effective" and session is not None:
        return session.effect.message
    return status.message


def _condition(
    kind: str, answer: Answer, status: RolloutStatus, before: Condition | None, now: datetime, message: str,
    reason: str = "",
) -> Condition:  # fmt: skip
    """Return a condition; ``reason`` is the rollout's unless it has one of its own."""
    same = before is not None and before.status == answer
    return Condition(
        type=kind,
        status=answer,
        reason=reason or status.reason or "Unknown",
        message=message[:1024],
        observed_generation=status.observed_generation,
        last_transition_time=before.last_transition_time if same and before else now,
    )


def worth_writing(before: RolloutStatus, after: RolloutStatus) -> bool:
    """Return whether a difference is one of substance: numbers alone wait for the next checkpoint."""
    return _substance(before) != _substance(after)


def _substance(status: RolloutStatus) -> tuple[object, ...]:
    step = status.step
    return (
        _words(status),
        "" if status.reason in MEASURED else _NUMBER.sub("#", status.message),
        [_asked(gate) for gate in status.gates],
        (step.index, step.started_at) if step else None,
        [(slo.name, slo.verdict) for slo in status.slos],
        [(condition.type, condition.status, condition.observed_generation) for condition in status.conditions],
        _NUMBER.sub("#", next((one.message for one in status.conditions if one.type == PREFLIGHT), "")),
    )  # fmt: skip


def _asked(gate: GateStatus) -> tuple[object, ...]:
    """Return what of a gate is worth a write: one that is asked each tick is as it was while it goes on passing."""
    about = gate.name, gate.question, gate.verdict
    if gate.when is not GateWhen.DURING_STEP:
        return *about, gate.at, gate.next_at
    return *about, "" if gate.verdict is GateVerdict.PASSED else _NUMBER.sub("#", gate.message)


def status_patch(stored: Mapping[str, Any], before: RolloutStatus, after: RolloutStatus) -> dict[str, Any]:
    """Return the merge patch that turns what is stored into ``after``.

    ``before`` is ``stored`` as this version reads it: only members it knows are ever taken away, so that those of a
    newer version survive.
    """
    return _difference(stored, before.dump(), after.dump())


def _difference(stored: Mapping[str, Any], known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = {key: None for key in stored if key in known and key not in new}
    for key, value in new.items():
        old = stored.get(key)
        if old == value:
            continue
        both = isinstance(old, dict) and isinstance(value, dict)
        patch[key] = _difference(old or {}, known.get(key) or {}, value) if both else value
    return patch
