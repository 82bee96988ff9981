"""Asking of users' own queries in one look: so many at once, and so many bytes, for each rollout.

Used by ``source.py``. What one rollout asks for may be slow or long: it costs that rollout its answers, and no other.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal, Protocol

from ingress_canary.adapters.prometheus.client import AnswerBudget, Row
from ingress_canary.adapters.prometheus.user_queries import Answers
from ingress_canary.domain.metrics.samples import Target

AT_ONCE = 16
"""Users' queries that are under way at the same time."""
EACH_AT_ONCE = 4
"""Those of one rollout among them."""
NUMBER_BYTES = 64 * 1024
"""Length of an answer that is to be one number, labels and warnings included."""
COUNTER_BYTES = 4 * 1024 * 1024
"""Length of all answers to a rollout's counters together: some 10,000 series."""
PAST_BYTES = 2 * COUNTER_BYTES
"""The same where the past is asked for."""
WHOLE_BYTES = 32 * 1024 * 1024
"""Length of all answers to users' counters together."""

LATE = "Prometheus: no answer in time; let a rule record what it asks for"
Kind = Literal["totals", "parts", "values"]


class UserQuerySender(Protocol):
    """Sends one query; returns its rows, or why there are none."""

    async def __call__(self, query: str, budget: AnswerBudget) -> Sequence[Row] | str:
        """Return the rows of a query's answer, or why there are none."""


class UserAsking:
    """Asks users' queries in one look, each once for all rollouts that want it."""

    def __init__(self, ask: UserQuerySender, counter_bytes: int = COUNTER_BYTES) -> None:
        self._ask = ask
        self._counter_bytes = counter_bytes
        self._whole = AnswerBudget(WHOLE_BYTES, "narrow the selectors of all rollouts' own counters")
        self._budgets: dict[Target, AnswerBudget] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._each: dict[Target, asyncio.Semaphore] = {}

    async def counters(self, deadline: float, targets: Sequence[Target], raw: str) -> tuple[Answers, Answers]:
        """Return the answers to the counters: of all events, and of their parts, which are asked later.

        Slow ones of the first have half of the time, so that others' parts are asked for all the same.
        """
        now = asyncio.get_running_loop().time()
        totals = await self.answers(now + (deadline - now) / 2, targets, "totals", raw)
        return totals, await self.answers(deadline, targets, "parts", raw)

    async def answers(self, deadline: float, targets: Sequence[Target], kind: Kind, raw: str = "") -> Answers:
        """Return the answers to all queries of a kind; ``raw`` is the range that is appended to each."""
        askers: dict[str, Target] = {}
        for target in sorted(set(targets)):
            for query in getattr(target, kind):
                askers.setdefault(query, target)
        queries = sorted(askers)
        rows = await asyncio.gather(*(self._one(deadline, query + raw, askers[query], kind) for query in queries))
        return dict(zip(queries, rows, strict=True))

    async def _one(self, deadline: float, query: str, asker: Target, kind: Kind) -> Sequence[Row] | str:
        each = self._each.setdefault(asker, asyncio.Semaphore(EACH_AT_ONCE))
        try:
            async with asyncio.timeout_at(deadline), each, self._turns:
                rows = await self._ask(query, self._budget(asker, kind))
        except TimeoutError:
            rows = LATE
        return f"{rows}: {query}" if isinstance(rows, str) and query not in rows else rows

    def _budget(self, asker: Target, kind: Kind) -> AnswerBudget:
        if kind == "values":
            return AnswerBudget(NUMBER_BYTES, "one number is expected: aggregate it, as in max(...)")
        if asker not in self._budgets:
            remedy = "narrow the selectors of this rollout's own counters, or drop labels when scraping"
            self._budgets[asker] = AnswerBudget(self._counter_bytes, remedy, self._whole)
        return self._budgets[asker]
