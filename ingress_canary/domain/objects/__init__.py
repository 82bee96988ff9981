"""Views of the cluster's objects, made from their JSON, and the revision of a workload.

Every folder of ``domain`` reads them; ``adapters/kube`` makes them.
"""
