"""Notifications: who gets messages about which reasons. A field of schedules, and of the daemon's own file."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ingress_canary.api.model import Model
from ingress_canary.api.units import Name, ObjectName

MAX_NOTIFICATIONS = 16

ReasonWord = Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Za-z]*$")]


class Severity(StrEnum):
    """How much a message matters: it follows from its reason."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least severe."""
        return list(Severity).index(self)


class Addresses(Model):
    """An entry of a Secret in the schedule's own namespace; for an inline schedule, in the rollout's."""

    name: ObjectName
    """The Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """Entry of the Secret: one Apprise URL per line, such as ``slack://...``."""


class Notification(Model):
    """Messages to one or several services, on transitions and alerts."""

    name: Name
    """Name of the notification in logs, Events and the command line."""
    secret_ref: Addresses
    """The Secret with the addresses, which hold tokens."""
    severity: Severity = Severity.INFO
    """Least severity that is sent."""
    reasons: Annotated[list[ReasonWord], Field(max_length=64)] = []
    """Reasons that are sent; all when empty."""
    title: Annotated[str, Field(max_length=256)] = ""
    """Template of the title, with variables such as ``{{rollout}}``; the default title when empty."""
    body: Annotated[str, Field(max_length=4096)] = ""
    """Template of the text; the default text, with the numbers, when empty."""
