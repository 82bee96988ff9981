"""Regression of a canary in a backtest, as the command line names it. Used by ``recorded_rollout.py``."""

from typing import NamedTuple

from ingress_canary.api.units import format_points


class CanaryRegression(NamedTuple):
    """By how much the canary is worse than stable, from the first step on."""

    size: float
    """Share of its good requests that are bad; 0 for a healthy canary."""
    is_slowness: bool = False
    """Whether they are slow, rather than answered with an error."""

    @property
    def label(self) -> str:
        """Its name, such as ``+1pp`` or ``100%``."""
        size = "100%" if self.size == 1 else f"+{format_points(self.size)}"
        return f"{size} slow" if self.is_slowness else size


HEALTHY = CanaryRegression(0.0)
