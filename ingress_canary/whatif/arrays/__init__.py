"""Array path of ``simulate``, with numpy: spans of ticks are judged at once, and only what may decide is decided.

``simulation_runs.py`` plays rollouts with it where numpy is installed; without, it walks them tick by tick.
"""
