"""Kubernetes API over kubernetes.aio: client, watch caches, conditional writes, Events."""
