"""Message keys: every sentence that a status, a condition, a history entry or an alert can say, as a template.

A field is written ``{name}``, with a format after a colon: one of Python's, one of ``message.UNITS``, ``*`` and what
joins the parts of a tuple, or ``...`` for the field that is cut where the whole is too long. A ``~`` before the format
marks a measurement, which changes with every tick: its change alone is no news and waits for the next checkpoint.
"""

from enum import Enum, unique
from string import Formatter
from typing import NamedTuple

MEASURED = "~"
"""Begins the format of a measurement."""
LIST = "*"
"""Begins the format of a tuple; the rest stands between its parts."""
CUT = "..."
"""The format of the field that gives way, and what shows that it did."""


class Part(NamedTuple):
    """A piece of a template: literal text, and the field after it."""

    text: str
    name: str
    """Empty after the last field."""
    form: str


@unique
class MessageKey(Enum):
    """The sentences; the value of each is its template."""

    parts: tuple[Part, ...]
    """The template, taken apart once."""
    fields: frozenset[str]
    settled: tuple[str, ...]
    """Fields that are no measurements."""
    yields: str | None
    """The field that is cut where the whole is too long."""

    def __init__(self, template: str) -> None:
        found = [(text, name or "", form or "") for text, name, form, _ in Formatter().parse(template)]
        self.parts = tuple(Part(text, name, form.removeprefix(MEASURED)) for text, name, form in found)
        self.fields = frozenset(name for _, name, _ in found if name)
        self.settled = tuple(name for _, name, form in found if name and not form.startswith(MEASURED))
        self.yields = next((name for _, name, form in found if form == CUT), None)

    # texts of others, and of earlier passes
    VERBATIM = "{text}"

    # what prevents an advance, with its place and its remedy: decision/observation.py
    WITH_REMEDY = "{what}; {remedy}"
    OF_FIELD = "{place}: {fault}"
    MISSING = "{kind} {name} does not exist"
    CORRECT_NAME = "create it or correct the name"

    # evidence of one SLO: slo/verdicts.py
    SLO = "{name}: {sentence}"
    EVIDENCE = "{slos:*; }"
    RATIO = "{share:~percent} bad ({bad:~,} of {total:~,})"
    RATIO_OF_STEP = "{step} in this step, {total} since the start,"
    THAN_ALLOWED = "than {allowed:percent} allowed"
    THAN_STABLE = "than stable {stable}"
    THAN_TIMES_STABLE = "than {ratio:g} times stable"
    SLO_NO_DATA = "no data: {why}"
    SLO_FAILED = (
        "canary {shown} is worse {limits:* and }{where}; E={proof:~e-value} >= {needed:e-value}, "
        "chance of a false rollback <= {alpha:percent}{bursts}"
    )
    SLO_FAILED_FOR_A_TIME = (
        "canary {shown} has for a time been worse {limits:* and }{where}; E={proof:~e-value} >= {needed:e-value}, "
        "chance of a false rollback <= {alpha:percent}{bursts}"
    )
    MOST_OF_ALL = ", most of all {stratum}: canary {canary}, stable {stable}"
    SLO_FAILED_SETTLING = (
        "canary {shown} while the step settles is worse than the half that a cold start may explain; "
        "E={proof:~e-value} >= {needed:e-value}, chance of a false rollback <= {alpha:percent}{bursts}"
    )
    SLO_PASSED = (
        "canary {step} in this step is proven better than {allowed:percent} allowed; "
        "E={proof:~e-value} >= {needed:e-value}, chance of a false pass <= {beta:percent}{bursts}"
    )
    SLO_WORSE_BY_LITTLE = (
        "canary {total} is proven worse than {ratio:g} times stable, but by less than the {delta:points} that matter: "
        "it neither fails nor passes"
    )
    SLO_LOOKS_WORSE = (
        "canary {total} looks worse {limit} without a proof yet: E={evidence:~e-value} of {needed:e-value}; "
        "it cannot pass while that is 10 or more{discount}"
    )
    SLO_NOT_SUPPORTED = (
        "canary {total} is worse than {allowed:percent} allowed, and stable has few requests to show it for itself; "
        "it fails once the evidence that it is worse than stable reaches E={needed:e-value} (now {evidence:~e-value})"
        "{discount}"
    )
    SLO_HOPELESS = "canary {step} in this step cannot be proven better than {allowed:percent} allowed at this ratio"
    SLO_HOPELESS_SO_FAR = (
        "canary {step} in this step cannot be proven better than {allowed:percent} allowed at this ratio; "
        "about {clean:~,} more requests without errors would do{wait}{discount}"
    )
    SLO_UNAPPLIED = "the weight of this step is not applied yet"
    SLO_SETTLING = "a cold start may still show for {span:~duration}: until then only a canary that is mostly bad fails"
    SLO_NOT_FRESH = "enough was seen to pass, and fresh evidence is missing"
    SLO_TOO_FEW = (
        "canary {step} in this step is proven better than {allowed:percent} allowed, and needs {missing:~,} more "
        "requests for minRequests of {minimum:,}{wait}"
    )
    SLO_NEEDS_MORE = (
        "canary {step} in this step needs about {missing:~,} more requests like these{wait}, "
        "{minimum}to be proven better than {allowed:percent} allowed{discount}"
    )
    SLO_NEEDS_MORE_CLEAN = (
        "needs about {missing:~,} more canary requests without errors ({seen:~,} of {total:~,} seen){wait}, "
        "{minimum}to be proven better than {allowed:percent} allowed{discount}"
    )
    DISCOUNT = "; each request counts for 1/{phi:~.3g}, because stable's errors come in bursts"
    BURSTS = " (an aim, and no bound, because stable's errors come in bursts)"
    FOR_MINIMUM = "for minRequests of {minimum:,} and "
    WAIT_WITHOUT_REQUESTS = ", and none are coming at present"
    WAIT = ", at the present {rate:~.3g}/s about {span:~duration}"
    WAIT_FOR_MONTHS = ", at the present {rate:~.3g}/s for months"
    SLO_UNOPPOSED = "canary {step} in this step, and nothing is proven bad; no proof was asked for{discount}"
    SLO_UNOPPOSED_UNSEEN = "no canary request was seen in this step, and nothing is proven bad; no proof was asked for"

    # evidence of a distribution: slo/distribution/distribution_check.py
    SLOWER_SHARE = "{share:~percent} ({slower:~,} of {total:~,})"
    SINCE_THE_START = "since the start"
    IN_THIS_STEP = "in this step"
    IN_TEN_MINUTES = "in the last ten minutes"
    DISTRIBUTION_SLOWER = "slower than {bound:~g} s: {canary} of the canary, {stable} of stable {span:~}"
    DISTRIBUTION_FAILED = (
        "{slower}, proven to be more than {ratio:g} times as many; E={proof:~e-value} >= {needed:e-value} over "
        "{bounds} bounds, chance of a false alarm <= {alpha:percent}"
    )
    DISTRIBUTION_LOOKS_SLOWER = (
        "{slower}, without a proof yet: E={evidence:~e-value} of {needed:e-value}; it cannot pass while that is 10 or "
        "more{discount:~}"
    )
    DISTRIBUTION_DISCOUNT = "; each request counts for 1/{phi:~.3g}, because stable's latency varies by itself"
    DISTRIBUTION_SETTLING = "a cold start may still show for {span:~duration}: until then nothing is compared"
    DISTRIBUTION_TOO_FEW = "{seen:~,} canary requests seen in this step of minRequests {minimum:,}"
    DISTRIBUTION_CHOSEN = "at weight 0 the canary gets the requests that are sent to it alone, so nothing is compared"
    DISTRIBUTION_ALONE = "stable has no requests at this weight, so nothing is compared"
    DISTRIBUTION_UNCOMPARED = "stable had no requests in this step to compare with"
    DISTRIBUTION_PASSED = (
        "at none of {bounds} bounds is it to be seen that more than {ratio:g} times as many requests of the canary are "
        "slower as of stable ({canary:~,} and {stable:~,} requests in this step){discount:~}"
    )

    # evidence of an uncalibrated SLO: slo/threshold_check.py
    THRESHOLD_NO_LOOK = "no look was taken yet; it must be {bound} (uncalibrated)"
    THRESHOLD_FEW_LOOKS = (
        "{value:~.4g}, must be {bound}: of the last {taken:~} of {looks} looks, one every {window:seconds}, "
        "{inside:~} inside (uncalibrated)"
    )
    THRESHOLD = (
        "{value:~.4g}, must be {bound}: of the last {looks} looks, one every {window:seconds}, "
        "{inside:~} inside (uncalibrated)"
    )

    # whether the weight takes effect: traffic/effectiveness.py, traffic/probe.py
    EFFECT_AND_PROBE = "{effect}; {probe}"
    EFFECT_BY_PROBE = "{probe}; {effect}"
    PROBE_BY_CANARY = "the probe was answered by the canary ({header}: {value})"
    PROBE_BY_OTHER = (
        "the probe was not answered by the canary: {url} said {header}: {value} where the canary says {wanted}"
    )
    PROBE_WITHOUT_HEADER = "the probe was not answered by the canary: {url} answered {code} without {header}"
    PROBE_CODE = "the probe shows nothing: {url} answered {code}"
    PROBE_FAULT = "the probe shows nothing: {url}: {why}"
    EFFECT_WEIGHT_0 = "weight 0: no request is meant for the canary"
    EFFECT_NO_FORCED_TRAFFIC = "no forced traffic seen yet"
    EFFECT_NO_FORCED_TRAFFIC_ORPHANED = "no forced traffic seen yet; the controllers report the shadow as orphaned"
    EFFECT_FORCED = "{canary:~,} forced requests seen"
    EFFECT_FORCED_ORPHANED = "{canary:~,} forced requests seen; the controllers report the shadow as orphaned"
    EFFECT_ORPHANED = (
        "the controllers report the shadow as orphaned ({types}): they know no Service or no endpoint for it; "
        "canary got {canary:~,} of {total:~,} requests"
    )
    EFFECT_NO_REQUESTS = "no request of either side seen yet"
    EFFECT_NONE_ARRIVED = "canary got {canary:~,} of {total:~,} requests, where about {expected:~,.0f} were expected"
    EFFECT_WITHOUT_STABLE = (
        "canary got {canary:~,} of {total:~,} requests: without stable traffic the share says nothing"
    )
    EFFECT_OFF = (
        "canary got {canary:~,} of {total:~,} requests ({share:~percent}, {confidence:percent} interval "
        "{least:~percent} to {most:~percent}), and a weight of {weight:percent} stands for {low:percent} to "
        "{high:percent}"
    )
    EFFECT_OFF_BY_CLIENTS = (
        "canary got {canary:~,} of {total:~,} requests ({share:~percent}), and a weight of {weight:percent} stands for "
        "up to {high:percent}; {clients} requests count as one, because a cookie binds clients to a side: "
        "E={evidence:~e-value} of {needed:e-value}"
    )
    EFFECT_TOO_FEW = "canary got {canary:~,} of {total:~,} requests, too few to tell at a weight of {weight:percent}"
    EFFECT_SEEN = (
        "canary got {canary:~,} of {total:~,} requests ({share:~percent}), and a weight of {weight:percent} stands for "
        "{low:percent} to {high:percent}"
    )

    # why it may not: traffic/ineffective_diagnosis.py
    CAUSE_PREFLIGHT = "preflight: {problems}"
    CAUSE_ORPHAN = "the controllers call the shadow an orphan ({types}): they know no Service or no endpoint for it"
    CAUSE_IDLE_CONTROLLERS = "not applied by every controller: {controllers:*, }; restart what does not follow"
    IDLE_CONTROLLER = "{name} (0 of {requests:~,} requests)"
    CAUSE_NO_ENDPOINT = "no endpoint of the canary is ready ({unready} are not)"
    CAUSE_ENDPOINTS = "{unready} of {total} endpoints of the canary are not ready"
    NO_CAUSE_FOUND = "nothing that explains it was found: look at the controllers' logs"

    # another writer's changes of the shadow: traffic/drift.py, rules/external_changes.py
    DRIFT_WEIGHT = "weight {weight:g} % instead of {wanted:g} %"
    DRIFT_HEADER = "header route {name} was added or changed"
    DRIFT_HEADER_REMOVED = "the header route was removed"
    DRIFT_COOKIE = "cookie route {name} was added or changed"
    DRIFT_COOKIE_REMOVED = "the cookie route was removed"
    DRIFT_PATHS_ADDED = "paths or a default backend were added"
    DRIFT_PATHS_REMOVED = "paths were removed or the class was changed"
    DRIFT_ANNOTATIONS = "annotations {names:*, } were changed"
    DRIFT_MARK_REMOVED = "the canary mark was removed"
    DRIFT_OWNER = "its owner was removed or changed"
    UNDONE = "undone ({manager}): {changes:*; }"
    SHADOW_GONE = "the shadow is gone"
    SHADOW_DELETED = "the shadow was deleted by another writer; nothing is put back until resume"
    LOWERED = "lowered by another writer ({manager}): {changes:*; }; resume to go on"
    DRIFT_FIGHT = (
        "another writer ({manager}) keeps changing the shadow, which is left as it makes it from now on; "
        "find it, then resume, or abort to take the canary off"
    )

    # a shadow whose deletion did not end it: traffic/shadow_removal.py
    TERMINATING = (
        "{kind} {name} is being deleted and finalizer {finalizers:*, } holds it: {sends}; "
        "have the controller of that finalizer release it, or remove the finalizer"
    )
    TERMINATING_BY_ITSELF = "{kind} {name} is being deleted and the API server holds it: {sends}; it goes by itself"
    NOT_CREATED = "the shadow cannot be created: {words}"
    NOT_WRITTEN = "the shadow cannot be changed: its weight is {carried:g} %, and {wanted:g} % is wanted; {words}"
    NOT_WRITTEN_EITHER = "{what:...}; {told}"
    SENDS_NOBODY = "it sends nobody to the canary"
    SENDS_EVERYBODY = "its canary mark was removed, and it sends everybody to the canary"
    SENDS = "it still sends {routes:* and } to the canary"
    SENDS_WEIGHT = "{weight:g} %"
    SENDS_HEADER = "header {name}"
    SENDS_COOKIE = "cookie {name}"
    SENDS_STICKY = "clients with an affinity cookie"

    # what preflight found: preflight/problem.py
    PROBLEM = "{problem:...}"
    PROBLEM_AND_OTHERS = "{problem:...} (and {others} more)"
    PROBLEMS_NOT_CHECKED = "not checked: rules {rules:*, } ({why:...}); {remedy}"
    NO_PROBLEM = "preflight found nothing"
    FINDINGS = "{findings:* | }"
    FINDING = "rule {rule}: {problem}"
    NO_FINDINGS = "nothing was found"

    # no data: metrics/counting.py, evaluation/evaluation.py
    STALE = "stale: the newest sample is {age:~.0f} s old"
    PROMETHEUS_FAULT = "Prometheus: {why}"
    STALE_SCRAPE = (
        "stale: the newest scrape of a controller is {age:~.0f} s old; see its page of targets, set "
        "--prometheus-scrape-interval if it scrapes less often than every {every:g} s, and compare the clocks"
    )
    SCRAPE_AHEAD = "the newest scrape lies {ahead:~.0f} s ahead: the clock of Prometheus, or of this daemon, is wrong"
    EVIDENCE_LOST = "the evidence and the bake of the step begin anew; what was stored cannot be used: {why}"
    GAP = "{slo}: {why}"
    READING_FAULT = "the reading of the source could not be judged: {error}: {message}"

    # a person's action
    NOTED = "{message:...} ({note})"
    PAUSED_BY_USER = "paused by a person at {weight:g} %; resume to go on"
    ABORTED = "a person took the canary off"
    RETRIED = "revision {revision} is tried again"
    FINISHED = "a person said that stable is the new version"
    SKIPPED = "a person skipped {step}"
    SKIPPED_LAST = "a person skipped {step}; waiting for stable to become the new version"
    WENT_TO_LAST = "a person went from step {index} to {step}"
    RESTARTED = "a person began revision {revision} anew, with the schedule as it is now"
    APPROVED = "a person approved {step}"
    APPROVED_UNREAD = "step {index} approved"

    # why an action was not carried out
    NO_REVISION = "no revision is being rolled out yet"
    NO_STEP = "no step is under way in phase {phase}"
    NO_APPROVAL_AWAITED = "no step waits for an approval"
    NOTHING_TO_DO = "nothing to {verb} in phase {phase}"
    OTHER_REVISION = "it names revision {named}, this is {present}"
    OTHER_STEP = "it names step {named}, this is step {present}"
    OTHER_STEP_AWAITED = "it names step {named}, what waits for an approval is step {awaited}"
    JUST_CHANGED = "the shadow, the spec or the canary has just been changed; look again"
    IS_RESTORING = "stable gets its images back, and then the canary goes; abort takes it off at once"
    PROVEN_BAD_NOW = "this very pass proves the canary bad"
    PROVEN_BAD = "the canary was proven bad; resume judges the step anew, abort takes it off"
    PAUSED_BY_SPEC_STILL = "spec.paused is true; set it to false"
    IS_LAST_STEP = "this is the last step; skip leaves it for the promotion"
    ROLLED_BACK_ALREADY = "it was rolled back; say retry"
    STABLE_IS_BECOMING = "stable is becoming the new version; finish that, or abort"
    DRIFT_FIGHT_GOES_ON = "another writer keeps changing the shadow; find it, then resume"
    CANARY_IS_OFF = "the canary is off traffic, and the step is taken again first"
    NOT_SEEN = "what it sends to the canary could not be judged: {why}; wait for data, or abort"
    EXPOSURE_LOWERED = "another writer has lowered what the step exposes; resume first"

    # approval of a step: actions/approval.py
    AWAITING_APPROVAL = (
        "{what} when a person approves it, asked until {until:%Y-%m-%d %H:%M:%SZ} ({then}): "
        "ingress-canary approve {name} -n {namespace}"
    )
    STEP_ENTERED = "{step} is entered"
    STEP_LEFT = "{step} is left"
    THEN_WAITS = "then it goes on waiting"
    THEN_PAUSES = "then it pauses"
    THEN_ROLLS_BACK = "then it is rolled back"
    NOBODY_APPROVED = "nobody approved {step} until {until:%Y-%m-%d %H:%M:%SZ}"
    APPROVAL_OVERDUE = "{late}; to go on: ingress-canary approve {name} -n {namespace}"

    # phases Succeeded and RolledBack
    ENDED_TERMINATING = "{ended:...}; {terminating}"
    SET_TO_STABLE = "the canary was set to stable's version ({revision}); nothing to roll out"
    NEW_REVISION = "revision {revision} is new"

    # the schedule: engine/schedules/schedule_source.py
    SCHEDULE_GONE = "the rollout keeps the schedule it began with; a new one could not begin: {why}"
    SCHEDULE_UNUSABLE = (
        "the rollout keeps the schedule it began with ({kept}); {where} has changed since, and cannot be used as it "
        "is: `ingress-canary lint` says why"
    )
    SCHEDULE_CHANGED = (
        "the rollout keeps the schedule it began with ({kept}); {where} has changed since ({found}), and `restart` "
        "begins anew with it"
    )
    NO_INLINE_SCHEDULES = "this daemon takes shared schedules only"
    USE_SHARED_SCHEDULE = "use spec.schedule.ref"
    NO_SCHEDULE_NAMESPACE = "{namespace} is none that this daemon takes schedules from"
    NAME_SCHEDULE_NAMESPACE = "name another, or add it to the setting schedule_namespaces"

    # windows and freezes
    FREEZE = "frozen until {until}"
    FREEZE_BECAUSE = "frozen ({why}) until {until}"
    WINDOW_CLOSED = "the window is closed"
    WINDOW_TOO_SHORT = "step {index} takes at least {needed:seconds}, and the window closes at {closes}"
    NEVER_OPENS = "it never opens for that long"
    GOES_ON_AT = "goes on at {at}"
    FROZEN_ANYWHERE = "nothing advances anywhere: {why}"

    # phase Pending
    RUNS_STABLE = "the canary runs stable's version ({revision}); nothing to roll out"
    BEGINS_PAUSED = "spec.paused is true; nothing begins until it is false"
    FIRST_STEP = "{step} begins"
    SHADOW_TAKEN = "{kind} {name} belongs to somebody else"
    CHOOSE_SHADOW = "choose another spec.shadow.name"
    NO_CANARY_WORKLOAD = "the canary's workload does not exist"
    ROLLS_OUT = "{workload} is still rolling out"
    ROLLOUT_PAUSED = "{workload} is paused, and rolls nothing out until kubectl rollout resume"
    ROLLOUT_OVERDUE = "{workload} does not roll out, look at its pods: {words}"
    NAME_ALIKE = "name the containers alike, or use Manual"
    WITHOUT_ENDPOINT = "Service {service} has no ready endpoint"
    WARMING_UP = "learning how stable's errors vary, {left:~seconds} to go"

    # a newer revision, or another version of stable
    REVISION_REPLACED = "revision {revision} replaces {former}"
    TEMPLATE_CHANGED = "the canary's pod template has changed under revision {revision}"
    OTHER_OBJECTS = "the spec names another Ingress, Service or shadow than the rollout began with"
    SET_BACK_TO_STABLE = "the canary was set back to stable's version; revision {revision} is off"
    STILL_PAUSED = "{why}; still paused, resume to begin"
    STABLE_CHANGED = "stable became another version; evidence starts anew at the same step"

    # canary endpoints and replicas
    NO_ENDPOINT_FOR = "Service {service} had no ready endpoint for {spent:seconds}"
    NO_ENDPOINT = (
        "Service {service} has no ready endpoint, and all requests go to stable; "
        "rolled back after {limit:seconds} of that, {left:~seconds} to go"
    )
    SCALED_IN_VAIN = "{workload} was given {replicas} replicas and had no ready endpoint for {spent:seconds}"
    SCALING_REFUSED = "{workload} is to get {replicas} replicas, and that was refused: {why}"
    SCALING = "{workload} gets {replicas} replicas; rolled back unless one is ready in {left:~seconds}"

    # a proven violation that cannot be rolled back any more
    FAILED_TOO_LATE = "{evidence}; stable already runs the new version, so taking the canary off would help nobody"
    FAILED_WHILE_COPYING = (
        "{evidence}; stable already runs the new version, so taking the canary off would help nobody: "
        "abort puts stable's images back first"
    )

    # a proven violation on which a leader acted that could not store it
    FAILED_WITHOUT_LEASE = "{evidence:...}; taken off while the lease could not be renewed"

    # images that stable gets, and gets back
    COPY_OTHER_CONTAINERS = "CopyImages copies by container name, and only {workload} has container {names:*, }"
    COPY_WITHOUT_WORKLOAD = "the canary's or stable's workload does not exist"
    COPY_CHANGES_NOTHING = "the images are the same, and what differs is elsewhere in the pod template"
    COPY_NEEDS_PERSON = "{why}; deploy stable yourself, or say finish"
    COPY_BEGINS = "{workload} gets the canary's images: {images}"
    COPY_UNDER_WAY = "{workload} gets {images}"
    COPY_REFUSED = "{workload} is to get {images}, and that was refused: {why}"
    COPY_REPLACED = (
        "another writer ({manager}) set {workload} to {present} instead of {images}, and it is left so: "
        "change what sets it"
    )
    COPY_STOPPED = "{progress}, or pause and resume to have it set once more"
    RESTORE_BEGINS = "{why}; {workload} gets its images back before the canary goes"
    RESTORE_WITHOUT_WORKLOAD = "stable's workload does not exist; create it, or abort to take the canary off without it"
    RESTORE_UNDER_WAY = "{progress}; abort takes the canary off without it"
    RESTORED_NOT_READY = "stable has its images back: {lacking}"

    # webhook gates; a gate's own words may be made of numbers
    GATE_IS_ASKED = "{gate} is asked"
    GATE_WAITED_FOR = "{gate} {verdict}: {answer:~}{old}; asked {times}{again}"
    GATE_ANSWERED = "{gate} {verdict}: {answer:~}"
    GATE_PAUSES = "{rejection}; resume asks it again"
    GATE_ANSWER_TOO_OLD = ", {age:~seconds} ago, which is too old"
    GATE_NEXT_AT = ", next at {at:~%H:%M:%S} UTC"
    ONCE = "once"
    TIMES = "{times:~} times"

    # the shadow
    CREATING_SHADOW = "the shadow is being created at weight 0"

    # phase Paused
    PAUSED_BY_SPEC = "spec.paused is true; holding {weight:g} %"
    RESUMED = "resumed by a person"
    RESUMED_AFRESH = "resumed by a person, with fresh evidence"
    RESUMED_AT_WEIGHT = "resumed by a person, at the step's weight"

    # phase Promoting
    AWAITING_STABLE = "waiting for stable to become the new version; say finish when it is"
    AWAITING_WORKLOAD = "waiting for {workload} to become the new version; it ends by itself then"
    STABLE_LACKS_ENDPOINTS = "stable has {ready} of {needed} ready endpoints"
    STABLE_ROLLS_OUT = "stable has {ready} of {needed} ready endpoints and is still rolling out"
    PROMOTED = "revision {revision} is stable now; the shadow is removed"

    # phase Progressing
    WAITING_FOR_WEIGHT = "{step}: waiting for the controllers to apply the weight"
    WAITING_FOR_READING = (
        "{step}: waiting for a fresh reading of the source; the last one began {ago:~seconds} ago: is the source slow?"
    )
    WAITING_FOR_FIRST_READING = "{step}: waiting for a fresh reading of the source; there was none yet"
    NOT_EFFECTIVE = "{effect:~}"
    NOT_EFFECTIVE_CAUSES = "{effect:~}; likely causes: {causes:~*; }"
    FROZEN_AT_STEP = "nothing advances anywhere: {why}; {step}: {evidence:~}"
    BAKING = "{step}: {left:~seconds} of judged time to go; {evidence:~}"
    INSUFFICIENT_EVIDENCE = "{step}: {evidence:~}"
    NO_TRAFFIC = "no request has been counted yet, of either side: send some, or say skip"
    OFF_UNTIL_DATA = "off traffic until data return: {why}"
    STEP_AWAITS_READING = "step {index} is taken again after a fresh reading of the source"
    STEP_AGAIN = "step {index} is taken again"
    STEP_TIMED_OUT = "{step} was not decided in {spent:seconds} of judged time: {evidence}"
    STEP_PASSED = "{step} passed: {evidence}"
    LAST_STEP_PASSED = "the last step passed: {evidence}; waiting for stable to become the new version"
