"""Options of the engine, as ``settings.py`` resolves them."""

from dataclasses import dataclass, field

from ingress_canary.api.notification import Notification
from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capabilities
from ingress_canary.domain.objects.revision import RESTART_ANNOTATIONS


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the engine. Times are in seconds."""

    namespace: str = "ingress-canary"
    """The daemon's own, where shared schedules live."""
    schedule_namespaces: frozenset[str] = frozenset()
    """Other namespaces whose schedules may be used."""
    inline_schedules: bool = True
    accept_unchecked: bool = False
    """Begin although rights are missing to check some preflight rules."""
    controllers: frozenset[str] = field(default_factory=frozenset)
    """Further values of IngressClass spec.controller that behave like ingress-nginx."""
    restarts: tuple[str, ...] = RESTART_ANNOTATIONS
    """Annotations of a pod template that make no version."""
    sources: tuple[Capabilities, ...] = (OF_CONTROLLERS,)
    """What each metrics source can answer, in order of preference."""
    interval: float = 10
    """Between two evaluations, on the clock."""
    warm_up: float = 120
    """How long stable is watched before the canary gets traffic, on the clock."""
    checkpoint: float = 60
    """Longest time between two stored checkpoints of evidence, on the clock."""
    leader: str = ""
    """The term that active rollouts are stamped with before anything else is done; empty when nobody else writes."""
    notifications: tuple[Notification, ...] = ()
    """Notifications for every rollout, by Secrets of the daemon's own namespace."""
    workers: int = 16
    stop_within: float = 6
    """Real seconds in which checkpoints are stored at the end."""
