"""Command line of ``ingress-canary``."""
