"""Status as it is written: conditions, evidence, the merge patch, and which differences are worth a write."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from ingress_canary.api.gate import GateStatus, GateVerdict, GateWhen
from ingress_canary.api.rollout import AT_REST, OutcomeChanges, RolloutStatus
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.preflight.problem import Findings
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.conditions import TO_THE_LETTER, as_stored, conditions, facts
from ingress_canary.domain.status.notices import standing

MEASURED = frozenset(
    {Reason.BAKING, Reason.INSUFFICIENT_EVIDENCE, Reason.WARMING_UP, Reason.WEIGHT_NOT_EFFECTIVE, Reason.FROZEN}
)
"""Reasons whose sentence is made of numbers that change with every tick."""
_NUMBER = re.compile(r"\d(?:[\d.,]|e[+-]?\d|(?:ms|[hms])(?![a-z]))*")
"""A number as in messages: ``1,234``, ``1.2e-05``, ``1h2m3s`` are one number each, so that none counts as a change."""

_MEASUREMENTS = frozenset({"message", "observed_share", "analysis_state", "slos", "conditions", "step", "gates"})
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
    if decision.words is not None:
        status = status.updated(message=decision.words()[:MESSAGE_LENGTH])
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


def worth_writing(before: RolloutStatus, after: RolloutStatus) -> bool:
    """Return whether a difference is worth a write at once: numbers alone wait for the next checkpoint."""
    return _substance(before) != _substance(after)


def unchanged(before: RolloutStatus, decision: Decision, findings: Findings | None, seen: Observation) -> bool:
    """Return whether the status is worth no write, decided without rendering its texts.

    It may be False where :func:`worth_writing` would find nothing either, and is never True where that finds something.
    """
    status, evaluation = decision.status, decision.evaluation
    if decision.moved is not None or evaluation is None or status.reason not in MEASURED:
        return False
    # people, gates and what stands since the last transition: each has times and words of its own
    if decision.alerts or decision.asks or before.alerts or before.gates or status.gates:
        return False
    return (
        _words(status) == _words(before)
        and _place(status) == _place(before)
        and tuple((slo.name, slo.verdict) for slo in before.slos) == evaluation.analysis.named_verdicts
        and as_stored(before.conditions, facts(status, evaluation, findings, seen), status.observed_generation)
    )


def _place(status: RolloutStatus) -> tuple[object, ...] | None:
    return (status.step.index, status.step.started_at) if status.step else None


def _substance(status: RolloutStatus) -> tuple[object, ...]:
    return (
        _words(status),
        "" if status.reason in MEASURED else _NUMBER.sub("#", status.message),
        [_gate_substance(gate) for gate in status.gates],
        _place(status),
        [(slo.name, slo.verdict) for slo in status.slos],
        [(condition.type, condition.status, condition.observed_generation) for condition in status.conditions],
        [_NUMBER.sub("#", condition.message) for condition in status.conditions if condition.type in TO_THE_LETTER],
    )  # fmt: skip


def _gate_substance(gate: GateStatus) -> tuple[object, ...]:
    """Return the part of a gate's record that is worth a write: a gate that goes on passing is unchanged."""
    about = gate.name, gate.question, gate.verdict
    if gate.when is not GateWhen.DURING_STEP:
        return *about, gate.at, gate.next_at
    return *about, "" if gate.verdict is GateVerdict.PASSED else _NUMBER.sub("#", gate.message)


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
