"""Phase Pending: obstacles to the start, warm-up, and the entry into the first step."""

from datetime import datetime

from ingress_canary.api.rollout import PromotionStrategy
from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Decision, Observation, Obstacle
from ingress_canary.domain.decision.outcomes import enter_step, finish, hold, open_shadow
from ingress_canary.domain.decision.phases.paused import without_open_approval
from ingress_canary.domain.decision.phases.step_barriers import step_barrier
from ingress_canary.domain.decision.rules.blindness import blindness
from ingress_canary.domain.decision.rules.rollout_facts import is_new_revision
from ingress_canary.domain.decision.rules.scale_canary import await_replicas
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.workload.copy_images import uncopyable

CORRECT_NAME = Message(MessageKey.CORRECT_NAME)


def pending_phase(seen: Observation, now: datetime) -> Decision:
    """Begin when there is no obstacle and stable's error rate is known; until then hold with what is waited for."""
    if is_new_revision(seen):
        # set from the first pass on, so that a revision that is replaced before it began leaves no trace
        seen = seen._replace(status=seen.status.updated(revision=seen.revision, approval=None))
    if seen.same_version:
        message = Message(MessageKey.RUNS_STABLE, revision=seen.revision)
        return finish(seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, stable_revision=seen.revision)
    obstacle = obstacle_of(seen)
    if obstacle is None or obstacle.reason in (Reason.CANARY_NOT_READY, Reason.PREFLIGHT_FAILED):
        scaling = await_replicas(seen, now)
        if scaling is not None:
            return scaling
    if obstacle is not None:
        return hold(seen, obstacle.reason, obstacle.message, revision=seen.status.revision)
    if seen.spec.paused:
        seen = seen._replace(status=without_open_approval(seen.status))
        return hold(seen, Reason.PAUSED_BY_USER, Message(MessageKey.BEGINS_PAUSED))
    evaluation = seen.current_evaluation
    if evaluation.misconfigured is not None:
        return hold(seen, Reason.INVALID_SPEC, evaluation.misconfigured, wants_evidence=True)
    if seen.has_shadows and seen.status.shadow is not None and seen.status.started_at is not None:
        # checked once more: the canary may have changed since the shadow was requested
        first = Message(MessageKey.FIRST_STEP, step=seen.schedule.walk.at(1).title)
        return _held_unseen(seen) or step_barrier(seen, now, 1) or enter_step(seen, now, 1, Reason.SETTLING, first)
    if evaluation.warmed < seen.warm_up:
        if evaluation.no_data is not None and not evaluation.answered:
            # the source does not answer at all, unlike for an Ingress without traffic
            return hold(seen, Reason.NO_DATA, evaluation.no_data, wants_evidence=True, evaluation=evaluation)
        warming = Message(MessageKey.WARMING_UP, left=seen.warm_up - evaluation.warmed)
        return hold(seen, Reason.WARMING_UP, warming, wants_evidence=True, evaluation=evaluation)
    return _held_unseen(seen) or step_barrier(seen, now, 1) or open_shadow(seen, now)


def _held_unseen(seen: Observation) -> Decision | None:
    """Hold while nothing that the first step's weight sends could be judged."""
    blind = blindness(seen) if seen.schedule.walk.at(1).exposure.weight else None
    if blind is None:
        return None
    return hold(seen, Reason.NO_DATA, blind, wants_evidence=True, evaluation=seen.current_evaluation)


def obstacle_of(seen: Observation) -> Obstacle | None:
    """Return the worst obstacle to creating the shadow; None when there is none."""
    if seen.obstacles and seen.obstacles[0].reason in (Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING):
        return seen.obstacles[0]
    if seen.terminating is not None:
        return Obstacle(Reason.SHADOW_TERMINATING, seen.terminating.message)
    if seen.foreign is not None:
        # preflight knows whose it is, and which of several rollouts comes first
        taken = Message(MessageKey.SHADOW_TAKEN, kind=seen.foreign, name=seen.spec.shadow_name)
        unnamed = Obstacle(Reason.PREFLIGHT_FAILED, taken, Message(MessageKey.CHOOSE_SHADOW))
        return seen.obstacles[0] if seen.obstacles else unnamed
    if seen.revision is None:
        ref = seen.spec.workload.canary
        missing = Message(MessageKey.NO_CANARY_WORKLOAD)
        if ref is not None:
            missing = Message(MessageKey.MISSING, kind=ref.kind, name=ref.name)
        return Obstacle(Reason.CANARY_NOT_READY, missing, CORRECT_NAME, "spec.workload.canary")
    if (uncopied := _uncopied(seen)) is not None:
        return uncopied
    if seen.canary is not None and not seen.canary.rolled_out:
        return Obstacle(Reason.CANARY_NOT_READY, _why_not_rolled_out(seen.canary))
    if seen.obstacles:
        return seen.obstacles[0]
    if seen.canary_ready == 0:
        return Obstacle(Reason.CANARY_NOT_READY, Message(MessageKey.WITHOUT_ENDPOINT, service=seen.spec.canary_service))
    if seen.rejected is not None:
        return Obstacle(Reason.SHADOW_REJECTED, seen.rejected)
    return None


def _why_not_rolled_out(canary: Workload) -> Message:
    """Return why a workload has not rolled out yet, or does not without a person."""
    if canary.paused:
        return Message(MessageKey.ROLLOUT_PAUSED, workload=canary.title)
    if canary.overdue:
        return Message(MessageKey.ROLLOUT_OVERDUE, workload=canary.title, words=verbatim(canary.overdue))
    return Message(MessageKey.ROLLS_OUT, workload=canary.title)


def _uncopied(seen: Observation) -> Obstacle | None:
    """Return why CopyImages could not promote this canary: reported before it gets traffic, not after."""
    ref = seen.spec.workload.stable
    if seen.spec.promotion.strategy is not PromotionStrategy.COPY_IMAGES or seen.canary is None or ref is None:
        return None
    if seen.stable is None:
        missing = Message(MessageKey.MISSING, kind=ref.kind, name=ref.name)
        return Obstacle(Reason.INVALID_SPEC, missing, CORRECT_NAME, "spec.workload.stable")
    why = uncopyable(seen.canary, seen.stable)
    remedy = Message(MessageKey.NAME_ALIKE)
    return None if why is None else Obstacle(Reason.INVALID_SPEC, why, remedy, "spec.promotion.strategy")
