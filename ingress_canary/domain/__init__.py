"""Pure decisions: no await, clock, log, metric or I/O; the standard library, ``api`` and a PromQL parser only.

The engine calls them with what it has read, ``lint`` and ``whatif`` with what people give them.
"""
