"""Assembly of a pass: what a decision needs, with what its effects need. Made by the engine's pass."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar, TypeVarTuple

from ingress_canary.api.rollout import RolloutSpec, RolloutStatus
from ingress_canary.domain.decision.observation import Observation, wanted_exposure
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.objects.views import Ingress, Json, Owner
from ingress_canary.domain.preflight.problem import Findings
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.drift import stamped
from ingress_canary.domain.traffic.probe import ProbeRequest, probe_request
from ingress_canary.domain.traffic.router.router import Router

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Remember(Protocol):
    """Calls a pure function, or returns what it has returned for equal arguments before."""

    def __call__(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        """Return ``function(*arguments)``."""


def call(function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
    """Return ``function(*arguments)``, remembering nothing."""
    return function(*arguments)


class AssembledPass(NamedTuple):
    """An observation, with what the effects of its decision will need."""

    seen: Observation
    router: Router
    owner: Owner
    """The rollout as the owner of its shadow."""
    primary: Ingress | None
    target: Target | None
    """The series that the metrics source reads for this rollout."""
    findings: Findings | None
    """What preflight found, graded by the settings; None where it did not run: at rest, or without a schedule."""
    leftovers: tuple[Ingress, ...] = ()
    """Other shadows of this rollout, or of an earlier one of its name; they must not send traffic to the canary."""
    asked: bool = False
    """Whether the rollout carries the annotation of an action, answered or not."""


def manifest_of(router: Router, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
    """Return the shadow's manifest with its fingerprint, as it is stored."""
    return stamped(router, router.shadow(primary, spec, owner, exposure))


def probe_of(assembled: AssembledPass, status: RolloutStatus) -> ProbeRequest | None:
    """Return the probe that the next tick is to send for a rollout with this status; None before its first step."""
    probe = assembled.seen.spec.probe
    if probe is None or status.step is None or assembled.target is None:
        return None
    return probe_request(probe, wanted_exposure(status), assembled.router, status.revision or "")
