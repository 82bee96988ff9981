"""State of each rollout in the daemon's memory, lost with the process and safe to lose.

Read and written by the loop, the ticker and ``engine/inputs.py``.
"""
