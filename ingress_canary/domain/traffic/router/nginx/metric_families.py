"""Metric families of ingress-nginx (internal/ingress/metric/collectors, v1.15), for all readers of its series."""

from ingress_canary.domain.metrics.capabilities import Capability

PREFIX = "nginx_ingress_controller_"
"""Every family of the controller's own begins so."""
REQUESTS = f"{PREFIX}requests"
DURATION = f"{PREFIX}request_duration_seconds"
DURATION_COUNT = f"{DURATION}_count"
DURATION_BUCKET = f"{DURATION}_bucket"
EXPORTED = {REQUESTS: Capability.REQUESTS, DURATION: Capability.LATENCY_BUCKETS}
"""The families that SLOs are judged by, which ``--exclude-socket-metrics`` can leave out."""
ORPHAN = f"{PREFIX}orphan_ingress"
"""1 for a canary Ingress, by its own name, that has no Service or no endpoint; its label ``type`` says which."""
STRATA = ("method", "host", "path")
"""Labels of the requests' families that say which requests they are; ``path`` is the rule's, as the Ingress has it."""
RELOADED = f"{PREFIX}config_last_reload_successful"
"""A family that every controller exports from its start on: a process that has it was scraped."""
