"""Checkpoint of a rollout's evidence: encoded for ``status.analysisState``, and decoded after a restart.

``evaluation`` stores and restores by it; what each release wrote is read for ever (docs/adr/0020).
"""
