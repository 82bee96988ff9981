"""Commands of ``ingress-canary``, one file each. Registered by ``cli/main.py``."""
