"""What is known of a rollout between two passes: evidence, bake time, and how a restart goes on from a checkpoint.

The engine ticks it; decisions read it.
"""
