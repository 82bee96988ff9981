"""Kind of fault: a name, what it befalls, and how it begins and ends."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import RequestInfo, requests
from tests.campaign.pair import NAMES, Pair
from tests.campaign.shops import Shop

Predicate = Callable[[RequestInfo], bool]


class Target(StrEnum):
    """What a fault befalls."""

    DAEMONS = "daemons"
    API_SERVER = "API server"
    ANSWERS = "answers"
    CONTROLLERS = "controllers"
    PAGES = "pages"
    PEOPLE = "people"

    @property
    def one_at_a_time(self) -> str:
        """What no two faults befall at the same time, because one would undo the other; empty for no such thing."""
        match self:
            case Target.CONTROLLERS | Target.PAGES:
                return Target.CONTROLLERS
            case Target.DAEMONS:
                return Target.DAEMONS
            case _:
                return ""


@dataclass(frozen=True)
class World:
    """All that faults can befall."""

    lab: Lab
    pair: Pair
    shops: tuple[Shop, ...]


Injection = Callable[[World, Random], AbstractAsyncContextManager[None]]
"""A context in which the fault lasts; all that it draws comes from the generator."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    target: Target
    inject: Injection
    lasts: tuple[float, float] = (0.3, 1.5)
    """Real seconds, the least and the most."""


def of_daemons(**wanted: str | tuple[str, ...]) -> Predicate:
    """Return what matches requests of the daemons, of both unless ``user`` names one, by fields of RequestInfo."""
    return requests(**{"user": NAMES, **wanted})
