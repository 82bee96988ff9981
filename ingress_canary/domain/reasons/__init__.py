"""The closed vocabulary: reasons with their meaning and remedy, verbs and their results, and the table of sentences.

Decisions, conditions, Events, the CLI and the reference pages use it.
"""
