"""Facts of a rollout: predicates of an Observation that several rules share. None of them decides anything."""

from ingress_canary.api.rollout_status import AT_REST, Phase
from ingress_canary.domain.decision.observation import Observation
from ingress_canary.domain.decision.outcomes import target_digest
from ingress_canary.domain.objects.digest import same
from ingress_canary.domain.objects.revision import images, same_images
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey

IN_FLIGHT = frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.PROMOTING})


def is_promoting(seen: Observation) -> bool:
    """Return whether the rollout is in phase Promoting, or paused out of it."""
    pause = seen.status.pause
    return seen.status.phase is Phase.PROMOTING or (pause is not None and pause.returns_to is Phase.PROMOTING)


def is_promoted(seen: Observation) -> bool:
    """Return whether stable has changed since the start and carries the canary's images."""
    if seen.stable is None or seen.canary is None:
        return False
    # the same pods: stable may have got them before the last step, and was taken for the baseline then
    if seen.same_version:
        return True
    baseline = seen.status.baseline
    changed = baseline is not None and same(baseline.template, seen.stable_hash) is False
    return changed and same_images(images(seen.stable), images(seen.canary))


def is_stable_replaced(seen: Observation) -> bool:
    """Return whether stable is another version than the one that the canary was compared with."""
    baseline = seen.status.baseline
    compared = (baseline.compared or baseline.template) if baseline else None
    return same(compared, seen.stable_hash) is False


def has_copy_begun(seen: Observation) -> bool:
    """Return whether CopyImages may have changed a pod of stable, so that a fail must put its images back first."""
    copying, stable = seen.status.copying, seen.stable
    if copying is None or stable is None or seen.status.finishing:
        return False
    return (
        copying.done
        or images(stable) != {container.name: container.image for container in copying.before}
        or not stable.rolled_out
    )


def is_restoring(seen: Observation) -> bool:
    """Return whether stable gets its old images back, after which the canary goes."""
    return seen.status.copying is not None and seen.status.copying.undo is not None


def why_stable_unready(seen: Observation) -> Message | None:
    """Return why stable cannot carry all traffic: fewer ready endpoints than at the start, or still rolling out."""
    baseline = seen.status.baseline
    needed = max(baseline.ready_endpoints if baseline else 1, 1)
    rolled_out = seen.stable is None or seen.stable.rolled_out
    if seen.stable_ready >= needed and rolled_out:
        return None
    if rolled_out:
        return Message(MessageKey.STABLE_LACKS_ENDPOINTS, ready=seen.stable_ready, needed=needed)
    return Message(MessageKey.STABLE_ROLLS_OUT, ready=seen.stable_ready, needed=needed)


def is_target_replaced(seen: Observation) -> bool:
    """Return whether the rollout in flight is superseded: by a new revision, pod template or target."""
    changed = seen.status.phase in IN_FLIGHT and is_new_revision(seen)
    return changed or is_canary_redeployed(seen) or targets_other_objects(seen)


def is_new_revision(seen: Observation) -> bool:
    """Return whether the canary's revision is another one than the status tells of."""
    known = seen.status.revision
    return seen.revision is not None and (known is None or same(known, seen.revision) is False)


def is_canary_redeployed(seen: Observation) -> bool:
    """Return whether the canary's pod template has changed since it got traffic, even under the same revision."""
    baseline = seen.status.baseline
    began = baseline.canary if baseline is not None else None
    return seen.status.phase in IN_FLIGHT and same(began, seen.canary_hash) is False


def targets_other_objects(seen: Observation) -> bool:
    """Return whether the spec names other objects than the rollout began with."""
    baseline = seen.status.baseline
    return (
        seen.status.phase not in AT_REST
        and baseline is not None
        and same(baseline.target, target_digest(seen.spec)) is False
    )
