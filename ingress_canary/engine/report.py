"""Report of a pass, once for each change: an Event, a log line, metrics, a notification.

Events are built by pure functions with their de-duplication key; the recorder throttles.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import structlog

from ingress_canary.api.notification import Severity
from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.domain.decision.observation import Alert, Decision
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.problem import Findings, Problem
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason, severity
from ingress_canary.domain.status.condition_types import PREFLIGHT
from ingress_canary.domain.status.notices import Audience, News, NoticeSubject, news, notices
from ingress_canary.engine.execute import Applied
from ingress_canary.engine.state.rollout_state import RolloutState
from ingress_canary.ports import Clock, Event, Outlets, Telemetry

log = structlog.get_logger(__name__)

TOLD_ON_ENTRY = frozenset(
    {Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING, Reason.PREFLIGHT_FAILED, Reason.SHADOW_REJECTED, Reason.NO_DATA}
)
"""Reasons to wait that get an Event when they begin."""


def transition_event(key: Key, uid: str, status: RolloutStatus, message: str) -> Event:
    """Return the Event of an entry in the history."""
    return _event(key, uid, Reason(status.reason), message, (str(len(status.history)), str(status.history[-1].at)))


def alert_event(key: Key, uid: str, alert: Alert) -> Event:
    """Return the Event of an alert, which has no entry in the history."""
    return _event(key, uid, alert.reason, str(alert.message), ())


def warning_event(key: Key, uid: str, problem: Problem) -> Event:
    """Return the Event of a warning of preflight."""
    text = f"rule {problem.rule}: {problem}"
    return _event(key, uid, Reason.PREFLIGHT_WARNING, text, _identity(problem), warning=True)


def undo_event(key: Key, uid: str, changes: tuple[Message, ...], by: str) -> Event:
    """Return the Event of another writer's changes that were undone, with its field manager."""
    message = str(Message(MessageKey.UNDONE, manager=by, changes=changes))
    return _event(key, uid, Reason.INTERVENED, message, (message,), warning=True)


def _event(
    key: Key, uid: str, reason: Reason, message: str, dedup: tuple[str, ...], *, warning: bool | None = None
) -> Event:
    bad = severity(reason) is not Severity.INFO if warning is None else warning
    return Event(key, uid, reason, message, "Warning" if bad else "Normal", (str(key), uid, reason, *dedup))


@dataclass(frozen=True, slots=True)
class Reporter:
    """Sends Events, log lines, metrics and notifications."""

    outlets: Outlets
    telemetry: Telemetry
    clock: Clock
    everywhere: Audience
    """Recipients of the notifications of every rollout."""
    noted: set[str] = field(default_factory=set)
    """Shortcomings of the last reading of the source, which was usable all the same."""

    def note(self, notes: AbstractSet[str]) -> None:
        """Log the shortcomings of a usable reading of the source, each when it begins."""
        for note in sorted(notes - self.noted):
            log.warning("the metrics source", note=note)
        self.noted.clear()
        self.noted.update(notes)

    def warn(
        self, key: Key, state: RolloutState, before: RolloutStatus, decision: Decision, findings: Findings
    ) -> None:
        """Record an Event for each new warning of preflight, not again after a restart."""
        if state.found_before is None:
            stored = (condition.message for condition in before.conditions if condition.type == PREFLIGHT)
            state.found_before = next(stored, "")
        warnings = {_identity(problem): problem for problem in findings.warnings}
        if state.warned is None and state.found_before == str(findings.message):
            # all of it was reported by the process before
            state.warned = frozenset(warnings)
        elif state.warned is None and state.found_before and _awaits_reading(decision):
            # some rules ask what only a reading shows: the findings are compared once they are complete
            return
        for identity, problem in warnings.items():
            if identity not in (state.warned or ()):
                self.outlets.recorder.record(warning_event(key, state.uid, problem))
        state.warned = frozenset(warnings)

    def alert(self, key: Key, state: RolloutState, alert: Alert) -> None:
        """Send an alert that cannot be derived from the status: an Event, a notification and a log line."""
        self.outlets.recorder.record(alert_event(key, state.uid, alert))
        self._notify(key, state, None, [(alert.reason, str(alert.message), self.clock.now())])
        log.warning("held", rollout=str(key), reason=alert.reason, message=str(alert.message))

    def report(
        self,
        key: Key,
        state: RolloutState,
        before: RolloutStatus,
        status: RolloutStatus,
        decision: Decision,
        done: Applied,
    ) -> None:
        """Report one pass whose status is stored; an alert is sent once, when it begins."""
        uid = state.uid
        self._notify(key, state, status, news(before, status, decision))
        if decision.moved is not None:
            self.telemetry.transition(decision.moved.reason)
            self.outlets.recorder.record(transition_event(key, uid, status, decision.moved.message))
            log.info(
                "transition",
                rollout=str(key),
                phase=status.phase,
                reason=decision.moved.reason,
                step=decision.moved.step,
                weight=decision.moved.weight,
                message=decision.moved.message,
                at=decision.moved.at.isoformat(),
            )
        elif status.reason != before.reason and status.reason in TOLD_ON_ENTRY:
            self.outlets.recorder.record(alert_event(key, uid, Alert(Reason(status.reason), verbatim(status.message))))
        for alert in decision.alerts:
            if alert.reason not in state.alerted:
                self.outlets.recorder.record(alert_event(key, uid, alert))
        state.alerted = frozenset(alert.reason for alert in decision.alerts)
        if done.undone:
            self.outlets.recorder.record(undo_event(key, uid, done.undone, done.by))
            log.warning(
                "another writer's change was undone", rollout=str(key), by=done.by, changes=list(map(str, done.undone))
            )
        self._time_rollback(state, status, decision, done)

    def show(self, key: Key, state: RolloutState, shown: Callable[[], RolloutStatus]) -> None:
        """Update the metrics and the page of a rollout; texts are rendered when somebody reads them."""
        self.telemetry.rollout(key, shown, state.compiled[1].levels if state.compiled else {})

    def _time_rollback(self, state: RolloutState, status: RolloutStatus, decision: Decision, done: Applied) -> None:
        """Observe how long a proven fail took until the shadow was gone, however often its deletion was refused."""
        ended = decision.moved is not None and status.phase is Phase.ROLLED_BACK
        if ended and status.reason == Reason.SLO_VIOLATED and decision.evaluation is not None:
            state.rolling_back = decision.evaluation.analysis.first_fail_at
        if state.rolling_back is None or done.fault is not None:
            return
        if status.shadow is None:
            self.telemetry.rollback((self.clock.now() - state.rolling_back).total_seconds())
        state.rolling_back = None

    def _notify(self, key: Key, state: RolloutState, status: RolloutStatus | None, pieces: Iterable[News]) -> None:
        """Send notifications of what is stored by now, so that no restart sends them again."""
        audiences = [self.everywhere, *((state.audience,) if state.audience is not None else ())]
        for notice in notices(NoticeSubject(key, state.uid), pieces, status, audiences):
            self.outlets.notifier.notify(notice)


def _awaits_reading(decision: Decision) -> bool:
    """Return whether the source is asked for this rollout, and has not answered this process yet."""
    evaluation = decision.evaluation
    return decision.wants_evidence and (evaluation is None or evaluation.read_at is None or not evaluation.answered)


def _identity(problem: Problem) -> tuple[str, str, str]:
    return problem.id, problem.object, problem.field
