"""Why there is no evidence: what a look at the source may bring instead of numbers."""

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True)
class NoData:
    """Why there is no evidence at this tick: unknown, neither bad nor good."""

    message: str


@dataclass(frozen=True, slots=True)
class UnknownBound:
    """A latency threshold that is no bucket bound: the SLO must be changed, waiting does not help."""

    threshold: float
    bounds: tuple[float, ...]
    """The bounds that there are, rising, in seconds."""

    @property
    def message(self) -> str:
        """The problem with its remedy."""
        known = ", ".join(f"{bound:g}" for bound in self.bounds if isfinite(bound))
        remedy = f"choose one of {known}" if known else "they export no bucket at all"
        return f"threshold {self.threshold:g} s is not a bucket bound of the controllers' histogram: {remedy}"
