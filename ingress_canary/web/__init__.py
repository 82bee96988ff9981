"""The daemon's HTTP server: probes and /metrics."""
