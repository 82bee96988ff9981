"""One pass over a rollout as pure functions of values: what is assembled before ``decide``, what is written after it.

Called by the engine, by ``whatif`` and by the tests' World, which differ only in what they gather and execute.
"""
