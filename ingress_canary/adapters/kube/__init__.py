"""The Kubernetes API over kubernetes.aio: session, watch caches, conditional writes, Events."""
