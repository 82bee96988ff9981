"""Diagnosis of an ineffective weight: the likely causes, in the order in which a person should check them.

``decide.py`` adds them to WeightNotEffective, which says that the share is wrong and cannot say why.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ingress_canary.domain.metrics.counting import Requests
from ingress_canary.domain.metrics.samples import OrphanTypes
from ingress_canary.domain.preflight.problem import Problem, summary
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.traffic.effectiveness import ENOUGH_EXPECTED


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Facts besides the observed share."""

    weight: float
    """Share of requests drawn for the canary, 0..1."""
    problems: Sequence[Problem] = ()
    """What preflight found."""
    orphaned: OrphanTypes | None = None
    """The controllers' own word that the shadow is inert."""
    processes: Mapping[str, Requests] = field(default_factory=dict)
    """Requests of each controller process since the step settled."""
    ready: int = 1
    """Endpoints of the canary that take traffic."""
    unready: int = 0


def likely_causes(of: Circumstances) -> tuple[Message, ...]:
    """Return the likely causes, the most likely first; what to do where none is known."""
    return tuple(_likely_causes(of)) or (Message(MessageKey.NO_CAUSE_FOUND),)


def requests_since(now: Mapping[str, Requests], base: Mapping[str, Requests]) -> Mapping[str, Requests]:
    """Return the requests of each process since an earlier reading; counters that fell were reset."""
    found = {}
    for name, seen in now.items():
        before = base.get(name, Requests())
        reset = seen.canary < before.canary or seen.stable < before.stable
        found[name] = seen if reset else Requests(seen.canary - before.canary, seen.stable - before.stable)
    return found


def _likely_causes(of: Circumstances) -> Iterator[Message]:
    if of.problems:
        yield Message(MessageKey.CAUSE_PREFLIGHT, problems=summary(of.problems))
    if of.orphaned:
        yield Message(MessageKey.CAUSE_ORPHAN, types=", ".join(of.orphaned))
    if idle := _idle_controllers(of):
        named = tuple(
            Message(MessageKey.IDLE_CONTROLLER, name=name, requests=requests.stable) for name, requests in idle.items()
        )
        yield Message(MessageKey.CAUSE_IDLE_CONTROLLERS, controllers=named)
    if not of.ready:
        yield Message(MessageKey.CAUSE_NO_ENDPOINT, unready=of.unready)
    elif of.unready:
        yield Message(MessageKey.CAUSE_ENDPOINTS, unready=of.unready, total=of.ready + of.unready)


def _idle_controllers(of: Circumstances) -> dict[str, Requests]:
    """Return the processes that have sent no request to the canary where they should have, while others have."""
    if not any(requests.canary for requests in of.processes.values()):
        return {}
    return {
        name: requests
        for name, requests in sorted(of.processes.items())
        if not requests.canary and requests.stable * of.weight >= ENOUGH_EXPECTED
    }
