"""What the lab's API server does for each request: reads, writes, watches, tables, discovery.

Called by ``lab/kubeapi/server.py``.
"""
