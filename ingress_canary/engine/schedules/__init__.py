"""Schedules in use: which one a rollout follows, and compiled schedules shared by rollouts with the same content.

Called by ``engine/inputs.py``.
"""
