"""A pattern of the durations between two bounds, for a schema that cannot compare them: the chart's.

It takes the forms that people write (``90s``, ``2m``, ``1m30s``, ``500ms``), each within the bounds; the daemon takes
further ones, such as ``1s500ms``.
"""

import itertools
from datetime import timedelta

MILLISECOND, MINUTE = timedelta(milliseconds=1), timedelta(minutes=1)


def between(low: timedelta, high: timedelta) -> str:
    """Return the pattern, of Go's regular expressions as well as Python's; both ends are included."""
    seconds = -(-low // timedelta(seconds=1)), high // timedelta(seconds=1)
    forms = [f"({numbers(-(-low // MILLISECOND), high // MILLISECOND)})ms", f"({numbers(*seconds)})s"]
    if high >= MINUTE:
        forms.append(f"({numbers(-(-low // MINUTE), high // MINUTE)})m")
    if high >= 2 * MINUTE:
        assert low <= MINUTE
        forms.append(f"({numbers(1, high // MINUTE - 1)})m({numbers(0, 59)})s")
    if high >= timedelta(hours=1):
        forms.append(f"({numbers(-(-low // timedelta(hours=1)), high // timedelta(hours=1))})h")
    return f"^({'|'.join(forms)})$"


def numbers(low: int, high: int) -> str:
    """Return the pattern of the whole numbers from low to high, without leading zeros."""
    ends = {high}
    for digits in itertools.count(1):
        nines = low - low % 10**digits + 10**digits - 1
        if nines >= high:
            break
        ends.add(nines)
    for digits in itertools.count(1):
        zeros = high + 1 - (high + 1) % 10**digits - 1
        if zeros < low:
            break
        ends.add(zeros)
    begins = [low, *(end + 1 for end in sorted(ends)[:-1])]
    return "|".join(itertools.starmap(_digits, zip(begins, sorted(ends), strict=True)))


def _digits(low: int, high: int) -> str:
    """Return the pattern of a range whose bounds differ in their last digits only by 0 and 9, and in one before."""
    pairs = zip(str(low), str(high), strict=True)
    return "".join(first if first == last else f"[{first}-{last}]" for first, last in pairs)
