"""Decision of what happens to a rollout next: ``decide`` asks ordered rules, actions and phases.

Called by the engine at each pass and by ``whatif`` in virtual time.
"""
