"""User queries: answers to users' own PromQL, as counters by series or single numbers. Used by ``source.py``.

Counters of all events are asked for first. What was scraped for them was scraped for their parts too, so that a part
that is missing later was not there, and counts as 0.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ingress_canary.adapters.prometheus.client import Row
from ingress_canary.domain.metrics.promql import FILTERED, is_filtered
from ingress_canary.domain.metrics.samples import TURN, Series

Answers = Mapping[str, Sequence[Row] | str]
"""By query: its rows, or why there are none."""


class Scrape(NamedTuple):
    """The newest scrape of an instance, by the Prometheus replica that is followed."""

    replica: tuple[str, ...]
    at: float
    """Seconds since 1970."""


class Turn(NamedTuple):
    """The scrape job that a query follows."""

    job: str
    number: int = 1
    """Counts the jobs that were followed: what another one tells begins anew, because its labels may differ."""

    def named(self, instance: str) -> str:
        """Return the name under which the counters of an instance are entered."""
        return instance if self.number == 1 else f"{instance}{TURN}scrape {self.number})"


Turns = Mapping[tuple[str, str], Turn]
"""By query and instance."""


def scrapes(totals: Answers, replicas: Sequence[str], patience: float) -> dict[str, Scrape]:
    """Return when each instance was last scraped, by all answers that show it.

    Of several replicas the first by name is believed, unless it lags behind another one by more than ``patience``
    seconds.
    """
    replicas_seen: dict[str, dict[tuple[str, ...], float]] = {}
    for rows in totals.values():
        newest: dict[tuple[str, tuple[str, ...]], float] = {}
        for row in () if isinstance(rows, str) else rows:
            key = _instance(row, replicas), _replica(row, replicas)
            if times := row.scrapes:
                newest[key] = max(newest.get(key, 0.0), times[-1])
        for (name, replica), at in newest.items():
            seen = replicas_seen.setdefault(name, {})
            seen[replica] = min(at, seen.get(replica, at))
    return {name: _believed(seen, patience) for name, seen in replicas_seen.items()}


def _believed(seen: Mapping[tuple[str, ...], float], patience: float) -> Scrape:
    newest = max(seen.values())
    return min(Scrape(replica, at) for replica, at in seen.items() if newest - at <= patience)


def turns(
    answers: Answers, last: Mapping[str, Scrape], replicas: Sequence[str], before: Turns, patience: float
) -> Turns:
    """Return the job that each query follows where several scrape an instance: the former one where possible.

    Their series are those of one process, whatever other labels the jobs give them: the sum would count all twice.
    """
    kept = {key: turn for key, turn in before.items() if key[0] in answers}
    for selector, rows in answers.items():
        jobs = dict[str, dict[str, float]]()
        for row in () if isinstance(rows, str) else rows:
            scrape = last.get(_instance(row, replicas))
            if scrape is not None and "instance" in row.labels:
                jobs.setdefault(row.labels["instance"], {})[row.labels.get("job", "")] = scrape.at
        for instance, seen in jobs.items():
            usable = sorted(job for job, at in seen.items() if max(seen.values()) - at <= patience)
            old = kept.get((selector, instance))
            if old is None or old.job not in usable:
                kept[selector, instance] = Turn(usable[0], old.number + 1 if old else 1)
    return kept


def counters(
    answers: Answers, last: Mapping[str, Scrape], replicas: Sequence[str], followed: Turns,
    instant: Callable[[float], datetime],
) -> dict[str, tuple[Series, ...]]:  # fmt: skip
    """Return the series of each selector as of the last scrapes."""
    counted: dict[str, tuple[Series, ...]] = {}
    for selector, rows in answers.items():
        series = []
        for row in () if isinstance(rows, str) else rows:
            name = _instance(row, replicas)
            scrape = last.get(name)
            if scrape is None or scrape.replica != _replica(row, replicas):
                continue
            if "instance" in row.labels:
                turn = followed.get((selector, row.labels["instance"]))
                if turn is None or turn.job != row.labels.get("job", ""):
                    continue
                name = turn.named(row.labels["instance"])
            labels = {label: value for label, value in row.labels.items() if label not in replicas}
            series += [
                Series(selector, name, labels, value, instant(at)) for at, value in row.samples if at == scrape.at
            ]
        counted[selector] = tuple(series)
    return counted


def numbers(answers: Answers) -> tuple[dict[str, float], dict[str, str]]:
    """Return the number of each query, and why others have none."""
    values, failed = dict[str, float](), dict[str, str]()
    for query, rows in answers.items():
        if isinstance(rows, str):
            failed[query] = rows
        elif len(rows) == 1:
            values[query] = rows[0].samples[-1][1]
        elif rows:
            why = f"{len(rows)} series came where one number is expected; aggregate them, as in max(...)"
            failed[query] = f"Prometheus: {why}: {query}"
        else:
            why = f"its comparison does not hold, {FILTERED}" if is_filtered(query) else "there is no such series"
            failed[query] = f"Prometheus: the answer is empty, {why}: {query}"
    return values, failed


def _replica(row: Row, replicas: Sequence[str]) -> tuple[str, ...]:
    return tuple(row.labels.get(name, "") for name in replicas)


def _instance(row: Row, replicas: Sequence[str]) -> str:
    """Return the instance that counts a series; a series without instance labels is followed on its own."""
    if "instance" in row.labels:
        return "/".join(row.labels[name] for name in ("job", "instance") if name in row.labels)
    return ",".join(f"{name}={value}" for name, value in sorted(row.labels.items()) if name not in replicas)
