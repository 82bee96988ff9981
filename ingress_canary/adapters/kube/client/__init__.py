"""Client of the Kubernetes API: connection, requests, resources, and errors translated into those of ``ports``.

Used by the caches, the lease, the event recorder and the CLI.
"""
