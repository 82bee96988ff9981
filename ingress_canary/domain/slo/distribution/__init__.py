"""Distribution SLO: all bounds of a histogram of the canary against those of stable.

``analysis.py`` keeps a check for each such SLO, ``checkpoint/distributions.py`` writes it down.
"""
