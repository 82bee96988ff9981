"""A CanarySchedule made ready for use: its steps, its windows and freezes, and the compiled whole.

Decisions walk it; ``lint`` and ``whatif`` read it too.
"""
