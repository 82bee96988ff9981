"""What talks to the outside: the Kubernetes API, metrics sources, clocks, telemetry."""
