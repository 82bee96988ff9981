"""Fault campaign: two daemons drive rollouts while faults are injected, and an oracle reads what the API server stored.

``make campaign`` runs it, and ``tests/e2e/test_campaign.py`` a short one.
"""
