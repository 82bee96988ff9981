"""Notifications to people: which are due between the status before and the stored one, and their text.

What people are notified of is part of the status (``alerts``, ``history``), so it is stored before it is sent: a crash
in between loses a message, and no restart repeats one. ``publish.py`` has it stored, ``engine/report.py`` has it sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingress_canary.api.notification import Notification, Severity
from ingress_canary.api.rollout_status import AlertStatus, Phase, RolloutStatus
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.metrics.templates import render_beginning
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.vocabulary import ASKING, Reason, severity
from ingress_canary.domain.status.notice_template import VARIABLES

QUIET = timedelta(hours=1)
"""A recurring alert is sent once in this time, on the daemon's clock, unless there is a transition."""
ALERTS = 16
TITLE = 256
BODY = 8192

USUAL_TITLE = "[{{severity}}] {{namespace}}/{{rollout}}: {{reason}}"
TRIAL = "This is a test by `ingress-canary notifications test`: nothing has happened."
USUAL_BODY = "{{message}}\n\n{{phase}}, step {{step}} at {{weight}} %, revision {{revision}}, {{time}}\n{{evidence}}"


@dataclass(frozen=True, slots=True)
class NoticeSubject:
    """The rollout that a message is about."""

    key: Key
    uid: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Recipients: notifications, and the namespace of the Secrets that they name."""

    namespace: str
    notifications: tuple[Notification, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, ready to be sent."""

    about: NoticeSubject
    reason: Reason
    severity: Severity
    notification: str
    """Its name."""
    secret: Key
    entry: str
    """Of the Secret, where the addresses are."""
    title: str
    body: str


News = tuple[Reason, str, datetime]
"""What there is to tell: the word, the sentence, and when it was decided."""


def audience(seen: Observation) -> Audience | None:
    """Return the recipients that a rollout's schedule names; None where it cannot be read."""
    if seen.compiled is None:
        return None
    return Audience(seen.shared_in or seen.key.namespace, tuple(seen.compiled.spec.notifications))


def standing(decision: Decision, now: datetime) -> list[AlertStatus]:
    """Return the reasons that people were notified of since the last transition, those of this pass included."""
    status = decision.status
    if decision.moved is not None:
        return []
    kept = [alert for alert in status.alerts if alert.reason == status.reason or now - alert.at < QUIET]
    known = {alert.reason for alert in kept}
    # a reason that the transition has just reported is not reported again
    known |= {entry.reason for entry in status.history[-1:] if now - entry.at < QUIET}
    calls = [str(alert.reason) for alert in decision.alerts]
    calls += [status.reason] if status.reason in ASKING else []
    return [*kept, *(AlertStatus(reason=call, at=now) for call in dict.fromkeys(calls) if call not in known)][-ALERTS:]


def news(before: RolloutStatus, after: RolloutStatus, decision: Decision) -> Iterator[News]:
    """Yield the news of a stored status against the one before: a transition, or an alert."""
    if decision.moved is not None:
        yield Reason(decision.moved.reason), decision.moved.message, decision.moved.at
    messages = {str(alert.reason): alert.message for alert in decision.alerts}
    for alert in after.alerts:
        if alert not in before.alerts:
            yield Reason(alert.reason), str(messages.get(alert.reason, after.message)), alert.at


def notices(
    about: NoticeSubject, pieces: Iterable[News], status: RolloutStatus | None, audiences: Sequence[Audience]
) -> Iterator[Notice]:
    """Yield a message for each piece of news and each recipient who wants it; ``status`` is None when unreadable."""
    for reason, message, at in pieces:
        values = _values(about.key, status, reason, message, at)
        for audience in audiences:
            for notification in audience.notifications:
                if wants_notice(notification, reason):
                    secret = Key(audience.namespace, notification.secret_ref.name)
                    yield Notice(
                        about, reason, severity(reason), notification.name, secret, notification.secret_ref.key,
                        *render_text(notification, values),
                    )  # fmt: skip


def trial_notice(
    about: NoticeSubject, recipients: Audience, at: datetime, names: Sequence[str] = ()
) -> Iterator[Notice]:
    """Yield a test message for each notification, or for those named."""
    status = RolloutStatus(phase=Phase.PROGRESSING)
    for notification in recipients.notifications:
        if not names or notification.name in names:
            reason = next((Reason(word) for word in notification.reasons if word in list(Reason)), Reason.STEP_PASSED)
            secret = Key(recipients.namespace, notification.secret_ref.name)
            title, body = render_text(notification, _values(about.key, status, reason, TRIAL, at))
            entry = notification.secret_ref.key
            yield Notice(about, reason, Severity.INFO, notification.name, secret, entry, f"[test] {title}", body)


def wants_notice(notification: Notification, reason: Reason) -> bool:
    """Return whether a notification is configured to send a reason."""
    severe = severity(reason).rank >= notification.severity.rank
    return severe and (not notification.reasons or reason in notification.reasons)


def render_text(notification: Notification, values: Mapping[str, str]) -> tuple[str, str]:
    """Return title (one line) and body, cut to a length that services accept."""
    title_template, body_template = notification.title or USUAL_TITLE, notification.body or USUAL_BODY
    # blanks of the template are not kept where it begins with them
    title = " ".join(render_beginning(title_template, values, len(title_template) + 4 * TITLE).split())
    body = render_beginning(body_template, values, len(body_template) + BODY).strip()
    return title[:TITLE], (body or values["message"])[:BODY]


def _values(key: Key, status: RolloutStatus | None, reason: Reason, message: str, at: datetime) -> Mapping[str, str]:
    values = {
        **dict.fromkeys(VARIABLES, ""), "namespace": key.namespace, "rollout": key.name, "reason": str(reason),
        "severity": str(severity(reason)), "message": message, "time": f"{at:%Y-%m-%d %H:%M:%S} UTC",
    }  # fmt: skip
    if status is None:
        return values
    share = status.observed_share
    return values | {
        "phase": str(status.phase),
        "step": str(status.step.index if status.step else 0),
        "stepName": status.step.name if status.step else "",
        "weight": f"{status.weight:g}",
        "share": "" if share is None else f"{100 * share:.3g}",
        "revision": status.revision or "",
        "evidence": "\n".join(
            f"{slo.name} {slo.verdict}: canary {slo.canary.bad:,} bad of {slo.canary.total:,}, "
            f"stable {slo.stable.bad:,} of {slo.stable.total:,}; {slo.message}"
            for slo in status.slos
        ),
    }
