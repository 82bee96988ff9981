"""Stable marks: what ``Recent`` keeps of stable's requests, after many ticks.

A mark is what had been counted of requests and bad ones, as in ``Recent.stable``. ``span_evidence.py`` takes theta_t
from them, and hands them over.
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingress_canary.domain.slo.recent import PARTS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
StableMark = tuple[int, int]


def stable_marks(known: Sequence[StableMark], m: Ints, f: Ints, window: float) -> tuple[StableMark, ...]:
    """Return the marks that are kept after some ticks, of which ``m`` and ``f`` had been counted after each."""
    # each of the last two brought a whole window
    if len(m) > 2 and m[-1] - m[-2] >= window <= m[-2] - m[-3]:
        return (int(m[-2]), int(f[-2])), (int(m[-1]), int(f[-1]))
    now, marks = int(m[-1]), spaced(known, m.tolist(), f.tolist(), window)
    # the first one lies a window back, or is the oldest
    return tuple(marks[max(bisect_right(marks, now - window, key=_requests) - 1, 0) :])


def spaced(known: Sequence[StableMark], m: list[int], f: list[int], window: float) -> list[StableMark]:
    """Return the marks with all that further ticks make, as ``Recent.plus`` makes them."""
    marks, apart = list(known), window / PARTS
    last = marks[-1][0]
    for requests, bad in zip(m, f, strict=True):
        if requests - last >= apart:
            marks.append((requests, bad))
            last = requests
    return marks


def marks_at(marks: Sequence[StableMark], limits: Floats) -> Ints:
    """Return the last mark that does not exceed each limit, the first one where all do: requests, and bad ones."""
    columns = np.array(marks).T
    last = np.searchsorted(columns[0], limits, side="right") - 1
    found: Ints = columns[:, np.maximum(last, 0)]
    return found


def _requests(mark: StableMark) -> int:
    return mark[0]
