"""The chart's values: what each takes and means. The settings' part comes from the model that reads them.

``chart.py`` writes values.schema.json and the README from this; the defaults are those of values.yaml.
"""

from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, get_args, get_origin

from ingress_canary.api.units import DURATION_PATTERN, format_duration
from ingress_canary.settings import Settings, bounds
from reference.durations import MILLISECOND, between

Json = dict[str, Any]

DERIVED = MappingProxyType(
    {
        "namespace": "the release's namespace",
        "leader_election": "always on, because pods overlap when they are replaced",
        "lease_name": "the release's full name",
        "identity": "the pod's name",
        "listen": "port 8080",
        "kubeconfig": "the pod's service account",
        "context": "the pod's service account",
        "clock_scale": "for the lab only",
        "clock_epoch": "for the lab only",
    }
)
"""Settings that are no values: what they follow from."""

DURATION: Json = {"pattern": DURATION_PATTERN, "minLength": 2}
"""Of any length; the pattern alone would take nothing for one."""
NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def text(meaning: str, **more: Any) -> Json:
    """Return the schema of a text."""
    return {"type": "string", "description": meaning, **more}


def switch(meaning: str) -> Json:
    """Return the schema of a switch."""
    return {"type": "boolean", "description": meaning}


def number(meaning: str, low: int, high: int) -> Json:
    """Return the schema of a whole number."""
    return {"type": "integer", "minimum": low, "maximum": high, "description": meaning}


def several(meaning: str, of: Json) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": of, "description": meaning}


def parts(meaning: str, required: tuple[str, ...] = (), **properties: Json) -> Json:
    """Return the schema of a mapping with these members and no others."""
    needed = {"required": list(required)} if required else {}
    return {
        "type": "object", "description": meaning, "additionalProperties": False, "properties": properties, **needed,
    }  # fmt: skip


def when(these: Json, those: Json) -> Json:
    """Return what demands ``those`` members wherever ``these`` are so."""
    return {
        "if": {"required": list(these), "properties": these},
        "then": {"required": list(those), "properties": those},
    }


def texts(meaning: str) -> Json:
    """Return the schema of labels or annotations."""
    return {"type": "object", "description": meaning, "additionalProperties": {"type": "string"}}


def kubernetes(meaning: str, kind: str = "object") -> Json:
    """Return the schema of what is passed on as it is, to be judged by Kubernetes."""
    return {"type": kind, "description": meaning, **({"items": {"type": "object"}} if kind == "array" else {})}


OWN_LABELS = (
    "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by", "helm.sh/chart",
)  # fmt: skip
"""Those that the chart gives everything; pods are chosen by some of them."""
PORT = number("Its port.", 1, 65535)


def monitor(kind: str) -> Json:
    """Return the schema of a ServiceMonitor's or PodMonitor's values."""
    return parts(
        f"{kind} of the Prometheus operator.",
        enabled=switch(f"Whether there is a {kind}."),
        interval=text("Time between two scrapes.", **DURATION),
        labels=texts("Labels by which the operator chooses it."),
    )


def schema() -> Json:
    """Return the schema of all values."""
    values = parts(
        "Values of the chart ingress-canary.",
        replicas=number("Pods; one of them leads and writes, the others follow.", 1, 9),
        image=parts(
            "The image.",
            repository=text("Registry and repository.", minLength=1),
            tag=text("Tag; the chart's appVersion when empty."),
            digest=text("Digest that is pinned, with or without a tag.", pattern=r"^(sha256:[0-9a-f]{64})?$"),
            pullPolicy=text("When it is pulled.", enum=["Always", "IfNotPresent", "Never"]),
        ),
        imagePullSecrets=several("Secrets for pulling.", parts("One.", ("name",), name=text("Name.", minLength=1))),
        nameOverride=text("Name instead of the chart's, for labels and names."),
        fullnameOverride=text("Name of all objects instead of one made from the release's."),
        serviceAccount=parts(
            "The account whose rights the daemon has.",
            create=switch("Whether the chart makes it."),
            name=text("Its name; the full name when empty."),
            annotations=texts("Annotations of it."),
        ),
        rbac=parts(
            "The daemon's rights, and roles for people. Verb by verb with reasons: templates/_rules.tpl.",
            create=switch("Whether the chart grants the rights."),
            clusterReads=switch(
                "With settings.namespaces: whether Ingresses, IngressClasses, the CRDs and the daemon's own namespace "
                "are readable at cluster scope. Off, some preflight rules cannot be checked "
                "(settings.accept_unchecked), and no freeze of the daemon is seen."
            ),
            writeWorkloads=switch("Whether workloads may be patched and scaled: for CopyImages and scaleCanary."),
            secrets=several(
                "Secrets that may be read, by name, for gates and notifications that name them.",
                parts(
                    "Secrets of one namespace.",
                    ("namespace", "names"),
                    namespace=text("Where they are.", pattern=NAME),
                    names={**several("Their names.", text("A name.", minLength=1)), "minItems": 1},
                ),
            ),
            userRoles=switch("Whether ClusterRoles for people are made: view, edit, operate, schedule-admin."),
        ),
        settings={
            **parts(
                "The daemon's settings; those left out have the daemon's defaults. What cannot be set here follows "
                "from the release.",
                **{name: setting(name) for name in Settings.model_fields if name not in DERIVED},
            ),
            **when(
                {"source": {"const": "prometheus"}},
                {"prometheus_url": {"type": "string", "minLength": 1}},
            ),
        },
        files={
            **texts(
                "Files by name, for settings that name some: in /etc/ingress-canary/config/, beside settings.yaml."
            ),
            "propertyNames": {"pattern": r"^[-._a-zA-Z0-9]+$", "not": {"const": "settings.yaml"}},
        },
        secretMounts=several(
            "Secrets mounted under /etc/ingress-canary/secrets/<name>, for settings that name files.",
            parts(
                "One.",
                ("name", "secretName"),
                name=text("Directory.", pattern=NAME, maxLength=50),
                secretName=text("Secret in the release's namespace.", minLength=1),
            ),
        ),
        extraEnv=kubernetes("Further variables of the container, such as HTTPS_PROXY.", "array"),
        resources=kubernetes("Requests and limits."),
        runAsUser={
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "User and group; null lets the cluster choose, as OpenShift wants it.",
        },
        podAnnotations=texts("Annotations of the pods."),
        podLabels={
            **texts("Labels of the pods, beside the chart's own."),
            "propertyNames": {"not": {"enum": list(OWN_LABELS)}},
        },
        nodeSelector=texts("Nodes by label."),
        tolerations=kubernetes("Taints that are tolerated.", "array"),
        affinity=kubernetes("Affinity of the pods."),
        topologySpreadConstraints={
            "type": ["array", "null"],
            "items": {"type": "object"},
            "description": "How pods spread; null spreads them over nodes and zones where that is possible.",
        },
        priorityClassName=text("Priority class of the pods."),
        podDisruptionBudget=parts(
            "One pod at a time is evicted.", enabled=switch("Whether there is a budget, with two replicas or more.")
        ),
        service=parts("The Service of metrics and probes.", port=PORT, annotations=texts("Annotations of it.")),
        serviceMonitor=monitor("ServiceMonitor"),
        podMonitor=monitor("PodMonitor"),
        prometheusRule=parts(
            "The alerts of config/prometheus, as a PrometheusRule.",
            enabled=switch("Whether there is one."),
            docsUrl=text(
                "Where the site that `make docs` builds is served, put before each alert's runbook_url.",
                pattern=r"^(https?://\S+)?$",
            ),
            labels=texts("Labels by which the operator chooses it."),
        ),
        dashboard=parts(
            "The dashboards of config/grafana, as a ConfigMap for Grafana's sidecar.",
            enabled=switch("Whether there is one."),
            labels=texts("Labels by which the sidecar chooses it."),
            annotations=texts("Annotations, such as the sidecar's folder."),
        ),
        approvalPolicy=parts(
            "The ValidatingAdmissionPolicy of config/admission, once for a cluster, with Kubernetes 1.30 or later.",
            enabled=switch("Whether approve, skip and promote need a right of their own."),
        ),
        networkPolicy=parts(
            "A NetworkPolicy: in, probes and metrics; out, DNS, the API server, the controllers and Prometheus.",
            enabled=switch("Whether there is one."),
            ingressFrom=kubernetes("Peers that may ask for metrics; all when empty.", "array"),
            apiServer=parts(
                "Where the API server is.",
                cidrs=several("Its addresses; any when empty.", text("A CIDR.", pattern=r"^[0-9a-fA-F:.]+/[0-9]+$")),
                ports=several("Its ports.", PORT) | {"minItems": 1},
            ),
            controllerPorts=several("Ports of the controllers' pods that probes use.", PORT),
            prometheus=parts(
                "Where Prometheus is, with settings.source prometheus.",
                to=kubernetes("Peers; any when empty.", "array"),
                ports=several("Ports.", PORT) | {"minItems": 1},
            ),
            extraEgress=kubernetes("Further egress rules: gates, notifications, settings.scrape_urls.", "array"),
        ),
        **{"global": kubernetes("Passed by a parent chart; not used.")},
    )
    alone = when(
        {"rbac": {"required": ["clusterReads"], "properties": {"clusterReads": {"const": False}}}},
        {"settings": {"required": ["namespaces"], "properties": {"namespaces": {"minItems": 1}}}},
    )
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "ingress-canary", **values, **alone}


def setting(name: str) -> Json:
    """Return the schema of one setting, as the settings file takes it."""
    field = Settings.model_fields[name]
    taken = field.annotation
    meaning = str(field.description)
    if get_origin(taken) is Literal:
        return text(meaning, enum=list(get_args(taken)))
    if get_origin(taken) is tuple:
        return {**several(meaning, {"type": "string"}), "uniqueItems": True}
    kinds = get_args(taken) if isinstance(taken, UnionType) else (taken,)
    optional = type(None) in kinds
    shape = _shape(kinds[0], name)
    shape["type"] = [shape["type"], "null"] if optional else shape["type"]
    patterns = [one.pattern for one in field.metadata if getattr(one, "pattern", None)]
    return {**shape, **({"pattern": patterns[0]} if patterns else {}), "description": meaning}


def _shape(kind: Any, name: str) -> Json:
    if kind is bool:
        return {"type": "boolean"}
    if kind is timedelta:
        if not bounds(name):
            return {"type": "string", **DURATION}
        return {"type": "string", "pattern": between(*_limits(name)), "$comment": bounds(name)}
    if kind in (int, float):
        return {"type": "integer" if kind is int else "number"}
    assert kind in (str, Path, datetime), f"the chart's schema does not know how {name} is written"
    return {"type": "string"}


def _limits(name: str) -> tuple[timedelta, timedelta]:
    """Return the least and the greatest that a setting takes, to the millisecond."""
    told = {
        kind: getattr(one, kind)
        for one in Settings.model_fields[name].metadata
        for kind in ("ge", "gt", "le")
        if hasattr(one, kind)
    }
    low: timedelta = told["gt"] + MILLISECOND if "gt" in told else told.get("ge", timedelta(0))
    return low, told["le"]


def default(name: str) -> str:
    """Return a setting's default as a person writes it."""
    value = Settings.model_fields[name].default
    if isinstance(value, timedelta):
        return format_duration(value)
    return "" if value is None else str(list(value)) if isinstance(value, tuple) else str(value)
