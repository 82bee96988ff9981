"""Backtest: a schedule held against recorded traffic, and the recording of it.

The commands ``backtest`` and ``record`` call it; decisions are made by ``simulated_rollout.py``, as those of
``simulate`` are.
"""
