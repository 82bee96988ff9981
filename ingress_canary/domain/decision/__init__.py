"""What happens to a rollout next: ``decide`` asks ordered rules, actions and phases for a Decision.

Called by the engine at each pass and by ``whatif`` in virtual time.
"""
