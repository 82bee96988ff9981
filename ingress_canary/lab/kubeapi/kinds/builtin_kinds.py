"""Built-in kinds that the daemon and its lab use, with light defaults and rules.

Used by ``server.py`` as the registry's start. Defaults are those that a reader of such objects meets; rules are those
that a writer of such objects can break unnoticed.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from ingress_canary.lab.kubeapi.errors import Cause, Json, Undecodable
from ingress_canary.lab.kubeapi.kinds import rules
from ingress_canary.lab.kubeapi.kinds.resources import ServedResource
from ingress_canary.lab.kubeapi.rest.columns import COLUMNS

_addresses = count(10)
_MICRO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")


def _fill(target: Json, **defaults: Any) -> Json:
    for key, value in defaults.items():
        if target.get(key) is None:
            target[key] = value
    return target


def _namespace(body: Json) -> None:
    body["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = body["metadata"]["name"]
    _fill(body.setdefault("spec", {}), finalizers=["kubernetes"])
    _fill(body.setdefault("status", {}), phase="Active")


def _service(body: Json) -> None:
    spec = _fill(body.setdefault("spec", {}), type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        _fill(port, protocol="TCP", targetPort=port.get("port"))
    if spec["type"] != "ExternalName" and not spec.get("clusterIP"):
        number = next(_addresses)
        spec["clusterIP"] = f"10.96.{number // 250 % 250}.{number % 250 + 1}"
    if spec["type"] != "ExternalName":
        defaults = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster"}
        _fill(spec, clusterIPs=[spec["clusterIP"]], **defaults)
    _fill(body.setdefault("status", {}), loadBalancer={})


def _ingress(body: Json) -> None:
    _fill(body.setdefault("status", {}), loadBalancer={})


def _pod_spec(spec: Json) -> None:
    _fill(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst")
    _fill(spec, securityContext={}, schedulerName="default-scheduler")
    for container in spec.get("containers") or ():
        tag = str(container.get("image", "")).rpartition("/")[2].partition(":")[2]
        policy = "Always" if tag in ("", "latest") else "IfNotPresent"
        _fill(container, imagePullPolicy=policy, resources={}, terminationMessagePolicy="File")
        _fill(container, terminationMessagePath="/dev/termination-log")
        for port in container.get("ports") or ():
            _fill(port, protocol="TCP")


def _pod(body: Json) -> None:
    _pod_spec(body.setdefault("spec", {}))
    _fill(body.setdefault("status", {}), phase="Pending")


def _workload(body: Json) -> None:
    spec = _fill(body.setdefault("spec", {}), revisionHistoryLimit=10)
    if body["kind"] != "DaemonSet":
        _fill(spec, replicas=1)
    if body["kind"] == "Deployment":
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
        _fill(spec, progressDeadlineSeconds=600, strategy=rolling)
    _pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    body.setdefault("status", {})


def _secret(body: Json) -> None:
    _fill(body, type="Opaque")
    for key, text in (body.pop("stringData", None) or {}).items():
        body.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _required(path: str, message: str = "") -> Cause:
    return Cause("FieldValueRequired", path, f"Required value{': ' if message else ''}{message}")


def _wrong(path: str, value: object, message: str) -> Cause:
    return Cause("FieldValueInvalid", path, f'Invalid value: "{value}": {message}')


def _ingress_rules(body: Json) -> Sequence[Cause]:
    return tuple(_ingress_causes(body.get("spec") or {}))


def _ingress_causes(spec: Json) -> Iterator[Cause]:
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield _wrong("spec", "", "either `defaultBackend` or `rules` must be specified")
    for index, rule in enumerate(spec.get("rules") or ()):
        http, where = rule.get("http"), f"spec.rules[{index}].http.paths"
        if http is not None and not http.get("paths"):
            yield _required(where)
        for number, path in enumerate((http or {}).get("paths") or ()):
            yield from _path_causes(path, f"{where}[{number}]")


def _path_causes(path: Json, where: str) -> Iterator[Cause]:
    kinds = ("Exact", "ImplementationSpecific", "Prefix")
    kind, backend = path.get("pathType"), path.get("backend") or {}
    if not kind:
        yield _required(f"{where}.pathType", "pathType must be specified")
    elif kind not in kinds:
        supported = ", ".join(f'"{kind_name}"' for kind_name in kinds)
        yield Cause(
            "FieldValueNotSupported", f"{where}.pathType", f'Unsupported value: "{kind}": supported values: {supported}'
        )
    elif kind != "ImplementationSpecific" and not str(path.get("path") or "").startswith("/"):
        yield _wrong(f"{where}.path", path.get("path") or "", "must be an absolute path")
    if not backend.get("service") and not backend.get("resource"):
        yield _required(f"{where}.backend", "a service or a resource")
    elif backend.get("service") and not backend["service"].get("name"):
        yield _required(f"{where}.backend.service.name")
    elif backend.get("service") and not backend["service"].get("port"):
        yield _required(f"{where}.backend.service.port", "port name or number is required")


def _service_rules(body: Json) -> Sequence[Cause]:
    spec = body["spec"]
    headless = spec["type"] == "ExternalName" or spec.get("clusterIP") == "None"
    return () if spec.get("ports") or headless else (_required("spec.ports"),)


def _workload_rules(body: Json) -> Sequence[Cause]:
    spec = body["spec"]
    causes = [] if spec.get("selector") else [_required("spec.selector")]
    if not spec["template"]["spec"].get("containers"):
        causes.append(_required("spec.template.spec.containers"))
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    if not wanted.items() <= labels.items():
        message = "`selector` does not match template `labels`"
        causes.append(_wrong("spec.template.metadata.labels", labels, message))
    return causes


def _micro_time(body: Json, value: str | None) -> None:
    if value is not None and not _MICRO_TIME.match(value):
        why = f'parsing time "{value}" as "2006-01-02T15:04:05.000000Z07:00"'
        raise Undecodable(body["kind"], body["apiVersion"].rpartition("/")[2], why)


def _lease_rules(body: Json) -> Sequence[Cause]:
    spec = body.get("spec") or {}
    _micro_time(body, spec.get("acquireTime"))
    _micro_time(body, spec.get("renewTime"))
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        return (_wrong("spec.leaseDurationSeconds", seconds, "must be greater than 0"),)
    return ()


def _event_rules(body: Json) -> Sequence[Cause]:
    about = (body.get("involvedObject") or {}).get("namespace") or "default"
    causes = []
    if about != body["metadata"]["namespace"]:
        causes.append(_wrong("involvedObject.namespace", about, "does not match event.namespace"))
    if body.get("eventTime") is None:
        return causes
    _micro_time(body, body["eventTime"])
    causes += [
        _required(key) for key in ("reportingComponent", "reportingInstance", "action", "reason") if not body.get(key)
    ]
    if body.get("type") not in ("Normal", "Warning"):
        causes.append(_wrong("type", body.get("type"), ""))
    if len(body.get("message") or "") > 1024:
        causes.append(_wrong("note", "", "can have at most 1024 bytes"))
    return causes


def _crd_rules(body: Json) -> Sequence[Cause]:
    spec = body.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    required = {
        "spec.group": spec.get("group"),
        "spec.scope": spec.get("scope"),
        "spec.names.plural": names.get("plural"),
        "spec.names.kind": names.get("kind"),
        "spec.versions": versions,
    }
    causes = [_required(path) for path, value in required.items() if not value]
    if sum(bool(version.get("storage")) for version in versions) != 1:
        causes.append(_wrong("spec.versions", "", "must have exactly one version marked as storage version"))
    name = f"{names.get('plural')}.{spec.get('group')}"
    if body["metadata"]["name"] != name:
        causes.append(_wrong("metadata.name", body["metadata"]["name"], 'must be spec.names.plural+"."+spec.group'))
    for index, version in enumerate(versions):
        shape, path = (version.get("schema") or {}).get("openAPIV3Schema"), f"spec.versions[{index}].schema"
        if not shape:
            causes.append(_required(f"{path}.openAPIV3Schema", "schemas are required"))
        causes += [_wrong(f"{path}.openAPIV3Schema", "", why) for why in rules.unknown(shape or {})]
    return causes


_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}

_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "reason",
    "type",
)


def _one(group: str, plural: str, kind: str, *short_names: str, version: str = "v1", **more: Any) -> ServedResource:
    return ServedResource(
        group, version, plural, kind, short_names=short_names, columns=COLUMNS.get(plural, ()), **more
    )


_APPS: dict[str, Any] = {
    "has_status": True,
    "counts_generations": True,
    "defaults": _workload,
    "check": _workload_rules,
}

BUILTINS = (
    _one("", "namespaces", "Namespace", "ns", namespaced=False, has_status=True, defaults=_namespace),
    _one("", "services", "Service", "svc", has_status=True, defaults=_service, check=_service_rules),
    _one("", "pods", "Pod", "po", has_status=True, defaults=_pod, selectable=("spec.nodeName", "status.phase")),
    _one("", "events", "Event", "ev", check=_event_rules, selectable=_EVENT_FIELDS),
    _one("", "secrets", "Secret", defaults=_secret, selectable=("type",)),
    _one("", "configmaps", "ConfigMap", "cm"),
    _one("apps", "deployments", "Deployment", "deploy", scales=True, **_APPS),
    _one("apps", "statefulsets", "StatefulSet", "sts", scales=True, **_APPS),
    _one("apps", "daemonsets", "DaemonSet", "ds", **_APPS),
    _one(
        "networking.k8s.io",
        "ingresses",
        "Ingress",
        "ing",
        has_status=True,
        counts_generations=True,
        defaults=_ingress,
        check=_ingress_rules,
    ),
    _one("networking.k8s.io", "ingressclasses", "IngressClass", namespaced=False, counts_generations=True),
    _one("discovery.k8s.io", "endpointslices", "EndpointSlice", counts_generations=True),
    _one("coordination.k8s.io", "leases", "Lease", check=_lease_rules, unconditional_updates=False),
    _one(
        "events.k8s.io",
        "events",
        "Event",
        "ev",
        check=_event_rules,
        renamed=_EVENT_NAMES,
        stored_as="events",
        stored_version="v1",
    ),
    _one(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd",
        "crds",
        namespaced=False,
        has_status=True,
        counts_generations=True,
        check=_crd_rules,
    ),
)
