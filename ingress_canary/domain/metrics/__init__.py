"""Metrics as they become counts: samples of a source, counter state, SLI kinds, queries, counting.

``evaluation`` counts with it; the metrics adapters deliver its samples.
"""
