"""Windows and freezes: hold a rollout until its window opens or a freeze is lifted."""

from datetime import datetime, timedelta

from ingress_canary.domain.decision.observation import Observation, Obstacle
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.windows import Calendar


def calendar_obstacle(seen: Observation, now: datetime, onto: int) -> Obstacle | None:
    """Return the freeze or closed window that bars step ``onto``; the one after the last is the promotion."""
    if seen.frozen is not None:
        return freeze_obstacle(seen.frozen)
    calendar = seen.schedule.calendar
    if calendar is None:
        return None
    freeze = calendar.frozen(now)
    if freeze is not None:
        until = calendar.format_time(freeze.span.end)
        what = Message(MessageKey.FREEZE, until=until)
        if freeze.reason:
            what = Message(MessageKey.FREEZE_BECAUSE, why=freeze.reason, until=until)
        return Obstacle(Reason.FROZEN, what, _next(seen, calendar, now, onto))
    if not calendar.open(now):
        return Obstacle(Reason.OUTSIDE_WINDOW, Message(MessageKey.WINDOW_CLOSED), _next(seen, calendar, now, onto))
    needed, closes = _needed(seen, onto), calendar.closes(now)
    if closes is not None and closes - now < needed:
        what = Message(
            MessageKey.WINDOW_TOO_SHORT, index=onto, needed=needed.total_seconds(), closes=calendar.format_time(closes)
        )
        return Obstacle(Reason.OUTSIDE_WINDOW, what, _next(seen, calendar, now, onto))
    return None


def freeze_obstacle(reason: str) -> Obstacle:
    """Return the obstacle of a freeze of the whole daemon."""
    return Obstacle(Reason.FROZEN, Message(MessageKey.FROZEN_ANYWHERE, why=reason))


def _needed(seen: Observation, onto: int) -> timedelta:
    """Return how long the window must stay open for a step to be entered; zero without finishInWindow."""
    windows, walk = seen.schedule.spec.windows, seen.schedule.walk
    if windows is None or not windows.finish_in_window or onto > len(walk):
        return timedelta(0)
    return seen.schedule.spec.least_time(walk.at(onto).bake)


def _next(seen: Observation, calendar: Calendar, now: datetime, onto: int) -> Message:
    opens = calendar.opens(now, _needed(seen, onto))
    if opens is None:
        return Message(MessageKey.NEVER_OPENS)
    return Message(MessageKey.GOES_ON_AT, at=calendar.format_time(opens))
