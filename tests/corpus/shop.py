"""The world of one rollout, in plain JSON: its objects, its traffic, and what a script lets happen to it."""

import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.corpus.daemon import Cluster

Json = dict[str, Any]

SHOP = "shop"
HOME = "ingress-canary"
ACTION = "ingress-canary.io/action"
FREEZE = "ingress-canary.io/freeze"
PREFIX = "nginx.ingress.kubernetes.io/"
PORT = 9000
"""Where pages, gates and probes are, as addresses name it."""
SECONDS = 10
"""Of traffic in one round."""
PAGES = 2
"""Controllers; the second gets a third of the requests."""
QUICK, SLOW = 0.05, 2.0
BOUNDS = ("0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
SLOS = [{"name": "availability", "objective": 99.5, "sli": {"requests": {}}}]
STEPS = [{"weight": 5, "bake": "20s"}, {"weight": 50, "bake": "20s"}, {"weight": 100, "bake": "20s"}]


def namespaces() -> list[Json]:
    """Return what there is beside the rollouts."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (SHOP, HOME)]


def ingress_class() -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"},
        "spec": {"controller": "k8s.io/ingress-nginx"},
    }  # fmt: skip


def service(name: str) -> Json:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": SHOP},
        "spec": {"selector": {"app": name}, "ports": ports},
    }  # fmt: skip


def endpoints(name: str, ready: int) -> list[Json]:
    net = zlib.crc32(name.encode()) % 65536
    return [
        {"addresses": [f"10.{net // 256}.{net % 256}.{n + 1}"], "conditions": {"ready": True}} for n in range(ready)
    ]


def endpoint_slice(name: str, ready: int) -> Json:
    labels = {"kubernetes.io/service-name": name}
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-1", "namespace": SHOP, "labels": labels}, "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": endpoints(name, ready),
    }  # fmt: skip


def deployment(name: str, image: str, replicas: int) -> Json:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": image}]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": SHOP},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }  # fmt: skip


def prefixed(annotations: Json) -> Json:
    """Return annotations with the controller's prefix."""
    return {PREFIX + key: value for key, value in annotations.items()}


def ingress(name: str, annotations: Json) -> Json:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": name, "namespace": SHOP, "annotations": prefixed(annotations)},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": f"{name}.example", "http": {"paths": [path]}}]},
    }  # fmt: skip


def rollout(name: str, schedule: Json, spec: Json) -> Json:
    made = {
        "ingresses": [name], "stableService": name, "canaryService": f"{name}-canary",
        "workload": {"canary": {"name": f"{name}-canary"}, "stable": {"name": name}}, "schedule": {"inline": schedule},
    }  # fmt: skip
    return {
        "apiVersion": "ingress-canary.io/v1alpha1", "kind": "CanaryRollout",
        "metadata": {"name": name, "namespace": SHOP}, "spec": merged(made, spec),
    }  # fmt: skip


def merged(base: Json, patch: Json) -> Json:
    """Return a merge patch applied."""
    made = dict(base)
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = merged(made[key], value)
        else:
            made[key] = value
    return made


def filled(value: Any, words: dict[str, str]) -> Any:
    """Return JSON with ``{name}`` and the like replaced in every text."""
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(f"{{{word}}}", text)
        return value
    if isinstance(value, list):
        return [filled(one, words) for one in value]
    return {key: filled(one, words) for key, one in value.items()} if isinstance(value, dict) else value


def recorded(schedule: Json) -> Json:
    """Return a schedule with what it meant when the corpus was begun, whatever the defaults are now."""
    analysis = schedule.get("analysis", {})
    baseline = {"minDelta": "0.1pp", **analysis.get("baseline", {})}
    slos = [{"maxBurn": 10, **slo} for slo in schedule["slos"]]
    return {**schedule, "slos": slos, "analysis": {**analysis, "baseline": baseline}}


@dataclass
class Traffic:
    """What comes in each second, and the shares of it that fail or are slow."""

    rate: float = 200
    canary: float = 0.0
    stable: float = 0.0
    slow: float = 0.0
    """Share of the canary's requests that are slow."""
    reach: float = 1.0
    """Part of the weight that has an effect."""


@dataclass
class Shop:
    """One rollout with all that is around it."""

    plan: Json
    cluster: Cluster
    traffic: Traffic = field(default_factory=Traffic)
    counts: Counter[tuple[int, str, str, bool]] = field(default_factory=Counter)
    """Requests by page, side, HTTP status and slowness."""
    orphaned: bool | None = None
    gates: dict[str, tuple[int, str]] = field(default_factory=dict)
    probe: str = "canary"
    ready: dict[str, int] = field(default_factory=dict)
    """Most endpoints that a side has, where it cannot have all."""
    stuck: set[str] = field(default_factory=set)
    """Sides whose Deployments do not roll out."""
    asked: int = 0
    rest: float = 0.0
    at: int = 0
    """Lines of the script that are done."""
    waited: int = 0

    @property
    def name(self) -> str:
        return str(self.plan["name"])

    @property
    def status(self) -> Json:
        return (self.cluster.get("canaryrollouts", self.name, SHOP) or {}).get("status") or {}

    @property
    def shadow(self) -> Json | None:
        return self.cluster.get("ingresses", f"{self.name}-canary", SHOP)

    def side(self, side: str) -> str:
        """Return the name of a side's Service and Deployment."""
        return self.name if side == "stable" else f"{self.name}-canary"

    def populate(self) -> None:
        """Store what there is around the rollout."""
        replicas = self.plan.get("replicas", 2)
        for side, image, count in (("stable", "app:v1", 2), ("canary", "app:v2", replicas)):
            self.cluster.create("services", service(self.side(side)))
            self.cluster.create("endpointslices", endpoint_slice(self.side(side), 0))
            self.cluster.create("deployments", deployment(self.side(side), image, count))
        self.cluster.create("ingresses", ingress(self.name, self.plan.get("annotations", {})))
        self.reconcile()

    def begin(self) -> None:
        """Store the rollout."""
        schedule = {"steps": STEPS, "slos": SLOS, **self.plan.get("schedule", {})}
        body = rollout(self.name, recorded(schedule), self.plan.get("spec", {}))
        self.cluster.create("canaryrollouts", filled(body, {"name": self.name}))

    def reconcile(self) -> None:
        """Do what a cluster does by itself: roll out and publish endpoints."""
        for side in ("stable", "canary"):
            name = self.side(side)
            found = self.cluster.get("deployments", name, SHOP)
            if found is None or side in self.stuck:
                continue
            replicas = found["spec"]["replicas"]
            status = {
                "observedGeneration": found["metadata"]["generation"], "replicas": replicas,
                "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
            }  # fmt: skip
            if (found.get("status") or {}) != status:
                self.cluster.patch("deployments", name, {"status": status}, SHOP, "status")
            addresses = endpoints(name, min(replicas, self.ready.get(side, replicas)))
            slices = self.cluster.get("endpointslices", f"{name}-1", SHOP)
            if slices is not None and len(slices.get("endpoints") or ()) != len(addresses):
                self.cluster.patch("endpointslices", f"{name}-1", {"endpoints": addresses}, SHOP)

    def script(self) -> list[Any]:
        """Do the script's next line if it is its turn, and return what was done."""
        lines = self.plan.get("script", [])
        if self.at == len(lines):
            return []
        line = lines[self.at]
        if not self._met(line.get("when", {})) and not self.waited:
            return []
        self.waited += 1
        if self.waited <= line.get("wait", 0):
            return []
        self.at, self.waited = self.at + 1, 0
        done = [self._filled(action) for action in line["do"]]
        for action in done:
            self.do(*action)
        return done

    def _met(self, when: Json) -> bool:
        status = self.status
        shown = {**status, "step": (status.get("step") or {}).get("index")}
        return all(shown.get(key) == value for key, value in when.items())

    def _filled(self, action: list[Any]) -> list[Any]:
        status = self.status
        step = (status.get("step") or {}).get("index") or 1
        approval = (status.get("approval") or {}).get("step") or step
        self.asked += 1
        words = {
            "name": self.name, "revision": status.get("revision") or "none", "step": str(step),
            "approval": str(approval), "id": str(self.asked),
        }  # fmt: skip
        made: list[Any] = filled(action, words)
        return made

    def do(self, what: str, *args: Any) -> None:
        """Let one thing happen."""
        if not (self._to_objects(what, *args) or self._around(what, *args)):
            raise ValueError(f"nothing is known of {what} {args}")

    def _to_objects(self, what: str, *args: Any) -> bool:
        """Change an object as ``what`` says; False when it says nothing of objects."""
        patch = self.cluster.patch
        match what, *args:
            case "ask", text:
                patch("canaryrollouts", self.name, {"metadata": {"annotations": {ACTION: text}}}, SHOP)
            case "spec", change:
                patch("canaryrollouts", self.name, {"spec": change}, SHOP)
            case "shadow", change:
                patch("ingresses", f"{self.name}-canary", {"metadata": {"annotations": prefixed(change)}}, SHOP)
            case "patch", plural, name, change:
                patch(plural, name, change, SHOP)
            case "delete", plural, name:
                self.cluster.delete(plural, name, SHOP)
            case "create", plural, body:
                self.cluster.create(plural, body)
            case "image", side, image:
                template = deployment(self.side(side), image, 0)["spec"]["template"]
                patch("deployments", self.side(side), {"spec": {"template": template}}, SHOP)
            case "scale", side, replicas:
                patch("deployments", self.side(side), {"spec": {"replicas": replicas}}, SHOP)
            case "restore", side, image:
                self.cluster.create("deployments", deployment(self.side(side), image, 2))
            case _:
                return False
        return True

    def _around(self, what: str, *args: Any) -> bool:
        """Change what is around the objects."""
        match what, *args:
            case "ready", side, count:
                self.ready[side] = 99 if count is None else count
            case "stuck", side, stuck:
                (self.stuck.add if stuck else self.stuck.discard)(side)
            case "traffic", change:
                self.traffic = Traffic(**change)
            case "orphan", orphaned:
                self.orphaned = orphaned
            case "gate", gate, code, text:
                self.gates[gate] = (code, text)
            case "probe", says:
                self.probe = says
            case _:
                return False
        return True

    def weight(self) -> float:
        """Return the share of requests that the shadow takes, as a controller reads it."""
        annotations = ((self.shadow or {}).get("metadata") or {}).get("annotations") or {}
        if annotations.get(f"{PREFIX}canary") != "true":
            return 0.0
        try:
            weight = float(annotations.get(f"{PREFIX}canary-weight", "0"))
            return min(weight / float(annotations.get(f"{PREFIX}canary-weight-total", "100")), 1.0)
        except ValueError:
            return 0.0

    def serve(self) -> None:
        """Let one round of requests come in."""
        flow = self.traffic
        total = flow.rate * SECONDS + self.rest
        requests, self.rest = int(total), total % 1
        canary = round(requests * self.weight() * flow.reach)
        for side, count, bad, slow in (
            ("canary", canary, flow.canary, flow.slow), ("stable", requests - canary, flow.stable, 0.0),
        ):  # fmt: skip
            failed = round(count * bad)
            late = round((count - failed) * slow)
            for status, lasts, number in (
                ("500", False, failed),
                ("200", True, late),
                ("200", False, count - failed - late),
            ):
                for page, part in enumerate((number - number // 3, number // 3)):
                    self.counts[page, side, status, lasts] += part

    def lines(self, page: int) -> list[str]:
        """Return its part of a controller's metrics page."""
        made = []
        for side in ("canary", "stable"):
            upstream = f"{SHOP}-{self.name}-canary-80" if side == "canary" else ""
            for status in ("200", "500"):
                late, prompt = self.counts[page, side, status, True], self.counts[page, side, status, False]
                if not late + prompt:
                    continue
                labels = (
                    f'canary="{upstream}",controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",'
                    f'controller_pod="controller-{page}",host="{self.name}.example",ingress="{self.name}",method="GET",'
                    f'namespace="{SHOP}",path="/",service="{self.name}",status="{status}"'
                )
                family = "nginx_ingress_controller_request_duration_seconds"
                made.append(f"nginx_ingress_controller_requests{{{labels}}} {late + prompt}")
                made += [
                    f'{family}_bucket{{{labels},le="{bound}"}} {prompt + (late if float(bound) >= SLOW else 0)}'
                    for bound in BOUNDS
                ]
                made.append(f"{family}_count{{{labels}}} {late + prompt}")
        if self.orphaned is not None:
            labels = (
                'controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",'
                f'controller_pod="controller-{page}",ingress="{self.name}-canary",namespace="{SHOP}",type="canary-type"'
            )
            made.append(f"nginx_ingress_controller_orphan_ingress{{{labels}}} {int(self.orphaned)}")
        return made
