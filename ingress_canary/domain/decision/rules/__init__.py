"""Rules that ``decision/decide.py`` asks in order, one file for each thing that can happen to a rollout.

Each returns a Decision, or None when it does not apply.
"""
