"""Kubernetes API over kubernetes.aio: client, watch caches, conditional writes, Events.

``app.py`` makes it for the daemon, and ``cli`` for ``lint --live`` and the commands that read a cluster.
"""
