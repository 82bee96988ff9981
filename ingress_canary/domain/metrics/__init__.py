"""What metrics sources deliver and how it becomes counts: samples, counter state, SLI kinds, queries, counting.

``evaluation`` counts with it; the metrics adapters deliver its samples.
"""
