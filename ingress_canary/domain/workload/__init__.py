"""Workload changes: images that stable gets (CopyImages) and replicas of the canary (scaleCanary).

Decisions say when; ``engine/execute.py`` writes.
"""
