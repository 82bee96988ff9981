"""ingress-nginx and what reads its annotations the same way: the only place outside the lab that names its keys.

Chosen by ``traffic/router/choice.py``; ``rules.py`` lists its preflight rules in order.
"""
