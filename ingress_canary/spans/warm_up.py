"""Warm-up: what a tick-by-tick warm-up of stable alone makes of an accumulator, from the counts of all its ticks."""

from array import array
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ingress_canary.domain.slo.accumulator import Accumulator
from ingress_canary.domain.slo.dispersion import Dispersion
from ingress_canary.domain.slo.recent import BEGINNING, Mark, Recent
from ingress_canary.spans.stable_marks import stable_marks
from ingress_canary.spans.tick_times import TickTimes

Ints = NDArray[np.int64]


def warmed(times: TickTimes, track: Accumulator, counts: Ints) -> Accumulator:
    """Return an accumulator after the ticks of the warm-up, given stable's requests and bad ones, (2, ticks)."""
    if not counts.size:
        return track
    sums = np.cumsum(counts, axis=1)
    minute, earlier = (
        tuple([Mark(times.at[tick], 0, 0, *sums[:, tick - 1].tolist()) if tick else BEGINNING for tick in ticks])
        for ticks in times.marks[times.warm]
    )
    stable = stable_marks(track.recent.stable, sums[0], sums[1], track.design.known_requests)
    return replace(track, dispersion=_dispersion(times, counts), recent=Recent(minute, earlier, stable))


def marks_of(counts: Ints, columns: int) -> Ints:
    """Return what had been counted at the last ticks, (counts, columns), from the counts of each tick; 0 before."""
    marks = np.cumsum(counts, axis=1)
    padded: Ints = np.zeros((len(counts), columns), np.int64)
    known = min(columns, marks.shape[1])
    padded[:, columns - known :] = marks[:, marks.shape[1] - known :]
    return padded


def _dispersion(times: TickTimes, counts: Ints) -> Dispersion:
    """Return what the warm-up shows of how errors scatter."""
    if counts[0].all():
        # which ticks make an entry depends on their times alone
        requests, bad = np.add.reduceat(counts[:, : times.learnt], times.entries, axis=1).astype(np.uint64)
        return times.template._replace(requests=array("Q", requests.tobytes()), bad=array("Q", bad.tobytes()))
    dispersion = Dispersion()
    for at, requests, bad in zip(times.at[1:], *counts.tolist(), strict=False):
        dispersion = dispersion.plus(at, requests, bad)
    return dispersion
