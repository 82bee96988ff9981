"""The cluster as list and watch have brought it: stores, watches, and which rollouts a change affects.

Used by ``adapters/kube/cluster.py``.
"""
