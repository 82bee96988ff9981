"""Kubeconfig and namespace of a command. Used by all that take -n."""

from pathlib import Path

from ingress_canary.adapters.kube.client.kubeconfig import kube_context, usual_kubeconfig

USUAL = "default"
"""Namespace of objects without one."""


def kubeconfig_of(path: Path | None) -> str | None:
    """Return the kubeconfig that was named, else kubectl's; None in a pod, or when there is none."""
    return str(path) if path else usual_kubeconfig()


def namespace_of(namespace: str | None, kubeconfig: str | None, context: str | None = None) -> str:
    """Return the namespace that was named, else that of the kubeconfig's context, as kubectl does, else ``default``.

    A kubeconfig that cannot be read says nothing here: ``connect`` is about to say why.
    """
    return namespace or kube_context(kubeconfig, context).namespace or USUAL
