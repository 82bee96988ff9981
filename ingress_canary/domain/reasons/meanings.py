"""Meaning and remedy of each reason: the text of docs/reference/reasons.md.

Total over ``Reason``, as a test shows: a new reason comes with its sentence.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ingress_canary.domain.reasons.vocabulary import Reason


class Meaning(NamedTuple):
    """One reason in sentences."""

    what: str
    """What the reason means."""
    todo: str
    """What a person should do; "nothing" where the daemon goes on by itself."""


MEANINGS: Mapping[Reason, Meaning] = MappingProxyType(
    {
        # waiting to begin, or unable to
        Reason.INVALID_SPEC: Meaning(
            "The rollout or its schedule cannot be used: a field is wrong, belongs to a later release, or a latency "
            "threshold is no bucket of the controllers' histogram. In flight the weight is held.",
            "Correct the field that the message names; `ingress-canary lint` finds most of them beforehand.",
        ),
        Reason.SCHEDULE_MISSING: Meaning(
            "The CanarySchedule that `spec.schedule.ref` names does not exist.",
            "Create it, or correct the name or namespace. A rollout that has begun keeps its copy and is not affected.",
        ),
        Reason.SCHEDULE_CHANGED: Meaning(
            "Shown by the condition `ScheduleCurrent`: the schedule is another one than the rollout began with, and "
            "keeps to.",
            "Nothing; or `ingress-canary restart`, which begins anew with the present one.",
        ),
        Reason.PREFLIGHT_FAILED: Meaning(
            "The canary could not work, or would do harm: an Error of the preflight rules. In flight the weight is "
            "held.",
            "Do what the message says; it names object, field and remedy (preflight.md). The rollout goes on by "
            "itself.",
        ),
        Reason.PREFLIGHT_WARNING: Meaning(
            "Preflight lets the rollout go on and has something to say (preflight.md): an Event, and the condition "
            "`Preflight`.",
            "Read the remedy in the message; nothing waits for it.",
        ),
        Reason.PREFLIGHT_PASSED: Meaning(
            "Preflight found nothing: the reason of the condition `Preflight`.", "Nothing."
        ),
        Reason.SHADOW_REJECTED: Meaning(
            "The API server, an admission webhook or a policy refused to create the shadow Ingress.",
            "Read its answer in the message and change the policy or the rollout; creation is tried again.",
        ),
        Reason.SHADOW_TERMINATING: Meaning(
            "A shadow is being deleted and a finalizer holds it. It is left at weight 0 without routes, with cookie "
            "affinity also in a class that no controller serves; the condition `ShadowRemoved` says what is still on. "
            "No rollout uses it again: the next one waits until it is gone.",
            "Have the finalizer's controller release the Ingress, or remove the finalizer that the message names.",
        ),
        Reason.CANARY_NOT_READY: Meaning(
            "The canary's workload is missing or still rolling out, or its Service has no ready endpoint. In flight "
            "all requests go to stable then; after `workload.notReadyTimeout` of that the rollout is rolled back.",
            "Look at the canary's pods. The rollout begins, or goes on, when they are ready.",
        ),
        Reason.WARMING_UP: Meaning(
            "Only stable has traffic and is observed, to learn how its errors vary (setting `warm_up`).",
            "Nothing: the message says how long it takes.",
        ),
        # at a step
        Reason.SETTLING: Meaning(
            "The shadow was just changed. Controllers need seconds to apply that, and evidence of the time is dropped "
            "(`analysis.settle`).",
            "Nothing. If it lasts, check whether the daemon can write the Ingress and read the metrics.",
        ),
        Reason.BAKING: Meaning(
            "The step is judged and its bake is not over.",
            "Nothing: the message says how much judged time is left and what the evidence says so far.",
        ),
        Reason.INSUFFICIENT_EVIDENCE: Meaning(
            "The bake is over and the step's requirement is not met: nothing is proven against the canary, and not "
            "enough for it.",
            "Wait for the number of requests in the message, or raise the weight, the bake or maxBurn, or set "
            "`require: NoFail`. After `maxHold` the rollout pauses or rolls back (`onInconclusive`).",
        ),
        Reason.NO_DATA: Meaning(
            "The metrics do not answer, are stale or are empty. Unknown is neither bad nor good: the weight is held, "
            "or with `onNoData: Retreat` taken off for the time.",
            "Repair the metrics. The rollout resumes by itself when they return.",
        ),
        Reason.WEIGHT_NOT_EFFECTIVE: Meaning(
            "The canary's share of requests cannot be what the weight asks for: the shadow is inert, or something else "
            "routes. Nothing advances.",
            "Look at the message, at the controllers' logs, and at other Ingresses on the same host and path "
            "(ingress-nginx.md).",
        ),
        Reason.OUTSIDE_WINDOW: Meaning(
            "The schedule's window is closed, or closes before the next step could end (`finishInWindow`). Watching "
            "and rollback go on.",
            "Nothing: the message says when it goes on, in the schedule's time zone.",
        ),
        Reason.FROZEN: Meaning(
            "A freeze of the schedule, or of the whole daemon, stops all advancing. Watching and rollback go on.",
            "Nothing, or lift the freeze: that of the daemon is the annotation `ingress-canary.io/freeze` on its "
            "namespace.",
        ),
        Reason.AWAITING_APPROVAL: Meaning(
            "A step is entered, or left, only with a person's consent (`approval`). Watching and rollback go on, and "
            "`maxHold` does not run.",
            "`ingress-canary approve`, or `abort`. The message says until when it is waited for.",
        ),
        Reason.APPROVAL_TIMED_OUT: Meaning(
            "Nobody consented in time, and `onTimeout` was carried out: it goes on waiting, is paused, or was rolled "
            "back.",
            "`ingress-canary approve` is still taken where it waits or is paused; after a rollback `retry`.",
        ),
        Reason.AWAITING_GATE: Meaning(
            "Everything else is met, and a webhook gate has not passed: no answer in time, or one that is neither 2xx "
            "nor 409. Unknown holds and never rolls back; it is asked again, and `maxHold` does not run meanwhile.",
            "Nothing at first. If it lasts, read in the message which gate it is, what it said and when it is asked "
            "next, and mend the gate (howto/gates.md).",
        ),
        Reason.GATE_REJECTED: Meaning(
            "A webhook gate answered 409. By its `onReject` the rollout holds and the gate is asked again, or it is "
            "paused, or rolled back.",
            "Read the gate's words in the message. After a pause `resume` asks it again; after a rollback `retry`.",
        ),
        # stopped
        Reason.PAUSED_BY_USER: Meaning(
            "A person paused the rollout, or `spec.paused` is true. The weight stays, and a proven fail still rolls "
            "back.",
            "`ingress-canary resume`, or set `spec.paused` to false: each ends its own kind of pause.",
        ),
        Reason.INTERVENED: Meaning(
            "Somebody else lowered the exposure: weight down, a route removed, or the shadow deleted. That is honoured "
            "and nothing is put back. An Event of this name that says `undone` reports a change that raised it.",
            "Find out who and why (the message names the field manager); then `resume` or `abort`.",
        ),
        Reason.DRIFT_FIGHT: Meaning(
            "Another writer keeps changing the shadow: it was undone more than five times in ten minutes. The daemon "
            "stopped undoing.",
            "Find the other writer, usually GitOps or another controller, and end it; then `resume` or `abort`.",
        ),
        # judged
        Reason.SLO_VIOLATED: Meaning(
            "An SLO was proven violated: worse than its objective and than stable, or than stable alone. The canary is "
            "off traffic (paused with `onFailure: Pause`). While promoting, when stable already runs the new version, "
            "the rollout holds and an alert is sent.",
            "Rolled back: read the numbers in the message, mend the canary and deploy it: a new revision starts by "
            "itself; `retry` tries the same one again. Paused: users still meet it: `abort`. Promoting: with "
            "CopyImages `abort` gives stable its images back; with Manual put stable's old version back first, "
            "then `abort`.",
        ),
        Reason.STEP_TIMED_OUT: Meaning(
            "A step could not be decided within `maxHold` of judged time; `onInconclusive` was carried out.",
            "The message says what is missing. Give the step more traffic or time. Paused: `resume`, or `abort`. "
            "Rolled back: `retry`.",
        ),
        Reason.ABORTED_BY_USER: Meaning(
            "A person took the canary off.",
            "Deploy another revision, or `retry` this one.",
        ),
        Reason.SUPERSEDED: Meaning(
            "The canary became another revision in mid-rollout. It is off traffic, and the rollout begins again with "
            "fresh evidence; a canary set back to stable's version ends it.",
            "Nothing.",
        ),
        Reason.STABLE_CHANGED: Meaning(
            "The stable workload became another version in mid-rollout. What the canary is compared with is new, so "
            "evidence starts anew at the same step.",
            "Nothing; avoid deploying stable during a rollout.",
        ),
        # ending
        Reason.AWAITING_STABLE: Meaning(
            "The last step passed. The canary keeps its weight until stable is the new version. With CopyImages the "
            "daemon sets its images, and says here what keeps it from that.",
            "Manual: deploy the canary's images to stable, as you always do. Without `spec.workload.stable`, or when "
            "the images differ by intent, say `finish` when that is done.",
        ),
        Reason.STABLE_NOT_READY: Meaning(
            "Stable is the new version and has fewer ready endpoints than at the start, or is still rolling out. The "
            "shadow stays until it can carry everybody.",
            "Look at stable's pods and its autoscaler: the canary took the load, so it may have shrunk.",
        ),
        Reason.RESTORING_STABLE: Meaning(
            "CopyImages gives stable its stored images back after a fail or an abort. The shadow goes when stable has "
            "them and is ready for everybody, and only then.",
            "Nothing, unless the message names another writer, a refusal or missing endpoints. A second `abort` takes "
            "the canary off without waiting.",
        ),
        # moved
        Reason.STEP_PASSED: Meaning("A step's requirement was met, and the next one was entered.", "Nothing."),
        Reason.APPROVED: Meaning(
            "A person consented to a step. What else is waited for, such as a window, is waited for still.", "Nothing."
        ),
        Reason.RESUMED: Meaning(
            "A person ended a pause, or a step is taken again after one, or after a retreat.", "Nothing."
        ),
        Reason.SKIPPED: Meaning(
            "A person left a step for the next (`skip`), or went to the last one (`promote`). The message says why, "
            "where they did.",
            "Nothing.",
        ),
        Reason.RETRIED: Meaning("A person asked for a rolled back revision to be tried again.", "Nothing."),
        Reason.RESTARTED: Meaning(
            "A person began anew from the first step, with the schedule as it is now and fresh evidence.", "Nothing."
        ),
        Reason.FINISHED: Meaning(
            "A person said that stable is the new version: only its readiness is still waited for.", "Nothing."
        ),
        Reason.PROMOTED: Meaning(
            "Stable is the new version, and the shadow is gone; or the canary's version was stable's from the start.",
            "Nothing.",
        ),
        # of the daemon, apart from the rollout
        Reason.NOTIFICATION_FAILED: Meaning(
            "A message could not be sent: an Event that names the notification and its Secret. The rollout goes on.",
            "Read why in the Event, and correct the Secret, the right to read it, or the service; "
            "`ingress-canary notifications test` tries it.",
        ),
        Reason.RECONCILE_FAILED: Meaning(
            "A fault of the daemon's own in a pass over this rollout: an Event, sent once while it lasts. Its weight "
            "stays as it is, it is not judged, and it is tried again every half minute. Other rollouts go on.",
            "Read the log, which has the place, and report it. If users are harmed meanwhile, delete the shadow: no "
            "verb is handled before a pass succeeds.",
        ),
    }
)
