"""What each phase does by itself when no rule came first, and the barriers before a step.

Called by ``decision/decide.py``, one file a phase.
"""
