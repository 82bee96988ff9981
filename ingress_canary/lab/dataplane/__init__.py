"""Data plane of the lab, which behaves as ingress-nginx does, for the demo and the tests.

``controller.py`` compiles the cluster's objects as the controller does, ``balancer.py`` draws a side for a request as
the balancer does, ``proxy.py`` carries the traffic, ``metrics.py`` counts it, ``pod.py`` is one controller process
with its delays, and ``plane.py`` holds several of them over one view of the cluster, kept by ``watch.py``.
Written from the behaviour of ingress-nginx v1.15; it shares no code with the daemon's own idea of that controller.
"""

from ingress_canary.lab.dataplane.metrics import MetricsFault
from ingress_canary.lab.dataplane.objects import Kind
from ingress_canary.lab.dataplane.plane import DataPlane
from ingress_canary.lab.dataplane.pod import ControllerPod

__all__ = ["ControllerPod", "DataPlane", "Kind", "MetricsFault"]
