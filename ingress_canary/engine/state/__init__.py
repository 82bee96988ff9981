"""What the daemon keeps in memory of each rollout, lost with the process and safe to lose.

Read and written by the loop, the ticker and ``engine/inputs.py``.
"""
