"""Cluster view: what decisions, preflight and routers may ask of the cluster."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ingress_canary.domain.objects.ingress import Ingress, IngressClass, ShadowObject
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.domain.objects.service import Endpoints, Service
from ingress_canary.domain.objects.workload import Workload


class ClusterView(Protocol):
    """Read access to the cluster's objects as the caches hold them: every look-up is a dictionary's, so it is cheap."""

    @property
    def sees_all_namespaces(self) -> bool:
        """Whether Ingresses of every namespace may be read."""

    @property
    def sees_classes(self) -> bool:
        """Whether IngressClasses may be read."""

    @property
    def freeze(self) -> str | None:
        """The reason of a freeze of the whole daemon, from the annotation of its namespace; None without a freeze."""

    @property
    def controller_config(self) -> Mapping[str, str] | None:
        """The data of the controllers' own ConfigMap; None when it does not exist, or may not be read."""

    @property
    def controller_arguments(self) -> Sequence[str] | None:
        """The arguments of a controller pod; None when no pod is known."""

    def ingress(self, key: Key) -> Ingress | None:
        """Return an Ingress."""

    def ingresses_by_service(self, service: Key) -> Sequence[Ingress]:
        """Return the Ingresses of the Service's namespace with a backend on it."""

    def shadow(self, resource: Resource, key: Key) -> ShadowObject | None:
        """Return the object of this name and of a kind of shadows, whoever owns it."""

    def shadows_named(self, key: Key) -> Sequence[ShadowObject]:
        """Return the objects of this name, of all kinds of shadows, whoever owns them."""

    def shadows_by_owner(self, rollout: Key) -> Sequence[ShadowObject]:
        """Return the objects of these kinds whose controlling owner is a CanaryRollout of this name.

        One that is gone included.
        """

    def ingresses_by_host(self, host: str) -> Sequence[Ingress]:
        """Return the Ingresses of all readable namespaces with a rule for exactly this host.

        "" stands for no host: rules without one, and Ingresses with a default backend, which serves the same requests.
        """

    def service(self, key: Key) -> Service | None:
        """Return a Service."""

    def services_by_upstream(self, upstream: str) -> Sequence[Key]:
        """Return the Services whose ``<namespace>-<name>`` is this string; two share it in rule 21."""

    def endpoints(self, service: Key) -> Endpoints:
        """Return the endpoints behind a Service; empty when there are none."""

    def workload(self, kind: str, key: Key) -> Workload | None:
        """Return a workload."""

    def ingress_class(self, name: str) -> IngressClass | None:
        """Return an IngressClass."""

    def default_class(self) -> IngressClass | None:
        """Return the cluster's default IngressClass."""
