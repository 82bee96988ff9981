"""Adapters to the outside world: the Kubernetes API, metrics sources, gates, probes, clocks, telemetry.

Each implements a protocol of ``ports.py``; ``app.py`` makes them and hands them to the engine.
"""
