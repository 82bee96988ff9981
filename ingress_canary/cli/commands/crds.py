"""Command ``crds``: print the CustomResourceDefinitions, for kubectl."""

from ingress_canary.api.schema.crd import render


def crds() -> None:
    """Print the CustomResourceDefinitions: ingress-canary crds | kubectl apply --server-side --force-conflicts -f -."""
    print(render(), end="")
