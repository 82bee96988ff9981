"""CopyImages: the images that stable is to get, and whether they still have to be set. Pure.

``rules/copy_images.py`` decides with it, ``reconcile/effects.py`` writes what is due. Images are set once on the way
there and once on the way back: what another writer makes of them afterwards is reported and not reverted.
"""

from collections.abc import Mapping

from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.api.workload import ContainerImage, CopyStatus
from ingress_canary.domain.objects.revision import images, same_images
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey

Images = Mapping[str, str]
"""Image by container name."""


def uncopyable(canary: Workload, stable: Workload) -> Message | None:
    """Return why the canary's images cannot be copied to stable; None when they can."""
    for side, other in ((canary, stable), (stable, canary)):
        if only := sorted(images(side).keys() - images(other).keys()):
            return Message(MessageKey.COPY_OTHER_CONTAINERS, workload=side.title, names=tuple(only))
    return None


def copy_of(canary: Workload, stable: Workload) -> CopyStatus:
    """Return the record of both sides' images, stored before stable is changed."""
    return CopyStatus(before=_listed(images(stable)), after=_listed(images(canary)))


def ends(copying: CopyStatus) -> tuple[Images, Images]:
    """Return stable's images before and after the change under way: to the canary's, or back after a fail."""
    before, after = _named(copying.before), _named(copying.after)
    return (before, after) if copying.undo is None else (after, before)


def images_arrived(copying: CopyStatus, stable: Workload) -> bool:
    """Return whether stable has the images that it is to get, with digests that a policy adds to them."""
    return same_images(images(stable), ends(copying)[1])


def images_due(status: RolloutStatus, stable: Workload | None) -> Images | None:
    """Return the images to set on stable now; None when there is nothing to write.

    Only what stands where the copy began is written: another writer's images are nobody's to replace.
    """
    copying = status.copying
    if copying is None or stable is None or copying.done or status.phase is not Phase.PROMOTING:
        return None
    origin, goal = ends(copying)
    finished = status.finishing and copying.undo is None
    is_at_origin = same_images(images(stable), origin) and not same_images(images(stable), goal)
    return goal if not finished and is_at_origin else None


def describe_images(of: Images) -> str:
    """Return images as text for messages."""
    return ", ".join(f"{name}={image}" for name, image in of.items())


def _listed(of: Images) -> list[ContainerImage]:
    return [ContainerImage(name=name, image=image) for name, image in of.items()]


def _named(of: list[ContainerImage]) -> Images:
    return {container.name: container.image for container in of}
