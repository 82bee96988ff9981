"""Asking of users' own queries in one look: so many at once, and so many bytes, for each rollout.

Used by ``source.py``. What one rollout asks for may be slow or long: it costs that rollout its answers, and no other.

- Each rollout has its part of the turns, so that of a few that ask none waits for another.
- One whose query was not answered in time has turns apart from the others in the next looks, where it holds none of
  theirs. Of these late ones those come first that have waited longest.
- Each has its part of the bytes, and what is beyond comes out of what all share.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ingress_canary.adapters.prometheus.answer_budget import Allowance, AnswerBudget
from ingress_canary.adapters.prometheus.client import Row
from ingress_canary.adapters.prometheus.user_queries import Answers
from ingress_canary.api.promql import MAX_BYTES
from ingress_canary.domain.metrics.samples import Target

AT_ONCE = 16
"""Users' queries that are under way at the same time."""
EACH_AT_ONCE = 4
"""Those of one rollout among them, at most."""
LATE_AT_ONCE = 4
"""Those of all late rollouts together, beside the others'."""
LATE_FOR = 5
"""Looks in a row in which all of a late rollout's queries are answered before it is late no more."""
NUMBER_BYTES = 64 * 1024
"""Length of an answer that is to be one number, labels and warnings included."""
COUNTER_BYTES = 4 * 1024 * 1024
"""Length of all answers to a rollout's counters together: some 10,000 series."""
PAST_BYTES = 2 * COUNTER_BYTES
"""The same where the past is asked for."""
WHOLE_BYTES = 32 * 1024 * 1024
"""Length of all answers to users' counters together."""
SERIES_BYTES = 400
"""Of a usual series: shorter ones may be as many as usual ones, because each costs CPU whatever its length is."""

SHOWN = 200
"""Characters of a query that is not sent."""

LATE = "Prometheus: no answer in time; let a rule record what it asks for"
Kind = Literal["totals", "parts", "values"]
Asker = tuple[str, str]
"""The namespace and the Ingress of a rollout."""


class UserQuerySender(Protocol):
    """Sends one query; returns its rows, or why there are none."""

    async def __call__(self, query: str, budget: AnswerBudget) -> Sequence[Row] | str:
        """Return the rows of a query's answer, or why there are none."""


@dataclass(slots=True)
class Lateness:
    """A rollout whose query was not answered in time."""

    looks: int
    """How many looks in a row must show it answered."""
    asked_at: int
    """The look in which it last had a turn."""


class LateAskers:
    """The rollouts of whose queries one was not answered in time; kept from look to look."""

    def __init__(self) -> None:
        self._late: dict[Asker, Lateness] = {}
        self._look = 0
        self._asked: set[Asker] = set()
        self._unanswered: set[Asker] = set()

    def begin(self, askers: set[Asker]) -> None:
        """Begin a look of these rollouts; what the one before has shown is known from now on."""
        for asker in self._unanswered:
            self._late[asker] = Lateness(LATE_FOR, self._look)
        for asker in self._asked - self._unanswered:
            if (known := self._late.get(asker)) is not None:
                known.looks, known.asked_at = known.looks - 1, self._look
        self._late = {asker: late for asker, late in self._late.items() if late.looks > 0 and asker in askers}
        self._look += 1
        self._asked, self._unanswered = set(), set()

    def place(self, asker: Asker) -> int:
        """Return 0 for a rollout that is not late; of late ones, less for one that has waited longer."""
        late = self._late.get(asker)
        return 0 if late is None else 1 + late.asked_at

    def all_of(self, askers: set[Asker]) -> bool:
        """Return whether all of these are late: it is Prometheus that is slow then."""
        return askers <= self._late.keys()

    def note(self, asker: Asker, *, answered: bool) -> None:
        """Note that a rollout has had a turn."""
        self._asked.add(asker)
        if not answered:
            self._unanswered.add(asker)


class UserAsking:
    """Asks users' queries in one look, each once for all rollouts that want it."""

    def __init__(
        self, ask: UserQuerySender, targets: Sequence[Target], late: LateAskers, counter_bytes: int = COUNTER_BYTES
    ) -> None:
        self._ask, self._late = ask, late
        askers = {asker_of(target) for target in targets if target.totals or target.parts or target.values}
        many = max(1, len(askers))
        self._share = max(1, min(EACH_AT_ONCE, AT_ONCE // many))
        self._counter_bytes, self._own_bytes = counter_bytes, min(counter_bytes, WHOLE_BYTES // 2 // many)
        self._common, self._common_series = (
            Allowance(WHOLE_BYTES // 2), Allowance(WHOLE_BYTES // 2 // SERIES_BYTES),
        )  # fmt: skip
        self._budgets: dict[Asker, AnswerBudget] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._late_turns = asyncio.Semaphore(AT_ONCE if late.all_of(askers) else LATE_AT_ONCE)
        self._each: dict[Asker, asyncio.Semaphore] = {}

    async def counters(self, deadline: float, targets: Sequence[Target], raw: str) -> tuple[Answers, Answers]:
        """Return the answers to the counters: of all events, and of their parts, which are asked later.

        Slow ones of the first have half of the time, so that others' parts are asked for all the same.
        """
        now = asyncio.get_running_loop().time()
        totals = await self.answers(now + (deadline - now) / 2, targets, "totals", raw)
        return totals, await self.answers(deadline, targets, "parts", raw)

    async def answers(self, deadline: float, targets: Sequence[Target], kind: Kind, raw: str = "") -> Answers:
        """Return the answers to all queries of a kind; ``raw`` is the range that is appended to each."""
        askers: dict[str, Asker] = {}
        # who shares a query with a late one asks it
        for asker, target in sorted((asker_of(target), target) for target in set(targets)):
            for query in getattr(target, kind):
                if query not in askers or self._late.place(asker) < self._late.place(askers[query]):
                    askers[query] = asker
        # turns are had in the order in which they are asked for
        queries = sorted(askers, key=lambda query: (self._late.place(askers[query]), query))
        rows = await asyncio.gather(*(self._one(deadline, query + raw, askers[query], kind) for query in queries))
        return dict(zip(queries, rows, strict=True))

    async def _one(self, deadline: float, query: str, asker: Asker, kind: Kind) -> Sequence[Row] | str:
        if len(query) > MAX_BYTES:
            return f"Prometheus: not asked, because with its variables filled in it is too long: {query[:SHOWN]}"
        is_late, now = self._late.place(asker) > 0, asyncio.get_running_loop().time
        each = self._each.setdefault(asker, asyncio.Semaphore(1 if is_late else self._share))
        middle, began = (now() + deadline) / 2, deadline
        try:
            async with asyncio.timeout_at(deadline), each, self._late_turns if is_late else self._turns:
                began = now()
                rows = await self._ask(query, self._budget(asker, kind))
                self._late.note(asker, answered=True)
        except TimeoutError:
            rows = LATE
            # one that waited for others for most of the time is not late by its own doing
            if began < middle:
                self._late.note(asker, answered=False)
        return f"{rows}: {query}" if isinstance(rows, str) and query not in rows else rows

    def _budget(self, asker: Asker, kind: Kind) -> AnswerBudget:
        if kind == "values":
            remedy = "one number is expected: aggregate it, as in max(...)"
            return AnswerBudget(Allowance(NUMBER_BYTES), Allowance(NUMBER_BYTES), remedy)
        if asker not in self._budgets:
            most, own = self._counter_bytes, self._own_bytes
            self._budgets[asker] = AnswerBudget(
                Allowance(most, self._common, own),
                Allowance(most // SERIES_BYTES, self._common_series, own // SERIES_BYTES),
                "narrow the selectors of this rollout's own counters, or drop labels when scraping",
            )
        return self._budgets[asker]


def asker_of(target: Target) -> Asker:
    """Return the rollout that a target is read for."""
    return target.namespace, target.ingress
