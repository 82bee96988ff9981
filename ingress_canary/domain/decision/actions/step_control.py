"""Verbs skip, promote and restart: a person overrides the evidence of a step.

Called by ``handle_action.py``. They need neither an open window nor an approval: that is what they are for. Signs of
harm (a proven fail, no endpoints) and stops for everybody (a freeze, ``spec.paused``) still hold: docs/adr/0012.
"""

from datetime import datetime

from ingress_canary.api.rollout import PromotionStrategy
from ingress_canary.api.rollout_status import PausedBy, Phase
from ingress_canary.domain.decision.actions.rollout_control import nothing_to_do
from ingress_canary.domain.decision.observation import Decision, Observation, leaves_shadow_alone
from ingress_canary.domain.decision.outcomes import enter_step, transition, without_shadow, without_traffic
from ingress_canary.domain.decision.rules.blindness import blindness
from ingress_canary.domain.decision.rules.new_revision import begin_rollout
from ingress_canary.domain.decision.rules.rollout_facts import IN_FLIGHT, is_promoting, is_stable_replaced
from ingress_canary.domain.reasons.action_results import Refusal, no_effect, stale
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import wanted_exposure


def skip(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Enter the next step as if this one's requirement were met; from the last step, the promotion."""
    held = _refusal(seen, seen.status.step.index + 1 if seen.status.step else 0)
    if held is not None:
        return held
    assert seen.status.step is not None
    index, walk = seen.status.step.index, seen.schedule.walk
    if action.step != index:
        return stale(Message(MessageKey.OTHER_STEP, named=action.step, present=index))
    step = walk.at(index).title
    if index < len(walk):
        message = Message(MessageKey.SKIPPED, step=step)
        return enter_step(_with_fresh_evidence(seen, index), now, index + 1, Reason.SKIPPED, message, pause=None)
    message = Message(MessageKey.SKIPPED_LAST, step=step)
    return transition(
        seen, now, Phase.PROMOTING, Reason.SKIPPED, message, wants_evidence=True, pause=None, approval=None
    )


def promote(seen: Observation, now: datetime, _action: Action) -> Decision | Refusal:
    """Enter the last step at once, over those in between; it is judged as usual."""
    held = _refusal(seen, len(seen.schedule.walk))
    if held is not None:
        return held
    assert seen.status.step is not None
    index, last = seen.status.step.index, len(seen.schedule.walk)
    if index >= last:
        return no_effect(Message(MessageKey.IS_LAST_STEP))
    message = Message(MessageKey.WENT_TO_LAST, index=index, step=seen.schedule.walk.at(last).title)
    return enter_step(_with_fresh_evidence(seen, index), now, last, Reason.SKIPPED, message, pause=None)


def restart(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Begin again at the first step with the schedule as it is now; the canary is taken off traffic first."""
    status = seen.status
    if status.phase is Phase.ROLLED_BACK:
        return no_effect(Message(MessageKey.ROLLED_BACK_ALREADY))
    if status.phase not in IN_FLIGHT:
        return nothing_to_do(seen, action)
    if is_promoting(seen) and (status.copying is not None or status.finishing or is_stable_replaced(seen)):
        return no_effect(Message(MessageKey.STABLE_IS_BECOMING))
    if seen.outdated is not None and not seen.outdated.usable:
        return no_effect(seen.outdated.why)
    # as in newer_revision: with cookie affinity, or with another writer, weight 0 does not take every client off
    off = without_shadow() if seen.sticky or leaves_shadow_alone(status) else without_traffic()
    message = Message(MessageKey.RESTARTED, revision=seen.revision or status.revision)
    return begin_rollout(seen, now, Phase.PENDING, Reason.RESTARTED, message, **off)


def _refusal(seen: Observation, entered: int) -> Refusal | None:
    """Return why skip and promote may not enter a step, behind the last one the promotion; None when they may."""
    status, pause = seen.status, seen.status.pause
    if is_promoting(seen) or status.phase not in IN_FLIGHT or status.step is None:
        return no_effect(Message(MessageKey.NO_STEP, phase=status.phase))
    if seen.spec.paused or (pause is not None and pause.by is PausedBy.SPEC):
        return no_effect(Message(MessageKey.PAUSED_BY_SPEC_STILL))
    if seen.frozen is not None:
        return no_effect(Message(MessageKey.FROZEN_ANYWHERE, why=seen.frozen))
    if seen.obstacles:
        return no_effect(seen.obstacles[0].message)
    if leaves_shadow_alone(status):
        return no_effect(Message(MessageKey.DRIFT_FIGHT_GOES_ON))
    if not seen.has_shadows or status.shadow is None or status.shadow.uid is None:
        return no_effect(Message(MessageKey.CANARY_IS_OFF))
    if wanted_exposure(status) != seen.schedule.walk.at(status.step.index).exposure:
        return no_effect(Message(MessageKey.EXPOSURE_LOWERED))
    if not seen.canary_ready:
        return no_effect(Message(MessageKey.WITHOUT_ENDPOINT, service=seen.spec.canary_service))
    if seen.current_evaluation.analysis.failed:
        return no_effect(Message(MessageKey.PROVEN_BAD))
    if entered <= len(seen.schedule.walk):
        is_raised = seen.schedule.walk.at(entered).exposure.weight > 0
    else:
        # by hand a person makes stable the new version, and sees to it
        is_raised = seen.spec.promotion.strategy is PromotionStrategy.COPY_IMAGES
    blind = blindness(seen) if is_raised else None
    return no_effect(Message(MessageKey.NOT_SEEN, why=blind)) if blind is not None else None


def _with_fresh_evidence(seen: Observation, index: int) -> Observation:
    """Return the observation with new evidence, where the pause says that the old evidence was judged already."""
    pause = seen.status.pause
    if pause is None or not pause.fresh_evidence:
        return seen
    return seen._replace(evaluation=seen.current_evaluation.anew(index))
