"""Requests to the Kubernetes API: connection, resources, errors in the words of ``ports``.

Used by the caches, the lease, the event recorder and the CLI.
"""
