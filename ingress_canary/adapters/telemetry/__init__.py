"""Telemetry: the daemon's own metrics on a registry that it is given, and the series of each rollout.

Made by ``app.py``; served by ``web/server.py``.
"""
