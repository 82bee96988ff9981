"""Where to look when a rollout says a word: the middle part of docs/reference/reasons.md.

What a word means and what to do are the vocabulary's own (``domain/reasons/meanings.py``); these are commands and
links, which only documentation needs. ``checkout`` in ``shop`` stands for the rollout.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ingress_canary.domain.reasons.vocabulary import Reason

HISTORY = "`ingress-canary status checkout -n shop`: the last line of its history has the numbers."
NOBODY = "Who asked: `status.lastAction` has the verb, its id and its result; the API server's audit log has the name."

LOOKS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.INVALID_SPEC: (
            "The field in the message; `ingress-canary lint FILE` names file and line. Of a latency threshold the "
            "message lists the controllers' buckets. `the status is not this version's` is said by a daemon that is "
            "older than the one before it: it touches nothing; run the newer one again, or delete the CanaryRollout "
            "(its shadow goes with it) and apply it anew."
        ),
        Reason.SCHEDULE_MISSING: (
            "`kubectl get ics -A`. A reference without a namespace means the daemon's own (setting `namespace`); any "
            "other must be in the setting `schedule_namespaces`."
        ),
        Reason.SCHEDULE_CHANGED: (
            "The condition `ScheduleCurrent`, and `status.schedule.content`, the one that is walked "
            "([shared schedules](../howto/shared-schedules.md))."
        ),
        Reason.PREFLIGHT_FAILED: (
            "[The rule](preflight.md) whose number the message quotes; `ingress-canary lint --live checkout -n shop` "
            "tells all of them at once. `cannot be read`: grant what `config/rbac` grants, or run with "
            "`--accept-unchecked`."
        ),
        Reason.PREFLIGHT_WARNING: "The condition `Preflight` in `kubectl describe icr checkout -n shop`.",
        Reason.PREFLIGHT_PASSED: "Nowhere.",
        Reason.SHADOW_REJECTED: (
            "The answer in the message, and the log of the admission webhook that gave it: often the controllers' own, "
            "or a policy engine that wants labels on every Ingress."
        ),
        Reason.SHADOW_TERMINATING: (
            "`kubectl get ingress checkout-canary -n shop -o yaml`: `metadata.finalizers`, and which controller puts "
            "them on; the condition `ShadowRemoved` says whom the object still sends to the canary."
        ),
        Reason.CANARY_NOT_READY: (
            "`kubectl get deploy,endpointslices -n shop`: the canary must be rolled out, with a ready endpoint behind "
            "its Service. With [scaleCanary](../howto/scale-the-canary.md) the message says what it was given, or "
            "which right is missing. A canary that crashes while its endpoints count as ready fails requests, and "
            "those condemn it like any others."
        ),
        Reason.WARMING_UP: "The time in the message. Where Prometheus remembers the time before, one look is enough.",
        Reason.SETTLING: "If it lasts: the daemon's log and `/readyz`.",
        Reason.BAKING: "The message, and `status.slos` for each SLO ([read a status](../howto/read-a-status.md)).",
        Reason.INSUFFICIENT_EVIDENCE: (
            "The number of requests in the message against your traffic: "
            "[how long it takes](../judging.md#how-long-it-takes), and "
            "[`ingress-canary plan`](../howto/plan-and-simulate.md)."
        ),
        Reason.NO_DATA: (
            "The message, then [no data](../howto/troubleshooting.md#it-has-no-data), or "
            "[Prometheus](../howto/prometheus.md#when-there-is-no-data). An Ingress without a single request has no "
            "series, and no data is what that is."
        ),
        Reason.WEIGHT_NOT_EFFECTIVE: (
            "The shadow against [the facts](ingress-nginx.md); the controllers' logs, for an invalid annotation or a "
            "rejected sync; other Ingresses of the same host and path in any namespace; sticky clients; the answer to "
            "[the probe](../howto/probe.md), where there is one."
        ),
        Reason.OUTSIDE_WINDOW: "`spec.windows` of the schedule ([windows](../howto/windows-and-freezes.md)).",
        Reason.FROZEN: (
            "`spec.windows.freezes` of the schedule; the condition `Frozen`, and "
            "`kubectl get namespace ingress-canary -o yaml`, for one of the whole daemon."
        ),
        Reason.AWAITING_APPROVAL: (
            "`ingress-canary status checkout -n shop`: which step, until when, and the command "
            "([approve](../howto/approve.md))."
        ),
        Reason.APPROVAL_TIMED_OUT: "`timeout` and `onTimeout` of the step ([approve](../howto/approve.md)).",
        Reason.AWAITING_GATE: (
            "`ingress-canary status checkout -n shop`: which [gate](../howto/gates.md), what it said, and when it is "
            "asked next. `secretRef` in the message: the Secret, its entry, or the right to read it is missing."
        ),
        Reason.GATE_REJECTED: "The gate's words in the message, and its own log.",
        Reason.PAUSED_BY_USER: f"`spec.paused`, and `status.lastAction`. {NOBODY}",
        Reason.INTERVENED: (
            "The field manager in the message; `kubectl get ingress checkout-canary -n shop -o yaml "
            "--show-managed-fields`. Often a tool that prunes what it does not know: exclude Ingresses with the label "
            "`app.kubernetes.io/managed-by: ingress-canary` ([GitOps](../howto/gitops.md))."
        ),
        Reason.DRIFT_FIGHT: (
            "The same as for [Intervened](#intervened); `kubectl get events -n shop` has one Event that counts them."
        ),
        Reason.SLO_VIOLATED: (
            f"{HISTORY} Then the canary's logs of that time. A canary is not condemned for errors that stable has too, "
            "so these are its own."
        ),
        Reason.STEP_TIMED_OUT: "As for [InsufficientEvidence](#insufficientevidence): `maxHold` ran out over it.",
        Reason.ABORTED_BY_USER: NOBODY,
        Reason.SUPERSEDED: "`status.revision`, and who gave the canary a new pod template.",
        Reason.STABLE_CHANGED: "`kubectl rollout history deployment/checkout -n shop`.",
        Reason.AWAITING_STABLE: (
            "Manual: `kubectl get deploy checkout checkout-canary -n shop -o wide`, the images of both. CopyImages: "
            "the message names what keeps it: a right (`config/rbac/optional`), a container that only one side has, "
            "another writer ([promote](../howto/promote.md))."
        ),
        Reason.STABLE_NOT_READY: (
            "`kubectl get deploy,hpa -n shop`; [an autoscaler on stable](../howto/promote.md#an-autoscaler-on-stable)."
        ),
        Reason.RESTORING_STABLE: "`status.copying` has the images that stable gets back.",
        Reason.STEP_PASSED: HISTORY,
        Reason.APPROVED: NOBODY,
        Reason.RESUMED: NOBODY,
        Reason.SKIPPED: NOBODY,
        Reason.RETRIED: NOBODY,
        Reason.RESTARTED: NOBODY,
        Reason.FINISHED: NOBODY,
        Reason.PROMOTED: (
            "`status.stableRevision`. At once, without a step: the canary runs the same pod spec as stable, so there "
            "is nothing to roll out."
        ),
        Reason.NOTIFICATION_FAILED: (
            "The Event: the notification, its Secret and what went wrong, never its address. "
            "`kubectl auth can-i get secret/chat -n shop --as system:serviceaccount:ingress-canary:ingress-canary`."
        ),
        Reason.RECONCILE_FAILED: (
            "The log of the leader: `a pass failed`, with the rollout and a traceback; "
            "`ingress_canary_reconcile_errors_total`."
        ),
    }
)
