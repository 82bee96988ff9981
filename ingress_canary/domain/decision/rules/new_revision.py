"""New revision of the canary or of stable in mid-rollout, or a spec that names other objects than before."""

from datetime import datetime
from typing import Unpack

from ingress_canary.api.rollout_status import OutcomeChanges, Phase
from ingress_canary.domain.decision.observation import Decision, Observation, leaves_shadow_alone
from ingress_canary.domain.decision.outcomes import (
    finish,
    leave_unchanged,
    not_started,
    transition,
    without_shadow,
    without_traffic,
)
from ingress_canary.domain.decision.rules.rollout_facts import (
    IN_FLIGHT,
    is_new_revision,
    is_promoting,
    is_stable_replaced,
    is_target_replaced,
    targets_other_objects,
)
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def newer_revision(seen: Observation, now: datetime) -> Decision | None:
    """Supersede a rollout in flight whose canary has become another revision, or whose spec names other objects.

    The canary goes off traffic. A pause that waits for a person goes on: exposure does not come back by itself.
    """
    status, pause = seen.status, seen.status.pause
    if not is_target_replaced(seen):
        return None
    moved_away = targets_other_objects(seen)
    if seen.same_version and not moved_away:
        message = Message(MessageKey.SET_BACK_TO_STABLE, revision=status.revision)
        return finish(seen, now, Phase.SUCCEEDED, Reason.SUPERSEDED, message, revision=seen.revision)
    message = Message(MessageKey.REVISION_REPLACED, revision=seen.revision, former=status.revision)
    if not is_new_revision(seen):
        message = Message(MessageKey.TEMPLATE_CHANGED, revision=status.revision)
    if moved_away:
        message = Message(MessageKey.OTHER_OBJECTS)
    # with cookie affinity weight 0 does not take clients off (rule 16), and another writer would not let it be
    takes_off = seen.sticky or moved_away or leaves_shadow_alone(status)
    off = without_shadow() if takes_off else without_traffic()
    if pause is None or pause.fresh_evidence:
        return begin_rollout(seen, now, Phase.PENDING, Reason.SUPERSEDED, message, **off)
    off["pause"] = pause.updated(returns_to=Phase.PENDING, hands_off=False)
    message = Message(MessageKey.STILL_PAUSED, why=message)
    return begin_rollout(seen, now, Phase.PAUSED, Reason.SUPERSEDED, message, **off)


def stable_workload_change(seen: Observation, now: datetime) -> Decision | None:
    """Begin the step's evidence anew when stable, the baseline of the comparison, has become another version."""
    status, baseline = seen.status, seen.status.baseline
    if status.phase not in IN_FLIGHT or baseline is None or seen.stable_hash is None:
        return None
    if baseline.template is None:
        # stable's workload was not in the spec, or did not exist, until now: it is the baseline from here on
        known = baseline.updated(template=seen.stable_hash)
        return leave_unchanged(seen, wants_evidence=status.shadow is not None, baseline=known)
    if status.step is None or is_promoting(seen) or not is_stable_replaced(seen):
        return None
    return transition(
        seen, now, status.phase, Reason.STABLE_CHANGED,
        Message(MessageKey.STABLE_CHANGED), wants_evidence=True,
        evaluation=seen.current_evaluation.anew(status.step.index), approval=None,
        baseline=baseline.updated(compared=seen.stable_hash),
        step=status.step.updated(started_at=now, baked_seconds=0.0, held_seconds=0.0),
    )  # fmt: skip


def begin_rollout(
    seen: Observation, now: datetime, phase: Phase, reason: Reason, message: Message, **changes: Unpack[OutcomeChanges]
) -> Decision:
    """Return the decision to begin a rollout of the canary's present revision, with nothing kept of an earlier one."""
    fresh: OutcomeChanges = {**not_started(), "revision": seen.revision or seen.status.revision, **changes}
    return transition(seen, now, phase, reason, message, wants_evidence=True, **fresh)._replace(evaluation=None)
