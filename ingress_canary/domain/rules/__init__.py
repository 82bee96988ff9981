"""The rules that ``domain/decide.py`` asks in order, one file for each thing that can happen to a rollout."""
