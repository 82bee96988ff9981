"""The closed vocabulary: reasons with their meaning and remedy, and the verbs of the one-shot action.

Decisions, conditions, Events, the CLI and the reference pages use it.
"""
