"""Record what this release stores of its evidence, for tests/domain/evaluation/test_released_checkpoints.py.

    python -m tests.domain.evaluation.record_checkpoints > tests/domain/evaluation/checkpoints/RELEASE.json

Run once by each release with another checkpoint, from its own source, and never again: the files are what clusters
hold. ``3fdf44c.json`` was made by this program in the tree of that commit, where ``Evaluation`` was the ``Session`` of
``domain.session``, ``CompiledSchedule`` its ``Course``, and ``Counts`` were those of ``domain.samples``.
"""

import json
import sys
from datetime import timedelta
from typing import Any

from ingress_canary.api.rollout_status import Phase, SloStatus
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.slo.analysis import AnalysisTick
from tests.domain.world import BEGIN, Traffic, World, at_step, schedule

TWO_SLOS = [
    {"name": "availability", "objective": 99.5, "sli": {"requests": {}}},
    {"name": "client-errors", "objective": 95, "maxBurn": 5, "minRequests": 10, "sli": {"requests": {}}},
]
RAMP = [
    {"name": "first", "weight": 1, "bake": "2m", "require": "NoFail", "minRequests": 5},
    {"ramp": {"from": 5, "to": 100, "factor": 2, "bake": "5m"}},
]
KEPT = {"phase", "step", "weight", "slos", "analysisState", "schedule", "startedAt"}


def worlds() -> dict[str, World]:
    """Return rollouts in flight, by what they are."""
    healthy = at_step(1)
    healthy.step(7)
    scattered = at_step(2, schedule=schedule(steps=RAMP, slos=TWO_SLOS), traffic=Traffic(canary=0.004, stable=0.003))
    scattered.step(20)
    worse = at_step(2, schedule=schedule(onFailure="Pause"))
    worse.traffic = Traffic(canary=0.5)
    worse.until(lambda w: w.status.phase is Phase.PAUSED)
    worse.step(7)
    promoting = at_step(3).until(lambda w: w.status.phase is Phase.PROMOTING)
    promoting.step(7)
    return {
        "at the first step": healthy,
        "in a ramp, two SLOs": scattered,
        "proven worse": worse,
        "promoting": promoting,
    }


def evidence(document: dict[str, Any], evaluation: Evaluation) -> dict[str, Any]:
    """Return what an evaluation that a status continues knows, and what it concludes after one more tick."""
    analysis = evaluation.analysis
    names = [slo["name"] for slo in document["slos"]]
    then = analysis.tick(BEGIN + timedelta(days=1), AnalysisTick({name: Counts(50, 1, 150, 2) for name in names}))
    return {
        "step": analysis.step,
        "requests": [analysis.canary_requests, analysis.stable_requests],
        "firstFailAt": analysis.first_fail_at and analysis.first_fail_at.isoformat(),
        "seconds": [evaluation.baked, evaluation.held],
        "resume": evaluation.resume and evaluation.resume.encode(),
        "slos": [numbers(slo) for slo in analysis.statuses],
        "afterOneTick": [numbers(slo) for slo in then.statuses],
    }


def numbers(slo: SloStatus) -> dict[str, Any]:
    """Return an SLO's verdict and numbers; the sentence is free to change."""
    return {key: value for key, value in slo.dump().items() if key != "message"}


def main() -> None:
    cases = {}
    for name, world in worlds().items():
        assert world.status.schedule is not None
        compiled = CompiledSchedule.of(schedule(**world.status.schedule.content))
        document = {key: value for key, value in world.status.dump().items() if key in KEPT}
        cases[name] = {
            "status": document, "evidence": evidence(document, Evaluation.restored(compiled, world.status)),
        }  # fmt: skip
    sys.stdout.write(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
