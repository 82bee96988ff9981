"""Forecast of what a schedule would do: ``plan`` by formulas, ``simulate`` with the real decisions in virtual time.

The commands of these names call it; it imports only ``domain`` and ``api``.
"""
