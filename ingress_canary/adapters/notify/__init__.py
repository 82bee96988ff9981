"""Notifications to people by Apprise: Slack, Teams, e-mail, PagerDuty, a webhook and many more."""

from ingress_canary.adapters.notify.outbox import Outbox

__all__ = ["Outbox"]
