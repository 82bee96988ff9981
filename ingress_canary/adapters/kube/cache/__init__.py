"""Watch caches of the cluster: stores, list+watch, and which rollouts a change affects.

Used by ``adapters/kube/cluster.py``.
"""
