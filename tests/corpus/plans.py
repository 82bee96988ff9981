"""What happens to the recorded rollouts: written scripts that lead to each reason, and random walks from seeds.

A plan is JSON and stands in the corpus itself: only ``record`` asks here, ``replay`` takes what was recorded.
A script's line waits until the status is as ``when`` says, then ``wait`` rounds, and does what stands in ``do``.
"""

import random
from typing import Any

from tests.corpus.shop import HOME, PORT, SHOP, SLOS, STEPS

Json = dict[str, Any]
Line = Json

STEADY = {"rate": 200}
FAILING = {"canary": 0.5}
SICK = {"canary": 0.3, "stable": 0.3}
SCARCE = {"rate": 0.5}
NOTHING = {"rate": 0}
PROMOTING = {"phase": "Promoting"}
COPY = {"promotion": {"strategy": "CopyImages"}}
NEW_STABLE = ["image", "stable", "app:v2"]


def at(step: int, *do: Any, wait: int = 0) -> Line:
    return {"when": {"phase": "Progressing", "step": step}, "wait": wait, "do": list(do)}


def when(*do: Any, wait: Any = 0, **status: Any) -> Line:
    return {"when": status, "wait": wait, "do": list(do)}


def then(*do: Any, wait: int = 3) -> Line:
    return {"wait": wait, "do": list(do)}


def ask(verb: str, target: str = "", note: str = "") -> list[str]:
    named = f":{target}" if target else ""
    return ["ask", f"{verb}{named}#{{id}}{f'#{note}' if note else ''}"]


def promoted() -> Line:
    return when(NEW_STABLE, wait=1, **PROMOTING)


def one(name: str, *script: Line, **plan: Any) -> Json:
    return {"name": name, "script": list(script), **plan}


def steps(**each: Any) -> Json:
    return {"steps": [{**step, **each} for step in STEPS]}


def second(**changes: Any) -> Json:
    """Return a schedule whose second step is another one."""
    return {"steps": [STEPS[0], {**STEPS[1], **changes}, STEPS[2]]}


def gate(occasion: str, **changes: Any) -> Json:
    made = {"name": "qa", "when": occasion, "url": f"http://127.0.0.1:{PORT}/gate/{{name}}/qa", **changes}
    return {"gates": [made]}


def group(name: str, rounds: int, *rollouts: Json, **plan: Any) -> Json:
    return {"group": name, "rounds": rounds, "rollouts": list(rollouts), **plan}


def people() -> Json:
    """What people ask for, and what they are not given."""
    return group(
        "people",
        40,
        one("steady", promoted()),
        one("pause", at(1, ask("pause", note="lunch")), then(ask("resume")), promoted()),
        one("pause-twice", at(2, ask("pause")), then(ask("pause")), then(ask("abort")), then(ask("retry"))),
        one("pause-warming", then(ask("pause"), wait=0), then(ask("resume")), promoted()),
        one("spec-pause", at(1, ["spec", {"paused": True}]), then(ask("resume")), then(["spec", {"paused": False}])),
        one(
            "abort",
            at(2, ask("abort", "{revision}", "looks wrong")),
            then(ask("abort")),
            then(ask("retry")),
            promoted(),
        ),
        one("abort-promoting", when(ask("abort"), **PROMOTING), then(ask("resume"))),
        one(
            "skip",
            at(1, ask("skip", "{revision}/1")),
            then(ask("skip", "{revision}/1")),
            at(2, ask("skip", "{revision}/2")),
        ),
        one("skip-last", at(3, ask("skip", "{revision}/3")), promoted()),
        one("promote", at(1, ask("promote", "{revision}", "urgent")), promoted()),
        one("promote-paused", at(1, ask("pause")), then(ask("promote", "{revision}")), promoted()),
        one(
            "promote-stale",
            at(1, ask("promote", "other")),
            then(ask("promote")),
            then(ask("explode")),
            then(["ask", "pause"]),
        ),
        one(
            "restart",
            at(2, ask("restart")),
            at(2, ["spec", {"schedule": {"inline": {"maxHold": "2m"}}}]),
            then(ask("restart")),
        ),
        one("restart-promoting", when(ask("restart"), **PROMOTING), promoted()),
        one("finish", when(ask("finish", "{revision}"), wait=2, **PROMOTING)),
        one(
            "finish-unready",
            when(["ready", "stable", 1], ask("finish", "{revision}"), **PROMOTING),
            then(["ready", "stable", None]),
        ),
        one("finish-early", at(2, ask("finish", "{revision}")), promoted()),
        one("retry-early", at(1, ask("retry")), then(ask("approve", "{revision}/1")), promoted()),
        one(
            "retry-failed",
            at(1, ["traffic", FAILING]),
            when(["traffic", STEADY], ask("retry"), phase="RolledBack"),
            promoted(),
        ),
        one(
            "no-workloads",
            when(ask("finish", "{revision}"), **PROMOTING),
            spec={"workload": {"canary": None, "stable": None}},
        ),
        one("revision", at(2, ["spec", {"revision": "r2"}]), promoted(), spec={"revision": "r1"}),
    )


def cluster() -> Json:
    """Versions, readiness, images and replicas."""
    hotfix, newer = ["image", "stable", "app:hotfix"], ["image", "canary", "app:v3"]
    return group(
        "cluster",
        40,
        one("superseded", at(2, newer), then(newer), when(["image", "stable", "app:v3"], **PROMOTING)),
        one("superseded-paused", at(2, ask("pause")), then(newer), promoted()),
        one("superseded-promoting", when(newer, **PROMOTING), then(["image", "canary", "app:v2"])),
        one("back-to-stable", at(2, ["image", "canary", "app:v1"]), then(["image", "canary", "app:v2"], wait=5)),
        one("new-after-success", promoted(), when(newer, phase="Succeeded", wait=2)),
        one(
            "new-after-failure",
            at(1, ["traffic", FAILING]),
            when(newer, ["traffic", STEADY], phase="RolledBack"),
            promoted(),
        ),
        one(
            "failed-once",
            at(1, ["traffic", FAILING]),
            when(newer, phase="RolledBack"),
            then(["image", "canary", "app:v2"], wait=1),
        ),
        one("stable-changed", at(2, hotfix), promoted()),
        one("stable-sooner", at(2, NEW_STABLE)),
        one(
            "canary-missing",
            then(["delete", "deployments", "{name}-canary"], wait=0),
            then(["restore", "canary", "app:v2"]),
            promoted(),
        ),
        one(
            "canary-lost",
            at(2, ["delete", "deployments", "{name}-canary"]),
            then(["restore", "canary", "app:v2"]),
            promoted(),
        ),
        one(
            "canary-unready", then(["ready", "canary", 0], wait=0), then(["ready", "canary", None], wait=5), promoted()
        ),
        one("canary-crashes", at(2, ["ready", "canary", 0]), then(["ready", "canary", None]), promoted()),
        one("canary-stays-down", at(2, ["ready", "canary", 0]), spec={"workload": {"notReadyTimeout": "1m"}}),
        one(
            "canary-stuck",
            then(["stuck", "canary", True], newer, wait=0),
            then(["stuck", "canary", False], wait=6),
            promoted(),
        ),
        one("stable-stuck", when(["stuck", "stable", True], NEW_STABLE, **PROMOTING), then(["stuck", "stable", False])),
        one("stable-shrunk", when(["ready", "stable", 1], NEW_STABLE, **PROMOTING), then(["ready", "stable", None])),
        one("copy", spec=COPY),
        one(
            "copy-fails",
            at(3, ["stuck", "stable", True]),
            when(["traffic", FAILING], wait=1, **PROMOTING),
            then(["stuck", "stable", False], wait=4),
            spec=COPY,
        ),
        one(
            "copy-aborted",
            at(3, ["stuck", "stable", True]),
            when(ask("abort"), wait=1, **PROMOTING),
            then(["stuck", "stable", False], wait=2),
            spec=COPY,
        ),
        one(
            "copy-aborted-twice",
            at(3, ["stuck", "stable", True]),
            when(ask("abort"), wait=1, **PROMOTING),
            then(ask("abort"), wait=2),
            spec=COPY,
        ),
        one(
            "copy-another-hand", when(hotfix, wait=1, **PROMOTING), then(ask("finish", "{revision}"), wait=4), spec=COPY
        ),
        one("copy-nothing", spec={**COPY, "workload": {"stable": None}}),
        one("fails-promoting", when(["traffic", FAILING], **PROMOTING), then(ask("abort"), wait=5)),
        one(
            "fails-promoted",
            when(["stuck", "stable", True], NEW_STABLE, ["traffic", FAILING], **PROMOTING),
            then(["stuck", "stable", False], wait=6),
        ),
        one("scale", promoted(), spec={"workload": {"scaleCanary": {"to": 3, "drain": "30s"}}}, replicas=0),
        one(
            "scale-unready",
            then(["ready", "canary", 0], wait=0),
            spec={"workload": {"scaleCanary": {"to": 2}, "notReadyTimeout": "1m"}},
            replicas=0,
        ),
        one(
            "scale-fails",
            at(2, ["traffic", FAILING]),
            spec={"workload": {"scaleCanary": {"to": 4, "drain": "1m"}}},
            replicas=1,
        ),
        one(
            "scale-another-hand",
            at(2, ["scale", "canary", 6]),
            promoted(),
            spec={"workload": {"scaleCanary": {"to": 3}}},
            replicas=0,
        ),
    )


def held() -> Json:
    """A finalizer holds the shadow, whoever deletes it and whenever."""
    shadow = ["patch", "ingresses", "{name}-canary"]
    hold, release = (
        [*shadow, {"metadata": {"finalizers": ["example.com/keep"]}}],
        [*shadow, {"metadata": {"finalizers": None}}],
    )
    gone, newer = ["delete", "ingresses", "{name}-canary"], ["image", "canary", "app:v3"]
    sticky = {"affinity": "cookie"}
    return group(
        "held",
        32,
        one("held-aborted", at(2, hold), then(ask("abort")), then(release, wait=4)),
        one(
            "held-failing",
            at(2, hold),
            then(["traffic", FAILING]),
            when(["shadow", {"canary-weight": "40"}], wait=3, phase="RolledBack"),
            then(release),
        ),
        one("held-sticky", at(2, hold), then(ask("abort")), then(release, wait=4), annotations=sticky),
        one("held-promoted", when(hold, **PROMOTING), then(NEW_STABLE), then(release, wait=6)),
        one("held-deleted", at(2, hold), then(gone), then(ask("resume")), then(release, wait=4)),
        one("held-first", at(1, hold), then(gone, wait=1), then(ask("abort")), then(release)),
        one("held-superseded", at(2, hold), then(newer), then(release, wait=6), annotations=sticky),
        one("held-retried", at(2, hold), then(ask("abort")), then(ask("retry")), then(release, wait=6), promoted()),
        one("held-moved", at(2, hold), then(["spec", {"shadow": {"name": "{name}-other"}}]), then(release, wait=6)),
        one("held-rollout-gone", at(2, hold), then(["delete", "canaryrollouts", "{name}"]), then(release, wait=6)),
    )


def writers() -> Json:
    """Other writers of the shadow, the primary and the Services."""
    gone = ["delete", "ingresses", "{name}-canary"]
    up, down = ["shadow", {"canary-weight": "90"}], ["shadow", {"canary-weight": "3"}]
    paths = [{"path": "/new", "pathType": "Prefix", "backend": {"service": {"name": "{name}", "port": {"number": 80}}}}]
    foreign = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "foreign-canary", "namespace": SHOP},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "foreign.example"}]},
    }
    return group(
        "writers",
        38,
        one("deleted", at(2, gone), then(ask("resume")), promoted()),
        one("deleted-first", when(gone, wait=1, reason="WarmingUp"), promoted()),
        one("deleted-promoting", when(gone, **PROMOTING), then(ask("abort"))),
        one("lowered", at(2, down), then(down), then(ask("resume")), promoted()),
        one("lowered-to-none", at(2, ["shadow", {"canary-weight": "0"}]), then(ask("abort"))),
        one(
            "raised",
            at(1, up),
            then(up),
            then(["shadow", {"canary-weight": "100", "canary-weight-total": "132"}]),
            promoted(),
        ),
        one("nonsense", at(2, ["shadow", {"canary-weight": "abc"}]), then(ask("resume")), promoted()),
        one("mark-removed", at(2, ["shadow", {"canary": None}]), promoted()),
        one("mark-false", at(2, ["shadow", {"canary": "false"}]), then(ask("resume"))),
        one("header-added", at(2, ["shadow", {"canary-by-header": "X-Everyone"}]), promoted()),
        one(
            "cookie-removed",
            at(2, ["shadow", {"canary-by-cookie": None}]),
            then(ask("resume")),
            promoted(),
            schedule={"routing": {"cookie": "canary"}},
        ),
        one("other-key", at(2, ["shadow", {"load-balance": "ewma"}]), promoted()),
        one(
            "fight",
            at(1),
            *(then(["shadow", {"canary-weight": str(60 + n)}], wait=0) for n in range(8)),
            then(ask("resume")),
            promoted(),
            schedule=steps(bake="2m"),
        ),
        one(
            "fight-aborted",
            at(1),
            *(then(["shadow", {"canary-weight": str(60 + n)}], wait=0) for n in range(8)),
            then(ask("abort")),
            schedule=steps(bake="2m"),
        ),
        one(
            "paths-removed",
            at(2, ["patch", "ingresses", "{name}-canary", {"spec": {"rules": [{"host": "{name}.example"}]}}]),
            then(ask("resume")),
        ),
        one(
            "primary-edited",
            at(
                2,
                [
                    "patch",
                    "ingresses",
                    "{name}",
                    {"spec": {"rules": [{"host": "{name}.example", "http": {"paths": paths}}]}},
                ],
            ),
            promoted(),
        ),
        one("primary-gone", at(2, ["delete", "ingresses", "{name}"]), then(ask("abort"), wait=4)),
        one("service-gone", at(2, ["delete", "services", "{name}-canary"]), then(ask("abort"), wait=4)),
        one("never-a-service", then(["delete", "services", "{name}-canary"], wait=0)),
        one(
            "foreign",
            then(["create", "ingresses", foreign], wait=0),
            then(["delete", "ingresses", "foreign-canary"], wait=4),
            promoted(),
        ),
        one("sticky", at(2, ["traffic", {"reach": 0.7}]), promoted(), annotations={"affinity": "cookie"}),
        one("primary-canary", annotations={"canary": "true"}),
        one(
            "another-service",
            at(2, ["spec", {"canaryService": "another"}]),
            then(["spec", {"canaryService": "another-service-canary"}]),
        ),
        one(
            "unreadable",
            at(2, ["spec", {"probe": {"url": "http://127.0.0.1/", "header": "X-V", "value": "v", "timeout": "1h"}}]),
            then(["spec", {"probe": None}], wait=4),
        ),
        one("rollout-deleted", at(2, ["delete", "canaryrollouts", "{name}"])),
    )


def judged() -> Json:
    """Evidence: proof, too little of it, none, and weights without effect."""
    latency = {"name": "latency", "objective": 99, "sli": {"latency": {"threshold": "500ms"}}}
    both = {"slos": [*SLOS, latency]}
    odd = {"slos": [{**latency, "sli": {"latency": {"threshold": "300ms"}}}]}
    return group(
        "judged",
        44,
        one("fails-soon", at(1, ["traffic", FAILING])),
        one("fails-little", at(2, ["traffic", {"canary": 0.06}])),
        one(
            "fails-pause",
            at(2, ["traffic", FAILING]),
            then(["traffic", STEADY], ask("resume"), wait=5),
            promoted(),
            schedule={"onFailure": "Pause"},
        ),
        one("fails-paused", at(2, ask("pause")), then(["traffic", FAILING], wait=1)),
        one("incident", at(2, ["traffic", SICK]), then(["traffic", STEADY], wait=6), promoted()),
        one("stable-sick", at(1, ["traffic", {"stable": 0.3}]), promoted()),
        one("slow", at(2, ["traffic", {"slow": 0.4}]), schedule=both),
        one("both-pass", promoted(), schedule=both),
        one("no-bucket", schedule=odd),
        one("scarce", at(1, ["traffic", SCARCE]), then(["traffic", STEADY], wait=12), promoted()),
        one(
            "scarce-pauses",
            at(1, ["traffic", SCARCE]),
            when(["traffic", STEADY], ask("resume"), phase="Paused"),
            promoted(),
            schedule={"maxHold": "1m"},
        ),
        one("scarce-ends", at(1, ["traffic", SCARCE]), schedule={"maxHold": "1m", "onInconclusive": "Rollback"}),
        one("no-fail", promoted(), schedule=steps(require="NoFail", minRequests=10)),
        one(
            "no-fail-scarce",
            at(1, ["traffic", SCARCE]),
            schedule={**steps(require="NoFail", minRequests=20), "maxHold": "3m"},
        ),
        one("silent", at(2, ["traffic", NOTHING]), then(["traffic", STEADY], wait=8), promoted()),
        one("silent-first", then(["traffic", NOTHING], wait=0), then(["traffic", STEADY], wait=8), promoted()),
        one("inert", at(2, ["traffic", {"reach": 0.0}]), then(["traffic", STEADY], wait=8), promoted()),
        one("half-effect", at(2, ["traffic", {"reach": 0.3}]), then(["traffic", STEADY], wait=8), promoted()),
        one("double-effect", at(1, ["traffic", {"reach": 4.0}]), then(["traffic", STEADY], wait=8), promoted()),
        one("orphan", at(1, ["orphan", True]), then(["orphan", False], wait=6), promoted()),
        one("orphan-unready", at(2, ["orphan", True], ["ready", "canary", 1])),
        one(
            "routes",
            promoted(),
            schedule={
                "steps": [
                    {
                        "weight": 0,
                        "header": {"name": "X-Canary", "value": "staff"},
                        "bake": "20s",
                        "require": "NoFail",
                        "minRequests": 0,
                    },
                    *STEPS,
                ],
                "routing": {"cookie": "canary"},
            },
        ),
        one("pattern", promoted(), schedule={"routing": {"header": {"name": "X-Canary", "pattern": "^v2"}}}),
        one(
            "ramp",
            promoted(),
            schedule={
                "steps": [{"ramp": {"from": 10, "to": 50, "by": 10, "bake": "10s"}}, {"weight": 100, "bake": "10s"}]
            },
        ),
        one(
            "strict",
            at(2, ["traffic", {"canary": 0.004, "stable": 0.004}]),
            promoted(),
            schedule={"analysis": {"alpha": 0.001, "settle": "5s"}},
        ),
    )


def consents() -> Json:
    """Windows, freezes, approvals, gates and probes."""
    before, after = {"when": "Before", "timeout": "1m"}, {"when": "After", "timeout": "1m"}
    approve, fine = ask("approve", "{revision}/{approval}"), ["gate", "qa", 200, "fine"]
    rejects, broken = ["gate", "qa", 409, "the smoke test failed"], ["gate", "qa", 500, "out of order"]
    waits, rejected = {"reason": "AwaitingGate"}, {"reason": "GateRejected"}
    probe = {"probe": {"url": f"http://127.0.0.1:{PORT}/probe/{{name}}", "header": "X-Version", "value": "canary"}}
    routed = {"routing": {"header": {"name": "X-Canary", "value": "staff"}}}
    asked = {"reason": "AwaitingApproval"}
    return group(
        "consents",
        40,
        one(
            "window-closed",
            then(["spec", {"schedule": {"inline": {"windows": None}}}], wait=5),
            promoted(),
            schedule={"windows": {"allow": [{"days": ["Sun"], "from": "03:00", "to": "04:00"}]}},
        ),
        one("window-closes", schedule={"windows": {"allow": [{"days": ["Mon"], "from": "09:00", "to": "10:01"}]}}),
        one(
            "window-too-short",
            schedule={
                "windows": {"allow": [{"days": ["Mon"], "from": "09:00", "to": "10:02"}], "finishInWindow": True}
            },
        ),
        one(
            "window-opens",
            promoted(),
            schedule={
                "windows": {"timezone": "Europe/Berlin", "allow": [{"days": ["Mon"], "from": "11:02", "to": "12:00"}]}
            },
        ),
        one(
            "freeze",
            promoted(),
            schedule={
                "windows": {"freezes": [{"from": "2026-03-02T10:01", "to": "2026-03-02T10:03", "reason": "audit"}]}
            },
        ),
        one("approve-before", when(approve, wait=1, **asked), promoted(), schedule=second(approval=before)),
        one(
            "approve-after",
            when(ask("approve", "{revision}/1"), wait=1, **asked),
            then(approve, wait=0),
            promoted(),
            schedule=second(approval=after),
        ),
        one("approve-early", at(1, ask("approve", "{revision}/2")), promoted(), schedule=second(approval=before)),
        one(
            "approve-late",
            when(approve, wait=8, **asked),
            promoted(),
            schedule=second(approval={**before, "onTimeout": "Hold"}),
        ),
        one(
            "approve-paused",
            when(approve, wait=1, phase="Paused"),
            promoted(),
            schedule=second(approval={**after, "onTimeout": "Pause"}),
        ),
        one("approve-never", schedule=second(approval={**after, "onTimeout": "Rollback"})),
        one("approve-aborted", when(ask("abort"), wait=1, **asked), schedule=second(approval=before)),
        one(
            "approve-skipped",
            when(ask("skip", "{revision}/{step}"), wait=1, **asked),
            promoted(),
            schedule=second(approval=after),
        ),
        one("gate-start", then(broken, wait=0), when(fine, wait=3, **waits), promoted(), schedule=gate("beforeStart")),
        one(
            "gate-step",
            then(rejects, wait=0),
            when(fine, wait=3, **rejected),
            promoted(),
            schedule=gate("beforeStep", steps=["2"]),
        ),
        one(
            "gate-pause",
            then(rejects, wait=0),
            when(fine, ask("resume"), wait=2, phase="Paused"),
            promoted(),
            schedule=gate("beforeStep", onReject="Pause"),
        ),
        one("gate-rollback", at(1, rejects), schedule=gate("duringStep", onReject="Rollback")),
        one("gate-during", at(1, broken), then(fine, wait=5), promoted(), schedule=gate("duringStep", backoff="10s")),
        one(
            "gate-promotion",
            at(3, rejects),
            when(fine, wait=3, **rejected),
            promoted(),
            schedule=gate("beforePromotion"),
        ),
        one("gate-told", promoted(), schedule=gate("afterFinish")),
        one(
            "told",
            at(1, ["traffic", FAILING]),
            schedule={"notifications": [{"name": "team", "secretRef": {"name": "missing", "key": "url"}}]},
        ),
        one("gate-signed", schedule=gate("beforeStart", secretRef={"name": "missing", "key": "key"})),
        one(
            "gate-promote",
            then(rejects, wait=0),
            when(ask("promote", "{revision}"), wait=1, **rejected),
            schedule=gate("beforeStep", steps=["2", "3"]),
        ),
        one("probe", promoted(), spec=probe, schedule=routed),
        one(
            "probe-stable",
            then(["probe", "stable"], wait=0),
            at(1, ["probe", "canary"], wait=8),
            promoted(),
            spec=probe,
            schedule=routed,
        ),
        one("probe-down", then(["probe", "down"], wait=0), promoted(), spec=probe, schedule=routed),
        one("probe-unaskable", spec=probe, schedule={"routing": {"header": {"name": "X-Canary", "pattern": "^v2"}}}),
    )


def world() -> Json:
    """What concerns every rollout: the source, the controllers, a freeze, the API's refusals, the daemon's restarts."""
    events = {
        "5": [["source", "down"]],
        "8": [["source", "up"]],
        "10": [["controller", 0]],
        "13": [["daemon"]],
        "15": [["freeze", "incident 42"]],
        "18": [["freeze", None]],
        "20": [["source", "down 1"]],
        "22": [["source", "html"]],
        "23": [["source", "up"]],
        "26": [["daemon"]],
        "28": [["refuse", 403, "status is read-only", {"verb": "patch", "resource": "canaryrollouts"}]],
        "29": [
            [
                "refuse",
                403,
                "nothing is changed",
                {"verb": ["patch", "delete"], "resource": "ingresses", "name": "fails-lowered-canary"},
            ]
        ],
        "33": [["heal"]],
        "35": [["daemon"]],
    }
    return group(
        "world",
        44,
        one("steady", promoted()),
        one("slowly", schedule=steps(bake="1m")),
        one("retreats", schedule={**steps(bake="1m"), "onNoData": "Retreat"}),
        one("fails-unstored", at(1, wait=1), then(["traffic", FAILING], wait=23), schedule=steps(bake="10m")),
        one(
            "fails-lowered",
            at(1, wait=1),
            then(["traffic", FAILING], wait=24),
            then(["shadow", {"canary-weight": "1"}], wait=1),
            schedule=steps(bake="10m"),
        ),
        one("aborted-unstored", at(1, wait=1), then(ask("abort"), wait=24), schedule=steps(bake="10m")),
        one(
            "lowered-unstored",
            at(1, wait=1),
            then(["shadow", {"canary-weight": "1"}], wait=24),
            schedule=steps(bake="10m"),
        ),
        one("paused", at(1, ask("pause")), then(ask("resume"), wait=24)),
        one("waits", schedule=second(approval={"when": "Before", "timeout": "2m", "onTimeout": "Pause"})),
        one("promoting", spec=COPY),
        one("failed", at(2, ["traffic", FAILING])),
        one(
            "gated",
            at(1, ["gate", "qa", 500, ""]),
            then(["gate", "qa", 200, "fine"], wait=16),
            schedule=gate("beforeStep", steps=["2"]),
        ),
        world=events,
    )


def refusals() -> Json:
    """The API refuses to create, change or delete the shadow, or to change workloads."""
    policy = "denied by a policy"

    def refuse(verb: str, resource: str, *names: str) -> Json:
        return ["refuse", 403, policy, {"verb": verb, "resource": resource, "name": list(names)}]  # type: ignore[return-value]

    events = {
        "1": [
            refuse("create", "ingresses", "rejected-canary"),
            refuse("delete", "ingresses", "kept-canary", "kept-off-canary"),
            refuse("patch", "ingresses", "rigid-canary", "kept-off-canary"),
            refuse("patch", "deployments", "copy", "scale-canary"),
        ],
        "20": [["heal"]],
    }
    return group(
        "refusals", 32,
        one("rejected", promoted()),
        one("kept", at(1, ["traffic", FAILING])),
        one("kept-off", at(1, ask("abort"))),
        one("rigid", promoted()),
        one("copy", spec=COPY),
        one("scale", spec={"workload": {"scaleCanary": {"to": 2}}}, replicas=0),
        world=events,
    )  # fmt: skip


def together() -> Json:
    """Two things that call for different decisions are seen by one pass, because none could be stored meanwhile."""
    newer, hotfix = ["image", "canary", "app:v3"], ["image", "stable", "app:hotfix"]
    failing, lowered, rejects = ["traffic", FAILING], ["shadow", {"canary-weight": "1"}], ["gate", "qa", 409, "no"]
    stopped, unready = ["spec", {"paused": True}], ["ready", "canary", 0]
    raised = [["shadow", {"canary-weight": str(60 + n)}] for n in range(3)]
    broken = ["patch", "canaryrollouts", "{name}", {"spec": {"canaryService": "another"}}]
    pairs = {
        "pause-fails": (ask("pause"), failing),
        "resume-superseded": (ask("restart"), newer),
        "fails-superseded": (failing, newer),
        "rejected-fails": (rejects, failing),
        "fails-rejected": (failing, rejects),
        "fails-lowered": (failing, lowered),
        "rejected-lowered": (rejects, lowered),
        "lowered-paused": (lowered, stopped),
        "raised-lowered": (raised[0], lowered),
        "paused-hotfix": (stopped, hotfix),
        "hotfix-unready": (hotfix, unready),
        "paused-unready": (stopped, unready),
        "lowered-hotfix": (lowered, hotfix),
        "superseded-hotfix": (newer, hotfix),
        "broken-lowered": (broken, lowered),
        "rejected-superseded": (rejects, newer),
        "rejected-unready": (rejects, unready),
        "abort-lowered": (ask("abort"), lowered),
    }
    schedule = {**steps(bake="10m"), **gate("duringStep", onReject="Pause")}
    copies = {
        "restores-superseded": (newer, ask("resume")), "restores-aborted": (ask("abort"), newer),
        "restores-lowered": (lowered, ask("pause")),
    }  # fmt: skip
    events = {
        "8": [
            [
                "refuse",
                403,
                "nothing is changed",
                {"verb": ["patch", "delete"], "resource": ["ingresses", "canaryrollouts"]},
            ]
        ],
        "14": [["heal"]],
        "17": [["refuse", 403, "nothing is changed", {"verb": ["patch"], "resource": ["canaryrollouts"]}]],
        "21": [["heal"]],
    }
    return group(
        "together",
        28,
        *(
            one(name, then(first, wait=8), then(other, wait=1), schedule=schedule)
            for name, (first, other) in pairs.items()
        ),
        *(
            one(
                name,
                at(3, ["stuck", "stable", True]),
                when(failing, wait=1, **PROMOTING),
                when(first, other, reason="RestoringStable", wait=1),
                spec=COPY,
            )
            for name, (first, other) in copies.items()
        ),
        world=events,
    )


def shared() -> Json:
    """Schedules by name, and two rollouts that want the same."""

    def schedule(**changes: Any) -> Json:
        return {
            "apiVersion": "ingress-canary.io/v1alpha1", "kind": "CanarySchedule",
            "metadata": {"name": "standard", "namespace": HOME}, "spec": {"steps": STEPS, "slos": SLOS, **changes},
        }  # fmt: skip

    def by_name(name: str, **more: str) -> Json:
        return {"schedule": {"inline": None, "ref": {"name": name, **more}}}

    events = {
        "1": [["create", "canaryschedules", schedule()]],
        "6": [["patch", "canaryschedules", "standard", HOME, {"spec": {"maxHold": "3m"}}]],
        "14": [
            [
                "patch",
                "canaryschedules",
                "standard",
                HOME,
                {"spec": {"steps": [{"weight": 20, "bake": "10s"}, {"weight": 100, "bake": "10s"}]}},
            ]
        ],
    }
    return group(
        "shared",
        36,
        one("named", promoted(), spec=by_name("standard")),
        one("named-restart", at(2, ask("restart"), wait=2), promoted(), spec=by_name("standard")),
        one("missing", then(["spec", by_name("standard")], wait=4), promoted(), spec=by_name("nowhere")),
        one("forbidden", spec=by_name("standard", namespace="elsewhere")),
        one("lost-reference", at(2, ["spec", by_name("nowhere")]), promoted(), spec=by_name("standard")),
        one("first", promoted()),
        one(
            "rival",
            then(
                [
                    "spec",
                    {
                        "ingresses": ["first"],
                        "stableService": "first",
                        "canaryService": "first-canary",
                        "shadow": {"name": "first-canary"},
                    },
                ],
                wait=5,
            ),
        ),
        one(
            "no-inline-edit",
            at(1, ["spec", {"schedule": {"inline": {"steps": [{"weight": 30, "bake": "10s"}]}}}]),
            promoted(),
        ),
        world=events,
    )


VERBS = ("approve", "pause", "resume", "promote", "abort", "retry", "skip", "finish", "restart", "explode")
TARGETS = ("", "", "{revision}", "{revision}/{step}", "{revision}/{approval}", "other", "other/1")


def action(draw: random.Random) -> list[Any]:
    """Return something that may happen to any rollout."""
    kinds: list[tuple[int, Any]] = [
        (6, lambda: ask(draw.choice(VERBS), draw.choice(TARGETS), draw.choice(("", "", "a note")))),
        (3, lambda: ask(draw.choice(("resume", "retry", "restart")))),
        (3, lambda: ask(draw.choice(("skip", "approve")), "{revision}/{approval}")),
        (2, lambda: ask(draw.choice(("promote", "finish")), "{revision}")),
        (4, lambda: ["traffic", {"rate": draw.choice((0, 0.5, 20, 200, 200)), "canary": draw.choice((0, 0, 0, 0.01, 0.5)), "stable": draw.choice((0, 0, 0.3)), "slow": draw.choice((0, 0, 0.3)), "reach": draw.choice((1, 1, 1, 0.2, 0))}]),
        (6, lambda: ["traffic", STEADY]),
        (3, lambda: ["shadow", draw.choice(({"canary-weight": draw.choice(("0", "3", "40", "100", "abc"))}, {"canary-weight-total": "100000"}, {"canary-by-header": draw.choice((None, "X-Everyone"))}, {"canary-by-cookie": draw.choice((None, "everyone"))}, {"canary": draw.choice((None, "false"))}))]),
        (1, lambda: ["delete", "ingresses", "{name}-canary"]),
        (2, lambda: ["image", "canary", f"app:v{draw.randint(1, 4)}"]),
        (3, lambda: ["image", "stable", draw.choice(("app:v1", "app:v2", "app:v2", "app:v3", "app:hotfix"))]),
        (1, lambda: ["ready", draw.choice(("stable", "canary")), draw.randint(0, 1)]),
        (2, lambda: ["ready", draw.choice(("stable", "canary")), None]),
        (1, lambda: ["stuck", draw.choice(("stable", "canary")), True]),
        (2, lambda: ["stuck", draw.choice(("stable", "canary")), False]),
        (1, lambda: ["spec", {"paused": True}]),
        (2, lambda: ["spec", {"paused": False}]),
        (1, lambda: ["spec", {"promotion": {"strategy": draw.choice(("Manual", "CopyImages"))}}]),
        (1, lambda: ["orphan", draw.choice((None, True, False, False))]),
        (3, lambda: ["gate", "qa", draw.choice((200, 200, 409, 500)), "as drawn"]),
        (1, lambda: ["probe", draw.choice(("canary", "canary", "stable", "down"))]),
        (1, lambda: ["patch", "ingresses", "{name}", {"metadata": {"labels": {"edited": str(draw.randint(1, 9))}}}]),
        (1, lambda: ["delete", "deployments", "{name}-canary"]),
        (2, lambda: ["restore", "canary", "app:v2"]),
    ]  # fmt: skip
    made: list[Any] = draw.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0]()
    return made


def walk(seed: int, rounds: int) -> Json:
    """Return a rollout to which anything may happen."""
    draw = random.Random(seed)
    weights = sorted(draw.choice((0, 0.5, 12.5, 50, 99.999, 100)) for _ in range(draw.randint(1, 4)))
    made = []
    for weight in weights:
        step: Json = {
            "weight": weight,
            "bake": draw.choice(("10s", "20s", "40s")),
            "require": draw.choice(("Proof", "Proof", "NoFail")),
        }
        if draw.random() < 0.3:
            step["header"] = draw.choice(({"name": "X-Canary"}, {"name": "X-Canary", "value": "staff"}))
        if draw.random() < 0.2:
            step["approval"] = {
                "when": draw.choice(("Before", "After")),
                "timeout": "1m",
                "onTimeout": draw.choice(("Hold", "Pause", "Rollback")),
            }
        if draw.random() < 0.3 or weight == 0:
            step["minRequests"] = draw.choice((0, 10, 500))
        made.append(step)
    schedule: Json = {
        "steps": made,
        "maxHold": draw.choice(("1m", "6h")),
        "onFailure": draw.choice(("Rollback", "Rollback", "Pause")),
        "onNoData": draw.choice(("Hold", "Retreat")),
        "onInconclusive": draw.choice(("Pause", "Rollback")),
        "routing": draw.choice(({}, {"cookie": "canary"}, {"header": {"name": "X-Canary", "pattern": "^v2"}})),
    }
    if draw.random() < 0.4:
        occasion = draw.choice(("beforeStart", "beforeStep", "duringStep", "beforePromotion", "afterFinish"))
        extra = {} if occasion == "afterFinish" else {"onReject": draw.choice(("Hold", "Pause", "Rollback"))}
        schedule |= gate(occasion, **extra)
    spec: Json = {"promotion": {"strategy": draw.choice(("Manual", "CopyImages"))}}
    replicas = 2
    if draw.random() < 0.25:
        spec["workload"] = {"scaleCanary": {"to": 2, "drain": "20s"}, "notReadyTimeout": "1m"}
        replicas = draw.choice((0, 1))
    script: list[Line] = []
    spent = 0
    while spent < rounds:
        wait = draw.choice((0, 1, 1, 2, 3, 5))
        script.append({"wait": wait, "do": [action(draw) for _ in range(draw.choice((1, 1, 1, 2)))]})
        spent += wait + 1
    annotations = {"affinity": "cookie"} if draw.random() < 0.15 else {}
    return one(f"walk-{seed:03}", *script, schedule=schedule, spec=spec, replicas=replicas, annotations=annotations)


def walks(number: int, rollouts: int = 18, rounds: int = 40) -> Json:
    """Return a group of random walks, with a restart of the daemon and some silence of the source."""
    draw = random.Random(1000 + number)
    down = draw.randint(8, 25)
    events = {
        str(down): [["source", "down"]],
        str(down + draw.randint(1, 4)): [["source", "up"]],
        str(draw.randint(26, 36)): [["daemon"]],
    }
    seeds = range(number * 100, number * 100 + rollouts)
    return group(f"walks-{number}", rounds, *(walk(seed, rounds) for seed in seeds), world=events)


def plans() -> list[Json]:
    """Return all groups."""
    written = [people(), cluster(), writers(), held(), judged(), consents(), world(), refusals(), together(), shared()]
    return [*written, *(walks(number) for number in range(1, 4))]
