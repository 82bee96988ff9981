"""Pure decisions: no await, clock, log, metric or I/O; the standard library and ``api`` only."""
