"""Counters of users' own PromQL queries, turned into counts. Called by ``counting.py``, which keeps their state.

Each series is followed by itself, as the controllers' are, and summed afterwards: a sum would hide the reset of a part.
"""

from collections.abc import Iterable, Mapping

from ingress_canary.domain.metrics.counter_state import Increase, Sample, SeriesKey
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Side, is_count
from ingress_canary.domain.metrics.sli_kinds import Counters

PART, TOTAL = "part", "total"
"""What a sample counts, in the place of a status."""


def query_samples(
    reading: Reading, measure: Counters, variables: Mapping[str, str]
) -> dict[SeriesKey, Sample] | NoData:
    """Return the samples of both sides, for the counted part and for the total; or why there are none."""
    samples: dict[SeriesKey, Sample] = {}
    for side in Side:
        for selector, counts in zip(measure.selectors(variables, side) or (), (PART, TOTAL), strict=False):
            if selector in reading.failed:
                return NoData(reading.failed[selector])
            for series in reading.series:
                if series.family != selector:
                    continue
                if not is_count(series.value):
                    return NoData(f"{selector} of {series.instance} is {series.value:g}, which is no count")
                # one series may be in both queries, or even belong to both sides
                key = series.instance, frozenset({*series.labels.items(), (side.value, counts)})
                samples[key] = Sample(series.at, side, counts, (series.value,))
    return samples


def query_counts(increases: Iterable[Increase], measure: Counters) -> Counts:
    """Return the counts of both sides; a good event more than all of them is left to the check of the counts."""
    sums = {(side, counts): 0 for side in Side for counts in (PART, TOTAL)}
    for increase in increases:
        sums[increase.side, increase.status] += round(increase.by[0])
    (n, e), (m, f) = (
        (sums[side, TOTAL], sums[side, TOTAL] - sums[side, PART] if measure.part_is_good else sums[side, PART])
        for side in (Side.CANARY, Side.STABLE)
    )
    return Counts(n, e, m, f)
