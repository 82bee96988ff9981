"""Counting rules: whether the controllers count what the canary answered as the canary's. Part of ``rules.py``."""

import re
from collections.abc import Iterator

from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.metrics.request_feed import is_told_apart, status_matcher
from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.preflight.rule import RuleFinding, rule
from ingress_canary.domain.traffic.router.nginx import conflict_rules as claims
from ingress_canary.domain.traffic.router.nginx.annotations import (
    TRUE,
    annotation_field,
    annotation_value,
    ingress_label,
)
from ingress_canary.domain.traffic.router.nginx.controller_config import counts, is_undefined
from ingress_canary.domain.traffic.router.nginx.metric_families import EXPORTED
from ingress_canary.domain.traffic.router.nginx.own_answers import statuses_of

_STATUS = re.compile("[1-5][0-9]{2}")


@rule(20, ProblemSeverity.WARNING)
def requests_are_counted(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The controllers count the primary's requests.

    Metrics are off by default, and requests of wildcard and hostless rules are dropped from them by default.

    Remedy: turn on --enable-metrics and, for wildcard and hostless rules, --metrics-per-undefined-host; leave neither
    family of requests out by --exclude-socket-metrics.
    """
    if not _rises_unjudged(subject):
        yield from _uncounted(subject)


@rule(29)
def weight_is_judged(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """Where it is known that the controllers count none of the primary's requests, no weight above 0 is reached.

    Nor is it where they leave out what an SLO is judged by: the request counters, or the histogram of durations.
    A step of weight 0 may begin: whom its header or cookie sends knows of the canary.

    Remedy: as for rule 20, or judge by the application's own counters (sli.prometheus).
    """
    if _rises_unjudged(subject):
        yield from _uncounted(subject)


def _uncounted(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """Yield what keeps requests of the primary out of the controllers' metrics."""
    if subject.facts.metrics is False:
        yield RuleFinding(
            "ingress controllers",
            "--enable-metrics",
            "request metrics are off, so no step can be judged",
            "start the controllers with --enable-metrics=true",
        )
    for family, capability in EXPORTED.items():
        # the share of requests is taken of every rollout
        if capability in subject.facts.left_out and capability in {Capability.REQUESTS, *subject.judged_by}:
            yield RuleFinding(
                "ingress controllers",
                "--exclude-socket-metrics",
                f"{family} is left out of the metrics, so no SLO can be judged by it",
                f"remove {family} from --exclude-socket-metrics of the controllers",
            )
    if subject.facts.undefined_hosts:
        return
    for location, field in claims.stable_locations(subject).items():
        if is_undefined(location.host):
            yield RuleFinding(
                ingress_label(subject.ingress),
                field,
                f"requests to {location} are not counted by default, so no step can be judged by them",
                "start the controllers with --metrics-per-undefined-host=true",
            )
            return


def _rises_unjudged(subject: PreflightInputs) -> bool:
    """Return whether the weight is about to rise though no request is counted that an SLO needs, for all is known."""
    if not subject.next_weight or not subject.judged_by:
        return False
    if subject.facts.left_out & subject.judged_by:
        return True
    return counts(subject.ingress, subject.stable.name, subject.facts) is False


@rule(26, ProblemSeverity.WARNING)
def errors_are_visible(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The backend protocol is not GRPC.

    Its errors travel as HTTP 200, which the built-in availability SLI does not see.

    Remedy: judge by the application's own counters (sli.prometheus).
    """
    protocol = annotation_value(subject, subject.ingress, "backend-protocol").strip().upper()
    if protocol in {"GRPC", "GRPCS"}:
        yield RuleFinding(
            ingress_label(subject.ingress),
            annotation_field(subject, "backend-protocol"),
            f"{protocol} errors travel as HTTP 200 and are not seen by an SLO on requests",
            "judge by the application's own counters (sli.prometheus)",
        )


@rule(27)
def errors_are_counted(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No error backend answers in place of a status that an SLO calls bad.

    With custom-http-errors the error backend's status is counted, so that a canary which only fails looks good.

    Remedy: remove these statuses from custom-http-errors, or judge by the application's own counters (sli.prometheus).
    """
    own = annotation_value(subject, subject.ingress, "custom-http-errors")
    statuses = own or subject.facts.custom_http_errors or ""
    is_bad = status_matcher(subject.bad_statuses).fullmatch
    hidden = sorted({code for code in _STATUS.findall(statuses) if is_bad(code)})
    if hidden:
        place = (ingress_label(subject.ingress), annotation_field(subject, "custom-http-errors"))
        yield RuleFinding(
            *(place if own else ("ConfigMap of the controllers", "data.custom-http-errors")),
            f"an error backend answers instead of {', '.join(hidden)}, and its status is the one that is counted",
            "remove them there, or judge by the application's own counters (sli.prometheus)",
        )


@rule(28)
def requests_reach_the_canary(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """Where a mesh routes by the Host that the primary sends, a probe shows that the canary is reached.

    With service-upstream and upstream-vhost requests of the canary carry stable's Host as well, and are counted as the
    canary's wherever the mesh sends them.

    Remedy: add spec.probe, a request that shows which version answers.
    """
    primary = subject.ingress
    vhost = annotation_value(subject, primary, "upstream-vhost")
    own = annotation_value(subject, primary, "service-upstream")
    by_service = own in TRUE if own else bool(subject.facts.service_upstream)
    if vhost and by_service and subject.spec.probe is None:
        yield RuleFinding(
            ingress_label(primary),
            annotation_field(subject, "upstream-vhost"),
            f"the canary's requests carry the Host {vhost} too, by which a mesh may send them to stable unseen",
            "add spec.probe, which shows that the canary answers",
        )


@rule(30, ProblemSeverity.WARNING)
def answers_are_told_apart(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """What a controller answers itself differs by its status from what stable answers.

    A configuration-snippet or location-snippet with return answers before a side is drawn, and is counted as stable's.
    Its 3.. and 4.. count on neither side, unless an SLO calls them bad. With any other the canary is not compared with
    stable, and too small a share says nothing about its weight.

    Remedy: return in a server-snippet, which is not counted, or a 3.. or 4.. status that no SLO calls bad.
    """
    of_primary = statuses_of(annotation_value(subject, subject.ingress, "configuration-snippet"))
    places = {
        (ingress_label(subject.ingress), annotation_field(subject, "configuration-snippet")): of_primary,
        ("ConfigMap of the controllers", "data"): subject.facts.own_answers,
    }
    for (label, field), statuses in places.items():
        mixed = sorted(status or "a status" for status in statuses if not is_told_apart(status, subject.bad_statuses))
        if mixed:
            yield RuleFinding(
                label,
                field,
                f"it answers {', '.join(mixed)} itself, counted as stable's: the canary is not compared with stable",
                "return in a server-snippet, or a 3.. or 4.. status that no SLO calls bad",
            )
