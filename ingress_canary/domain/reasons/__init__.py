"""The closed vocabulary: reasons with their meaning and remedy, the verbs of the one-shot action and their results.

Decisions, conditions, Events, the CLI and the reference pages use it.
"""
