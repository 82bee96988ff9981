"""REST handlers of the lab's API server: reads, writes, watches, tables, discovery.

Called by ``lab/kubeapi/server.py``.
"""
