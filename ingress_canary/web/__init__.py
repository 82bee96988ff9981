"""HTTP server of the daemon: health probes and /metrics."""
