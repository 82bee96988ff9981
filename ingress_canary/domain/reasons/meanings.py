"""Reasons in sentences: what each means, where to look and what to do; the text of docs/reference/reasons.md.

Total over ``Reason``, as a test shows: a new reason comes with its sentence.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ingress_canary.domain.reasons.vocabulary import Reason

HISTORY = "`ingress-canary status checkout -n shop`: the last line of its history has the numbers."
NOBODY = "Who asked: `status.lastAction` has the verb, its id and its result; the API server's audit log has the name."


class Meaning(NamedTuple):
    """One reason in sentences."""

    what: str
    """What the reason means."""
    look: str
    """Where to look: commands, and links from docs/reference; ``checkout`` in ``shop`` stands for the rollout."""
    todo: str
    """What a person should do; "nothing" where the daemon goes on by itself."""


MEANINGS: Mapping[Reason, Meaning] = MappingProxyType(
    {
        # waiting to begin, or unable to
        Reason.INVALID_SPEC: Meaning(
            "The rollout or its schedule cannot be used: a field is wrong, belongs to a later release, or a latency "
            "threshold is no bucket of the controllers' histogram. In flight the weight is held.",
            "The field in the message; `ingress-canary lint FILE` names file and line. Of a latency threshold the "
            "message lists the controllers' buckets. `the status is not this version's` is said by a daemon that is "
            "older than the one before it: it touches nothing; run the newer one again, or delete the CanaryRollout "
            "(its shadow goes with it) and apply it anew.",
            "Correct the field that the message names; `ingress-canary lint` finds most of them beforehand.",
        ),
        Reason.SCHEDULE_MISSING: Meaning(
            "The CanarySchedule that `spec.schedule.ref` names does not exist.",
            "`kubectl get ics -A`. A reference without a namespace means the daemon's own (setting `namespace`); any "
            "other must be in the setting `schedule_namespaces`.",
            "Create it, or correct the name or namespace. A rollout that has begun keeps its copy and is not affected.",
        ),
        Reason.SCHEDULE_CHANGED: Meaning(
            "Shown by the condition `ScheduleCurrent`: the schedule is another one than the rollout began with, and "
            "keeps to.",
            "The condition `ScheduleCurrent`, and `status.schedule.content`, the one that is walked "
            "([shared schedules](../howto/shared-schedules.md)).",
            "Nothing; or `ingress-canary restart`, which begins anew with the present one.",
        ),
        Reason.PREFLIGHT_FAILED: Meaning(
            "The canary could not work, or would do harm: an Error of the preflight rules. In flight the weight is "
            "held.",
            "[The rule](preflight.md) whose number the message quotes; `ingress-canary lint --live checkout -n shop` "
            "tells all of them at once. `cannot be read`: grant what `config/rbac` grants, or run with "
            "`--accept-unchecked`.",
            "Do what the message says; it names object, field and remedy (preflight.md). The rollout goes on by "
            "itself.",
        ),
        Reason.PREFLIGHT_WARNING: Meaning(
            "Preflight lets the rollout go on and has something to say (preflight.md): an Event, and the condition "
            "`Preflight`.",
            "The condition `Preflight` in `kubectl describe icr checkout -n shop`.",
            "Read the remedy in the message; nothing waits for it.",
        ),
        Reason.PREFLIGHT_PASSED: Meaning(
            "Preflight found nothing: the reason of the condition `Preflight`.", "Nowhere.", "Nothing."
        ),
        Reason.SHADOW_REJECTED: Meaning(
            "The API server, an admission webhook or a policy refused to create or to change the shadow, or did not "
            "answer. `status.actualWeight` is what the shadow has, `status.weight` what is wanted.",
            "The answer in the message, and the log of the admission webhook that gave it: often the controllers' own, "
            "or a policy engine that wants labels on every Ingress. `no answer in time`: a webhook that answers "
            "nothing for longer than `request_timeout`, with its `timeoutSeconds` above the usual 10.",
            "Read its answer in the message and change the policy or the rollout; the write is tried again. Give the "
            "daemon a `request_timeout` above the webhook's `timeoutSeconds`, or the webhook fewer.",
        ),
        Reason.SHADOW_TERMINATING: Meaning(
            "A shadow is being deleted and a finalizer holds it. It is left at weight 0 without routes, with cookie "
            "affinity also in a class that no controller serves; the condition `ShadowRemoved` says what is still on. "
            "No rollout uses it again: the next one waits until it is gone.",
            "`kubectl get ingress checkout-canary -n shop -o yaml`: `metadata.finalizers`, and which controller puts "
            "them on; the condition `ShadowRemoved` says whom the object still sends to the canary.",
            "Have the finalizer's controller release the Ingress, or remove the finalizer that the message names.",
        ),
        Reason.CANARY_NOT_READY: Meaning(
            "The canary's workload is missing or still rolling out, or its Service has no ready endpoint. In flight "
            "all requests go to stable then; after `workload.notReadyTimeout` of that the rollout is rolled back.",
            "`kubectl get deploy,endpointslices -n shop`: the canary must be rolled out, with a ready endpoint behind "
            "its Service. With [scaleCanary](../howto/scale-the-canary.md) the message says what it was given, or "
            "which right is missing. A canary that crashes while its endpoints count as ready fails requests, and "
            "those condemn it like any others.",
            "Look at the canary's pods. The rollout begins, or goes on, when they are ready.",
        ),
        Reason.WARMING_UP: Meaning(
            "Only stable has traffic and is observed, to learn how its errors vary (setting `warm_up`).",
            "The time in the message. Where Prometheus remembers the time before, one look is enough.",
            "Nothing: the message says how long it takes.",
        ),
        # at a step
        Reason.SETTLING: Meaning(
            "The shadow was just changed. Controllers need seconds to apply that, and evidence of the time is dropped "
            "(`analysis.settle`).",
            "If it lasts: the daemon's log and `/readyz`.",
            "Nothing. If it lasts, check whether the daemon can write the Ingress and read the metrics.",
        ),
        Reason.BAKING: Meaning(
            "The step is judged and its bake is not over.",
            "The message, and `status.slos` for each SLO ([read a status](../howto/read-a-status.md)).",
            "Nothing: the message says how much judged time is left and what the evidence says so far.",
        ),
        Reason.INSUFFICIENT_EVIDENCE: Meaning(
            "The bake is over and the step's requirement is not met: nothing is proven against the canary, and not "
            "enough for it.",
            "The number of requests in the message against your traffic: "
            "[how long it takes](../judging.md#how-long-it-takes), and "
            "[`ingress-canary plan`](../howto/plan-and-simulate.md).",
            "Wait for the number of requests in the message, or raise the weight, the bake or maxBurn, or set "
            "`require: NoFail`. After `maxHold` the rollout pauses or rolls back (`onInconclusive`).",
        ),
        Reason.NO_DATA: Meaning(
            "The metrics do not answer, are stale or are empty. Unknown is neither bad nor good: the weight is held, "
            "or with `onNoData: Retreat` taken off for the time.",
            "The message, then [no data](../howto/troubleshooting.md#it-has-no-data), or "
            "[Prometheus](../howto/prometheus.md#when-there-is-no-data). An Ingress without a single request has no "
            "series: until one has come, or the controllers are known to count it, no weight is reached.",
            "Repair the metrics. The rollout resumes by itself when they return.",
        ),
        Reason.NO_TRAFFIC: Meaning(
            "The source answers, the controllers are known to count this Ingress, and they have counted no request of "
            "either side. The weight is held.",
            "Whether clients reach the Ingress at all.",
            "Send it some requests, or go on without evidence: `ingress-canary skip`.",
        ),
        Reason.WEIGHT_NOT_EFFECTIVE: Meaning(
            "The canary's share of requests cannot be what the weight asks for: the shadow is inert, or something else "
            "routes. Nothing advances.",
            "The shadow against [the facts](ingress-nginx.md); the controllers' logs, for an invalid annotation or a "
            "rejected sync; other Ingresses of the same host and path in any namespace; sticky clients; the answer to "
            "[the probe](../howto/probe.md), where there is one.",
            "Look at the message, at the controllers' logs, and at other Ingresses on the same host and path "
            "(ingress-nginx.md).",
        ),
        Reason.OUTSIDE_WINDOW: Meaning(
            "The schedule's window is closed, or closes before the next step could end (`finishInWindow`). Watching "
            "and rollback go on.",
            "`spec.windows` of the schedule ([windows](../howto/windows-and-freezes.md)).",
            "Nothing: the message says when it goes on, in the schedule's time zone.",
        ),
        Reason.FROZEN: Meaning(
            "A freeze of the schedule, or of the whole daemon, stops all advancing. Watching and rollback go on.",
            "`spec.windows.freezes` of the schedule; the condition `Frozen`, and "
            "`kubectl get namespace ingress-canary -o yaml`, for one of the whole daemon.",
            "Nothing, or lift the freeze: that of the daemon is the annotation `ingress-canary.io/freeze` on its "
            "namespace.",
        ),
        Reason.AWAITING_APPROVAL: Meaning(
            "A step is entered, or left, only with a person's consent (`approval`). Watching and rollback go on, and "
            "`maxHold` does not run.",
            "`ingress-canary status checkout -n shop`: which step, until when, and the command "
            "([approve](../howto/approve.md)).",
            "`ingress-canary approve`, or `abort`. The message says until when it is waited for.",
        ),
        Reason.APPROVAL_TIMED_OUT: Meaning(
            "Nobody consented in time, and `onTimeout` was carried out: it goes on waiting, is paused, or was rolled "
            "back.",
            "`timeout` and `onTimeout` of the step ([approve](../howto/approve.md)).",
            "`ingress-canary approve` is still taken where it waits or is paused; after a rollback `retry`.",
        ),
        Reason.AWAITING_GATE: Meaning(
            "Everything else is met, and a webhook gate has not passed: no answer in time, or one that is neither 2xx "
            "nor 409. Unknown holds and never rolls back; it is asked again, and `maxHold` does not run meanwhile.",
            "`ingress-canary status checkout -n shop`: which [gate](../howto/gates.md), what it said, and when it is "
            "asked next. `secretRef` in the message: the Secret, its entry, or the right to read it is missing.",
            "Nothing at first. If it lasts, read in the message which gate it is, what it said and when it is asked "
            "next, and mend the gate (howto/gates.md).",
        ),
        Reason.GATE_REJECTED: Meaning(
            "A webhook gate answered 409. By its `onReject` the rollout holds and the gate is asked again, or it is "
            "paused, or rolled back.",
            "The gate's words in the message, and its own log.",
            "Read the gate's words in the message. After a pause `resume` asks it again; after a rollback `retry`.",
        ),
        # stopped
        Reason.PAUSED_BY_USER: Meaning(
            "A person paused the rollout, or `spec.paused` is true. The weight stays, and a proven fail still rolls "
            "back.",
            f"`spec.paused`, and `status.lastAction`. {NOBODY}",
            "`ingress-canary resume`, or set `spec.paused` to false: each ends its own kind of pause.",
        ),
        Reason.INTERVENED: Meaning(
            "Somebody else lowered the exposure: weight down, a route removed, or the shadow deleted. That is honoured "
            "and nothing is put back. An Event of this name that says `undone` reports a change that raised it.",
            "The field manager in the message; `kubectl get ingress checkout-canary -n shop -o yaml "
            "--show-managed-fields`. Often a tool that prunes what it does not know: exclude Ingresses with the label "
            "`app.kubernetes.io/managed-by: ingress-canary` ([GitOps](../howto/gitops.md)).",
            "Find out who and why (the message names the field manager); then `resume` or `abort`.",
        ),
        Reason.DRIFT_FIGHT: Meaning(
            "Another writer keeps changing the shadow: it was undone more than five times in ten minutes. The daemon "
            "stopped undoing.",
            "The same as for [Intervened](#intervened); `kubectl get events -n shop` has one Event that counts them.",
            "Find the other writer, usually GitOps or another controller, and end it; then `resume` or `abort`.",
        ),
        # judged
        Reason.SLO_VIOLATED: Meaning(
            "An SLO was proven violated: worse than its objective and than stable, or than stable alone. The canary is "
            "off traffic (paused with `onFailure: Pause`, which a distribution of latency has by itself). While "
            "promoting, when stable already runs the new version, the rollout holds and an alert is sent.",
            f"{HISTORY} Then the canary's logs of that time. A canary is not condemned for errors that stable has too, "
            "so these are its own.",
            "Rolled back: read the numbers in the message, mend the canary and deploy it: a new revision starts by "
            "itself; `retry` tries the same one again. Paused: users still meet it: `abort`. Promoting: with "
            "CopyImages `abort` gives stable its images back; with Manual put stable's old version back first, "
            "then `abort`.",
        ),
        Reason.STEP_TIMED_OUT: Meaning(
            "A step could not be decided within `maxHold` of judged time; `onInconclusive` was carried out.",
            "As for [InsufficientEvidence](#insufficientevidence): `maxHold` ran out over it.",
            "The message says what is missing. Give the step more traffic or time. Paused: `resume`, or `abort`. "
            "Rolled back: `retry`.",
        ),
        Reason.ABORTED_BY_USER: Meaning(
            "A person took the canary off.",
            NOBODY,
            "Deploy another revision, or `retry` this one.",
        ),
        Reason.SUPERSEDED: Meaning(
            "The canary became another revision in mid-rollout. It is off traffic, and the rollout begins again with "
            "fresh evidence; a canary set back to stable's version ends it.",
            "`status.revision`, and who gave the canary a new pod template.",
            "Nothing.",
        ),
        Reason.STABLE_CHANGED: Meaning(
            "The stable workload became another version in mid-rollout. What the canary is compared with is new, so "
            "evidence starts anew at the same step.",
            "`kubectl rollout history deployment/checkout -n shop`.",
            "Nothing; avoid deploying stable during a rollout.",
        ),
        Reason.EVIDENCE_LOST: Meaning(
            "The evidence in `status.analysisState` is damaged, or of a release that this one cannot read. The canary "
            "keeps its weight, and evidence and bake of the step begin anew. An Event and a notification, no entry of "
            "the history.",
            "Which release ran before: `kubectl rollout history deployment/ingress-canary -n ingress-canary`.",
            "Nothing; go back by one release at a time ([upgrade](../howto/upgrade.md)).",
        ),
        # ending
        Reason.AWAITING_STABLE: Meaning(
            "The last step passed. The canary keeps its weight until stable is the new version. With CopyImages the "
            "daemon sets its images, and says here what keeps it from that.",
            "Manual: `kubectl get deploy checkout checkout-canary -n shop -o wide`, the images of both. CopyImages: "
            "the message names what keeps it: a right (`config/rbac/optional`), a container that only one side has, "
            "another writer ([promote](../howto/promote.md)).",
            "Manual: deploy the canary's images to stable, as you always do. Without `spec.workload.stable`, or when "
            "the images differ by intent, say `finish` when that is done.",
        ),
        Reason.STABLE_NOT_READY: Meaning(
            "Stable is the new version and has fewer ready endpoints than at the start, or is still rolling out. The "
            "shadow stays until it can carry everybody.",
            "`kubectl get deploy,hpa -n shop`; [an autoscaler on stable](../howto/promote.md#an-autoscaler-on-stable).",
            "Look at stable's pods and its autoscaler: the canary took the load, so it may have shrunk.",
        ),
        Reason.RESTORING_STABLE: Meaning(
            "CopyImages gives stable its stored images back after a fail or an abort. The shadow goes when stable has "
            "them and is ready for everybody, and only then.",
            "`status.copying` has the images that stable gets back.",
            "Nothing, unless the message names another writer, a refusal or missing endpoints. A second `abort` takes "
            "the canary off without waiting.",
        ),
        # moved
        Reason.STEP_PASSED: Meaning("A step's requirement was met, and the next one was entered.", HISTORY, "Nothing."),
        Reason.APPROVED: Meaning(
            "A person consented to a step. What else is waited for, such as a window, is waited for still.",
            NOBODY,
            "Nothing.",
        ),
        Reason.RESUMED: Meaning(
            "A person ended a pause, or a step is taken again after one, or after a retreat.", NOBODY, "Nothing."
        ),
        Reason.SKIPPED: Meaning(
            "A person left a step for the next (`skip`), or went to the last one (`promote`). The message says why, "
            "where they did.",
            NOBODY,
            "Nothing.",
        ),
        Reason.RETRIED: Meaning("A person asked for a rolled back revision to be tried again.", NOBODY, "Nothing."),
        Reason.RESTARTED: Meaning(
            "A person began anew from the first step, with the schedule as it is now and fresh evidence.",
            NOBODY,
            "Nothing.",
        ),
        Reason.FINISHED: Meaning(
            "A person said that stable is the new version: only its readiness is still waited for.", NOBODY, "Nothing."
        ),
        Reason.PROMOTED: Meaning(
            "Stable is the new version, and the shadow is gone; or the canary's version was stable's from the start.",
            "`status.stableRevision`. At once, without a step: the canary runs the same pod spec as stable, so there "
            "is nothing to roll out.",
            "Nothing.",
        ),
        # of the daemon, apart from the rollout
        Reason.NOTIFICATION_FAILED: Meaning(
            "A message could not be sent: an Event that names the notification and its Secret. The rollout goes on.",
            "The Event: the notification, its Secret and what went wrong, never its address. "
            "`kubectl auth can-i get secret/chat -n shop --as system:serviceaccount:ingress-canary:ingress-canary`.",
            "Read why in the Event, and correct the Secret, the right to read it, or the service; "
            "`ingress-canary notifications test` tries it.",
        ),
        Reason.RECONCILE_FAILED: Meaning(
            "A fault of the daemon's own in a pass over this rollout: an Event, sent once while it lasts. Its weight "
            "stays as it is, it is not judged, and it is tried again every half minute. Other rollouts go on.",
            "The log of the leader: `a pass failed`, with the rollout and a traceback; "
            "`ingress_canary_reconcile_errors_total`.",
            "Read the log, which has the place, and report it. If users are harmed meanwhile, delete the shadow: no "
            "verb is handled before a pass succeeds.",
        ),
    }
)
