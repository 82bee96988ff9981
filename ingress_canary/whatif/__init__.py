"""Forecast of what a schedule would do: ``plan`` by formulas, ``simulate`` with the real decisions in virtual time."""
