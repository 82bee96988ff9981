"""Router of ingress-nginx and compatible controllers: the only place outside the lab that names its annotation keys.

Chosen by ``traffic/router/choice.py``; ``rules.py`` lists its preflight rules in order.
"""
