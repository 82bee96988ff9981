"""What a person asks for: the one-shot action, its verbs, and the approval of a step.

Called by ``decision/decide.py`` ahead of everything else.
"""
