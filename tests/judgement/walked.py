"""A situation judged tick by tick, by the real evidence and verdicts."""

from datetime import datetime, timedelta

from ingress_canary.api.rollout_status import Verdict
from ingress_canary.domain.metrics.samples import Counts, Strata, counts_of
from ingress_canary.domain.slo.analysis import Analysis, AnalysisTick
from tests.judgement.traffic import BEGIN, SLO, Drawn, Judged, Situation, Step, Traffic


def judged(situation: Situation, seed: int, run: int) -> Judged:
    """Return what the last step of a run came to."""
    traffic, canary = Traffic(situation, seed, run), WalkedCanary(situation)
    canary.warm_up(traffic.warm_up())
    return [canary.step(step, traffic.step(step)) for step in situation.steps][-1]


class WalkedCanary:
    """One SLO of one rollout."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.analysis = Analysis.of(situation.plan)
        self.at = 0.0
        """When the present step began, in seconds since the first one did."""

    def warm_up(self, drawn: Drawn) -> None:
        """Let stable be seen alone."""
        for tick, end in enumerate(self.situation.warm_edges[1:]):
            strata = _at(drawn, tick)
            self.analysis = self.analysis.warm(_instant(end), {SLO: counts_of(strata)}, {SLO: strata})

    def step(self, step: Step, drawn: Drawn) -> Judged:
        """Go through the next step."""
        self.analysis = self.analysis.enter_step(self.analysis.step + 1)
        since, passed = self.at, None
        for tick, end in enumerate(step.ends.tolist()):
            self.at, strata = since + end, _at(drawn, tick)
            seen = AnalysisTick({SLO: counts_of(strata)}, age=end, weight=100 * step.weight, strata={SLO: strata})
            self.analysis = self.analysis.tick(_instant(self.at), seen)
            (verdict,) = self.analysis.verdicts
            if verdict is Verdict.FAIL:
                return Judged(end, passed)
            if verdict is Verdict.PASS and end >= step.bake and passed is None:
                passed = end
                if step.until is Verdict.PASS:
                    break
        return Judged(None, passed)


def _instant(at: float) -> datetime:
    return BEGIN + timedelta(seconds=at)


def _at(drawn: Drawn, tick: int) -> Strata:
    return {name: Counts(*counts[:, tick].tolist()) for name, counts in drawn.items()}
