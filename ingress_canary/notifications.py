"""The daemon's own notifications, of every rollout: a file in a schedule's form, read once at the start.

``app.py`` and the command ``notifications test`` use it.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from ingress_canary.adapters.notify.services import MISSING
from ingress_canary.api.model import Model
from ingress_canary.api.notification import MAX_NOTIFICATIONS, Notification
from ingress_canary.domain.notices import notification_faults
from ingress_canary.engine.documents import explain
from ingress_canary.settings import SettingsError


class _File(Model):
    notifications: Annotated[list[Notification], Field(max_length=MAX_NOTIFICATIONS)]


def notifications_of(file: Path) -> tuple[Notification, ...]:
    """Return the notifications of a file. Raises SettingsError with every problem, or when they could not be sent."""
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = _File.model_validate(document if document is not None else {}, extra="forbid").notifications
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from None
    except ValidationError as error:
        raise SettingsError(f"{file}: {explain(error, '').replace('; .', '; ').removeprefix('.')}") from None
    problems = [f"{field}: {why}" for field, why in notification_faults(found, "notifications")]
    names = [one.name for one in found]
    problems += [
        f"notifications: two are named {name}" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if problems:
        raise SettingsError("\n".join(f"{file}: {problem}" for problem in problems))
    if found and find_spec("apprise") is None:
        raise SettingsError(f"{file}: {MISSING}")
    return tuple(found)
