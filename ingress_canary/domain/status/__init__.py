"""What is shown of a decision: conditions, the status that is written, notices, what is unsupported.

Called by the engine after each decision, by ``lint`` and by the CLI.
"""
