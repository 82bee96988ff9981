"""CanarySchedule as decisions use it: its steps, its windows and freezes, and both compiled.

Decisions walk it; ``lint`` and ``whatif`` read it too.
"""
