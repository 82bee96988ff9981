"""Actions of a person: the one-shot action annotation, its verbs, and the approval of a step.

Called by ``decision/decide.py`` ahead of everything else.
"""
