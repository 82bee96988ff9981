"""Safe canary releases behind NGINX-annotation ingress controllers, without a service mesh."""

__version__ = "0.1.0"
