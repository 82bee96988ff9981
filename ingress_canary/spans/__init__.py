"""The judge of ``domain/slo`` in arrays, with numpy: the evidence of an SLO over spans of ticks, in many runs at once.

``simulate`` finds with it which ticks decide something; ``make judge`` measures with it how well the canary is judged.
Where the traffic comes from is theirs. Nothing of the daemon imports it, so that the daemon goes without numpy.
"""
