"""Phases of a rollout: what each does when no rule has decided before, and the barriers before a step.

Called by ``decision/decide.py``; one file for each phase.
"""
