"""SLI kinds: one class each with all that is particular to it, the registry, and the set that a schedule makes of them.

``counting.py`` counts by the set, ``slo`` and ``whatif`` ask it what is counted and what is held against bounds.
"""
