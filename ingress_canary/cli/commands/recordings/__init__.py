"""Commands about recorded traffic: ``record`` writes it, ``backtest`` holds a schedule against it.

``command_table.py`` imports them; the recording itself is described by ``whatif/backtest``.
"""
