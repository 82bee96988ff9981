"""SLO analysis: sequential tests, accumulators, threshold checks, verdicts, and the checkpoint that stores them.

``evaluation`` feeds them at every tick; ``whatif`` uses the same.
"""
