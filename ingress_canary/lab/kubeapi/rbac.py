"""RBAC in the lab: who may do what, for tests of the rights that the manifests and the chart grant.

A middleware for ``KubeApi(authorize=...)``. It follows ``plugin/pkg/auth/authorizer/rbac`` and
``pkg/registry/rbac/validation``: rights add up, nothing is denied, a Role counts in its own namespace and a
ClusterRole where it is bound. A list or watch of one name by field selector is a request for that name, as with
``requestinfo.go``. Left out: non-resource URLs, which are open, aggregation, and the escalation checks of RBAC's own
objects.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from aiohttp import web
from aiohttp.typedefs import Handler

from ingress_canary.lab.kubeapi.errors import ApiError, Json, forbidden, qualified
from ingress_canary.lab.kubeapi.requests import INFO, RequestInfo

_ACCOUNT = "system:serviceaccount:"


def account(namespace: str, name: str) -> str:
    """Return the user that a pod's service account is."""
    return f"{_ACCOUNT}{namespace}:{name}"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource, as a rule grants it."""

    role: str
    """The role's name, for people."""
    namespace: str
    """Where it holds; "" everywhere."""
    group: str
    resource: str
    """The plural, with its subresource behind a slash."""
    verb: str
    names: tuple[str, ...] = ()
    """Names that it is limited to; none for all."""

    def covers(self, info: RequestInfo) -> bool:
        """Return whether it allows a request."""
        wanted = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
        return (
            self.namespace in ("", info.namespace)
            and self.group in ("*", info.group)
            and self.verb in ("*", info.verb)
            and (self.resource in ("*", wanted) or self.resource == f"*/{info.subresource}")
            and (not self.names or info.name in self.names)
        )


class Rbac:
    """The rights of some users by roles and their bindings. Whoever is not ``ruled`` may do everything."""

    def __init__(self, objects: Iterable[Json], ruled: Iterable[str]) -> None:
        self.ruled = frozenset(ruled)
        """Users, as tokens name them."""
        self.refused: list[RequestInfo] = []
        """What was answered by 403, in order."""
        self.used: set[Right] = set()
        """Rights that a request has needed."""
        known = list(objects)
        self._rights = {user: tuple(rights_of(user, known)) for user in self.ruled}

    def rights(self, user: str) -> Sequence[Right]:
        """Return all that a user has."""
        return self._rights.get(user, ())

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass a request on, or raise ApiError (403)."""
        info = _named(request[INFO], request.query.get("fieldSelector", ""))
        if info.user in self.ruled and info.resource:
            granted = [right for right in self._rights[info.user] if right.covers(info)]
            if not granted:
                self.refused.append(info)
                raise refusal(info)
            self.used.update(granted)
        return await handler(request)


def rights_of(user: str, objects: Sequence[Json]) -> Iterator[Right]:
    """Yield the rights that a user has by ``objects``. A binding to a role that is not there grants nothing."""
    roles = {(body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]): body for body in objects}
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        where = binding["metadata"].get("namespace", "") if binding["kind"] == "RoleBinding" else ""
        if not any(_is(subject, user, where) for subject in binding.get("subjects") or ()):
            continue
        named = binding["roleRef"]
        role = roles.get((named["kind"], where if named["kind"] == "Role" else "", named["name"]))
        for rule in (role or {}).get("rules") or ():
            yield from _granted(named["name"], where, rule)


def _granted(role: str, where: str, rule: Json) -> Iterator[Right]:
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in rule["verbs"]:
                yield Right(role, where, group, resource, verb, tuple(rule.get("resourceNames") or ()))


def _is(subject: Json, user: str, where: str) -> bool:
    match subject["kind"]:
        case "ServiceAccount":
            return user == account(subject.get("namespace") or where, subject["name"])
        case "User":
            return bool(subject["name"] == user)
        case _:
            groups = ["system:authenticated", *(["system:serviceaccounts"] if user.startswith(_ACCOUNT) else [])]
            return subject["name"] in groups


def _named(info: RequestInfo, selector: str) -> RequestInfo:
    """Return the info as RBAC sees it: a list or watch of one name has that name, a creation has none."""
    if info.verb == "create":
        return replace(info, name="")  # the name is in the body, which RBAC does not see
    field, equals, name = selector.partition("=")
    alone = info.verb in ("list", "watch", "deletecollection") and equals and "," not in name
    return replace(info, name=name.lstrip("=")) if alone and field == "metadata.name" else info


def refusal(info: RequestInfo) -> ApiError:
    """Return the 403 in the API server's words."""
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    where = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    why = f'User "{info.user}" cannot {info.verb} resource "{resource}" in API group "{info.group}" {where}'
    error = forbidden(info.resource, info.group, info.name, why)
    if not info.name:
        message = f"{qualified(info.resource, info.group)} is forbidden: {why}"
        error.status["message"] = message
    return error
