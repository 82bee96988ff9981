"""Workload changes: images that stable gets (CopyImages) and replicas of the canary (scaleCanary).

Decisions say when; ``reconcile/effects.py`` makes the writes of it.
"""
