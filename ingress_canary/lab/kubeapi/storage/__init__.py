"""Storage of the lab's API server: objects, versions, write strategy, patches, selectors.

Used by ``lab/kubeapi/rest``.
"""
