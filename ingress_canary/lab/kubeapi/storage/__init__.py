"""The objects of the lab's API server: store, versions, what becomes of a write, patches, selectors.

Used by ``lab/kubeapi/rest``.
"""
