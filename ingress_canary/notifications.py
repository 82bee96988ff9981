"""Notifications as configured: the outbox, and the daemon's own notifications from a file, read once at the start.

``app.py`` and the command ``notifications test`` use it.
"""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from ingress_canary.adapters.kube.client.client import KubeClient
from ingress_canary.adapters.kube.event_recorder import KubeRecorder
from ingress_canary.adapters.kube.secrets import KubeSecrets
from ingress_canary.adapters.notify import Outbox
from ingress_canary.adapters.notify.apprise_services import MISSING
from ingress_canary.api.model import Model
from ingress_canary.api.notification import MAX_NOTIFICATIONS, Notification
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.notice_template import notification_faults
from ingress_canary.domain.status.notices import Notice
from ingress_canary.engine.spec_parser import explain
from ingress_canary.ports import Event, Recorder, Telemetry
from ingress_canary.settings import SettingsError, unread


class _File(Model):
    notifications: Annotated[list[Notification], Field(max_length=MAX_NOTIFICATIONS)]


def outbox_of(session: KubeClient, recorder: Recorder, telemetry: Telemetry) -> Outbox:
    """Return the outbox; a failed delivery becomes an Event on the rollout."""

    def faltered(notice: Notice, why: str) -> None:
        reason, about = Reason.NOTIFICATION_FAILED, notice.about
        # the recorder counts what repeats
        recorder.record(Event(about.key, about.uid, reason, why, "Warning", (str(about.key), about.uid, reason, why)))

    return Outbox(KubeSecrets(session), telemetry.notified, faltered)


async def silenced(outbox: Outbox, recorder: KubeRecorder) -> None:
    """Stop both at the same time, each within its limit."""
    await asyncio.gather(outbox.stop(), recorder.stop())


def notifications_of(file: Path | None) -> tuple[Notification, ...]:
    """Return the notifications of a file. Raises SettingsError with every problem, also when they could not be sent."""
    if file is None:
        return ()
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        notifications = _File.model_validate(document if document is not None else {}, extra="forbid").notifications
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(unread(file, error)) from None
    except ValidationError as error:
        raise SettingsError(f"{file}: {explain(error, '')}") from None
    problems = [str(fault) for fault in notification_faults(notifications, "notifications")]
    names = [notification.name for notification in notifications]
    problems += [
        f"notifications: two are named {name}" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if problems:
        raise SettingsError("\n".join(f"{file}: {problem}" for problem in problems))
    if notifications and find_spec("apprise") is None:
        raise SettingsError(f"{file}: {MISSING}")
    return tuple(notifications)
