"""Plan of a campaign: which faults come in which order, for how long, and when; a function of the seed alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.campaign.faults.kind import Kind

PAUSE = (0.0, 0.6)
"""Real seconds between the beginnings of two faults, the least and the most."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault to come."""

    kind: Kind
    pause: float
    """Real seconds before it begins."""
    lasts: float
    """Real seconds."""
    seed: int
    """Of what it draws itself."""


def plan(kinds: Sequence[Kind], faults: int, seed: int) -> Iterator[PlannedFault]:
    """Yield so many faults. Every kind has come once before any comes again."""
    rng = Random(seed)
    left: list[Kind] = []
    for _ in range(faults):
        left = left or rng.sample(kinds, len(kinds))
        kind = left.pop()
        yield PlannedFault(kind, rng.uniform(*PAUSE), rng.uniform(*kind.lasts), rng.getrandbits(32))
