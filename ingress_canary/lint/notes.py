"""Lint notes: what a valid schedule means that its author may not expect. A note fails no run. Used by ``check.py``."""

from collections.abc import Callable, Iterator

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.metrics.kinds.registry import kind_of
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.request_feed import status_matcher
from ingress_canary.lint.findings import LintProblem

LintNote = Callable[[ScheduleSpec], Iterator[LintProblem]]
GIVEN_UP = "499"
"""The status that ingress-nginx notes of a client that gave up waiting."""


def what_slos_allow(schedule: ScheduleSpec) -> Iterator[LintProblem]:
    """The share of bad events that each SLO allows, which maxBurn and the objective say only together."""
    for number, slo in enumerate(schedule.slos):
        if slo.objective is not None:
            yield LintProblem(("slos", number), f"allows {slo.allowance}")


def hanging_is_bad(schedule: ScheduleSpec) -> Iterator[LintProblem]:
    """A canary that hangs until its clients give up answers no 5xx: it shows as 499, or as slow."""
    slis = SliSet.of(schedule.slos, schedule.analysis)
    if slis.slow or slis.distributions:
        return
    counted = GIVEN_UP not in slis.excluded
    for number, slo in enumerate(schedule.slos):
        statuses = slis.counted[slo.name].bad_statuses if slo.name in slis.counted else ()
        if not statuses or (counted and status_matcher(statuses).fullmatch(GIVEN_UP)):
            continue
        patterns = ", ".join(f'"{bad}"' for bad in (*statuses, GIVEN_UP))
        remedy = f"add an SLO on latency, or write bad: [{patterns}]"
        if not counted:
            remedy = f"add an SLO on latency, or remove {GIVEN_UP} from analysis.excludeStatuses"
        what = f"a canary that hangs until its clients give up (status {GIVEN_UP}) passes"
        yield LintProblem(("slos", number, "sli", slo.sli.chosen[0]), what, remedy)


def queries_may_mean_otherwise(schedule: ScheduleSpec) -> Iterator[LintProblem]:
    """What each kind of SLI notes of its own, such as a query of a metric that is no counter by its name."""
    for number, slo in enumerate(schedule.slos):
        member, sli = kind_of(slo.sli)
        for fault in sli.notes():
            yield LintProblem(("slos", number, "sli", member, fault.field), fault.what, fault.remedy)


NOTES: tuple[LintNote, ...] = (what_slos_allow, hanging_is_bad, queries_may_mean_otherwise)
