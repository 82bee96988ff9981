"""Traffic profiles: named situations in which a canary is judged, for ``ingress-canary simulate --traffic NAME``.

Each changes what is expected of the traffic at a moment, and draws nothing but when that begins. The first line of its
docstring is what the command lists, the rest is its paragraph in docs/reference/traffic-profiles.md.
``simulated_traffic.py`` draws counts of what they expect; ``registry.py`` has them all.
"""
