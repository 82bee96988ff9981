"""Built-in kinds of an installation, besides those of ``builtin_kinds.py``: accounts, rights, policies."""

from collections.abc import Iterator, Sequence
from typing import Any

from ingress_canary.lab.kubeapi.errors import Cause, Json
from ingress_canary.lab.kubeapi.kinds.resources import ServedResource

RBAC = "rbac.authorization.k8s.io"


def _required(path: str) -> Cause:
    return Cause("FieldValueRequired", path, "Required value")


def _role_rules(body: Json) -> Sequence[Cause]:
    return tuple(_rule_causes(body.get("rules") or ()))


def _rule_causes(rules: Sequence[Json]) -> Iterator[Cause]:
    for index, rule in enumerate(rules):
        wanted = ("verbs",) if rule.get("nonResourceURLs") else ("verbs", "apiGroups", "resources")
        yield from (_required(f"rules[{index}].{key}") for key in wanted if not rule.get(key))


def _binding_rules(body: Json) -> Sequence[Cause]:
    role, kinds = body.get("roleRef") or {}, {"ClusterRole", "Role" if body["kind"] == "RoleBinding" else ""}
    causes = [] if role.get("name") else [_required("roleRef.name")]
    for field, value, taken in (("apiGroup", role.get("apiGroup"), {RBAC}), ("kind", role.get("kind"), kinds)):
        if value not in taken:
            causes.append(Cause("FieldValueNotSupported", f"roleRef.{field}", f'Unsupported value: "{value}"'))
    for index, subject in enumerate(body.get("subjects") or ()):
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            causes.append(_required(f"subjects[{index}].namespace"))
    return causes


def _budget_rules(body: Json) -> Sequence[Cause]:
    spec = body.get("spec") or {}
    if spec.get("minAvailable") is None or spec.get("maxUnavailable") is None:
        return ()
    return (Cause("FieldValueInvalid", "spec", "Invalid value: minAvailable and maxUnavailable cannot be both set"),)


def _one(group: str, plural: str, kind: str, *short_names: str, **more: Any) -> ServedResource:
    return ServedResource(group, "v1", plural, kind, short_names=short_names, **more)


INSTALLED = (
    _one("", "serviceaccounts", "ServiceAccount", "sa"),
    _one("networking.k8s.io", "networkpolicies", "NetworkPolicy", "netpol", counts_generations=True),
    _one(
        "policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb",
        has_status=True, counts_generations=True, check=_budget_rules,
    ),
    _one(RBAC, "roles", "Role", check=_role_rules),
    _one(RBAC, "rolebindings", "RoleBinding", check=_binding_rules),
    _one(RBAC, "clusterroles", "ClusterRole", namespaced=False, check=_role_rules),
    _one(RBAC, "clusterrolebindings", "ClusterRoleBinding", namespaced=False, check=_binding_rules),
    *(
        _one("admissionregistration.k8s.io", plural, kind, namespaced=False, counts_generations=True)
        for plural, kind in (
            ("validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
            ("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
        )
    ),
)  # fmt: skip
