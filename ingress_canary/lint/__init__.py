"""Lint of manifests: documents with line numbers in, every problem at once out.

``ingress-canary lint`` calls it, and so do the tests of the docs; it imports only ``domain`` and ``api``.
"""
