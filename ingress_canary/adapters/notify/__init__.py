"""Notifications to people by Apprise: Slack, Teams, e-mail, PagerDuty, a webhook and many more.

``notifications.py`` makes the outbox, the engine's reports fill it.
"""

from ingress_canary.adapters.notify.outbox import Outbox

__all__ = ["Outbox"]
