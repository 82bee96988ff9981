"""Evidence from the ingress controllers' own /metrics pages, for clusters without Prometheus."""
