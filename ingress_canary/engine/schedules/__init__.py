"""Which schedule a rollout follows, and compiled schedules shared by rollouts that have the same.

Asked by ``engine/inputs.py``.
"""
