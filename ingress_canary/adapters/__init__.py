"""Adapters to the outside world: the Kubernetes API, metrics sources, gates, probes, clocks, telemetry."""
