"""Evaluation of a rollout over ticks: evidence, bake time, and how a restart continues from a checkpoint.

The engine ticks it; decisions read it.
"""
