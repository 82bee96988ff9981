"""A reading counted once, though it is asked for twice: to see whose pass comes first, and in that pass.

The ticker asks :func:`errors`, ``engine/inputs.py`` then :func:`ticked`.
"""

from datetime import timedelta

import structlog

from ingress_canary.domain.evaluation.evaluation import Session, Tick
from ingress_canary.domain.evaluation.replay import caught_up
from ingress_canary.domain.metrics.counting import advance
from ingress_canary.domain.metrics.samples import Counts, Reading
from ingress_canary.engine.state.rollout_state import Entry

log = structlog.get_logger(__name__)


def errors(entry: Entry, interval: float) -> float:
    """Return the largest part of the canary's requests that an SLO calls bad in the reading that no pass has taken.

    It decides nothing but the order of passes: what cannot be counted is 0 here, and is met again in its own pass.
    """
    if entry.session is None or entry.reading is None or entry.counting is None or entry.clock_set:
        return 0.0
    span = timedelta(seconds=interval)
    try:
        _, evidence = entry.memory.of(advance, entry.session.book, entry.reading, *entry.counting, span)
    except Exception:
        # one rollout that cannot be served must not stop the others
        log.debug("a reading could not be counted", uid=entry.uid, exc_info=True)
        return 0.0
    looks = (one for one in evidence.counts.values() if isinstance(one, Counts) and one.n)
    return max((one.e / one.n for one in looks), default=0.0)


def ticked(entry: Entry, session: Session, reading: Reading, at: Tick) -> Session:
    """Return the session with a reading, counted from a new starting point when the clock was set before it.

    One that cannot be judged, whatever is wrong with it, is missing data: neither good nor bad, and it bars no action.
    """
    if entry.clock_set:
        session = session.rebased(reading.at)
        entry.clock_set = False
    entry.counting = at.signals, at.course.measures
    at = at._replace(probe=entry.probed)
    try:
        return caught_up(session, reading, at, lambda *said: entry.memory.of(advance, *said))
    except Exception as error:
        gap = f"the look at the source could not be judged: {type(error).__name__}: {error}"
        if session.no_data != gap:
            log.exception("a reading could not be judged", uid=entry.uid)
        since = session.no_data_since or reading.at
        return session._replace(last=None, answered=False, no_data=gap, no_data_since=since)
