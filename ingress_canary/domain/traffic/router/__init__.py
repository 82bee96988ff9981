"""Routers: what differs between ingress controllers, behind the interface of ``router.py``; one folder a controller.

The engine chooses one (docs/adr/0007) by the class of the primary Ingress.
"""
