"""HTTP server of the daemon: health probes and /metrics.

``app.py`` starts it first and stops it last; the kubelet and Prometheus ask it.
"""
