"""Status of a rollout as written and sent: conditions, the merge patch, notifications, unsupported fields.

Called by the engine after each decision, by ``lint`` and by the CLI.
"""
