"""Users' own queries share turns and bytes: whoever hangs, or wants everything, costs nobody else an answer."""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from math import ceil

import aiohttp
from aiohttp import web

from ingress_canary.adapters.prometheus.answer_budget import AnswerBudget
from ingress_canary.adapters.prometheus.client import Access, PrometheusClient, Row
from ingress_canary.adapters.prometheus.errors import AnswerTooLong
from ingress_canary.adapters.prometheus.user_asking import (
    AT_ONCE,
    LATE_AT_ONCE,
    LATE_FOR,
    WHOLE_BYTES,
    LateAskers,
    UserAsking,
    asker_of,
)
from ingress_canary.domain.metrics.samples import Target
from tests.adapters.test_prometheus import BESIDE, Site, assert_answered, count, site, slow

__all__ = ["site"]

OK = [Row({}, [(1.0, 1.0)])]
VICTIM = Target("shop", "victim", "victim", totals=("fine",), parts=("wrong",), values=("quiet",))


def hogs(many: int, queries: int = 20) -> list[Target]:
    """Return rollouts that ask so many queries each, none of which is answered."""
    return [
        Target("shop", f"hog-{n:02}", "hog", values=tuple(f"hang{n}_{m}" for m in range(queries))) for n in range(many)
    ]


class Server:
    """What is asked, how many at once, and what hangs."""

    def __init__(self, hangs: str = "hang") -> None:
        self.hangs = hangs
        self.asked: list[str] = []
        self.under_way = self.most = 0

    async def answer(self, query: str, budget: AnswerBudget) -> Sequence[Row] | str:
        self.asked.append(query)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(3600 if query.startswith(self.hangs) else 0)
        finally:
            self.under_way -= 1
        return OK


async def look(server: Server, late: LateAskers, targets: Sequence[Target], within: float = 0.5) -> set[str]:
    """Return the queries of a look that were answered."""
    late.begin({asker_of(target) for target in targets})
    asking, deadline = UserAsking(server.answer, targets, late), asyncio.get_running_loop().time() + within
    values, both = await asyncio.gather(
        asking.answers(deadline, targets, "values"), asking.counters(deadline, targets, "")
    )
    return {query for answers in (values, *both) for query, rows in answers.items() if rows == OK}


async def test_of_a_few_that_hang_each_holds_its_part_and_nobody_waits_for_them(site: Site) -> None:
    site.scrape()
    count(site, "fine", 200, 9)
    site.prometheus.numbers["max(quiet)"] = [0.25]
    hanging = [
        BESIDE._replace(ingress=f"hog-{n}", totals=(), parts=(), values=tuple(f"max(hang{n}{m})" for m in range(20)))
        for n in range(4)
    ]
    site.prometheus.answer = slow(site, "max(hang")
    site.source = site.new_source(within=2)
    assert_answered((await site.source.read([*hanging, BESIDE]))[BESIDE])


async def test_however_many_hang_they_hold_no_turn_of_the_others_once_each_was_seen_to() -> None:
    server, late, targets = Server(), LateAskers(), [*hogs(40, 2), VICTIM]
    for _ in range(ceil(40 / AT_ONCE)):
        await look(server, late, targets)
    for _ in range(LATE_FOR + 1):
        assert await look(server, late, targets) == {"fine", "wrong", "quiet"}
    assert server.most <= AT_ONCE + LATE_AT_ONCE


async def test_those_that_hang_take_turns_so_that_each_is_asked_again() -> None:
    server, late, targets = Server(), LateAskers(), [*hogs(20, 1), VICTIM]
    for _ in range(3):
        await look(server, late, targets)
    server.asked.clear()
    for _ in range(20 // LATE_AT_ONCE):
        await look(server, late, targets)
    asked = Counter(query for query in server.asked if query.startswith("hang"))
    assert set(asked.values()) == {1}
    assert len(asked) == 20


async def test_who_answers_again_is_late_no_more_and_who_shares_a_query_with_a_late_one_never_is() -> None:
    server, late = Server(), LateAskers()
    hog = hogs(1)[0]._replace(ingress="a-hog", totals=VICTIM.totals, values=("hang", *VICTIM.values))
    for _ in range(2):
        assert await look(server, late, [hog, VICTIM]) == {"fine", "wrong", "quiet"}
    assert late.place(asker_of(hog)) > 0 == late.place(asker_of(VICTIM))
    server.hangs = "nothing"
    for _ in range(LATE_FOR):
        late_still = late.place(asker_of(hog)) > 0
        assert "hang" in await look(server, late, [hog, VICTIM])
        assert late_still
    await look(server, late, [hog, VICTIM])
    assert late.place(asker_of(hog)) == 0


async def test_where_all_are_late_they_have_all_turns() -> None:
    server, late, targets = Server(), LateAskers(), hogs(AT_ONCE)
    await look(server, late, targets)
    server.most = 0
    await look(server, late, targets)
    assert server.most == AT_ONCE


async def test_who_wants_all_bytes_leaves_each_other_its_part() -> None:
    wants = {f"hog{n}": 2**40 for n in range(8)} | {f"small{n}": WHOLE_BYTES // 2 // 16 for n in range(8)}
    targets = [Target("shop", name, name, totals=(name,)) for name in wants]
    taken = Counter[str]()

    async def send(query: str, budget: AnswerBudget) -> Sequence[Row] | str:
        while taken[query] < wants[query]:
            try:
                budget.take(2**16)
            except AnswerTooLong as error:
                return str(error)
            taken[query] += 2**16
            await asyncio.sleep(0)
        return OK

    totals, _ = await UserAsking(send, targets, LateAskers()).counters(
        asyncio.get_running_loop().time() + 60, targets, ""
    )
    assert {name for name, rows in totals.items() if rows == OK} == {name for name in wants if name.startswith("small")}
    assert taken.total() <= WHOLE_BYTES


async def test_of_short_series_there_may_be_as_many_as_of_usual_ones_and_they_are_not_even_decoded(site: Site) -> None:
    site.pods[0].serve(10, ingress="other")
    site.scrape()
    count(site, "fine", 200, 9)
    site.prometheus.numbers["max(quiet)"] = [0.25]
    rows = [({"pod": str(n)}, [(1.0, 1.0)]) for n in range(11_000)]
    many = web.json_response(site.prometheus.document(rows, "matrix")).body

    async def answer(request: web.Request) -> web.StreamResponse:
        if str((await request.post())["query"]).startswith("many"):
            return web.Response(body=many, content_type="application/json")
        return await site.prometheus.evaluate(request)

    site.prometheus.answer = answer
    hog = BESIDE._replace(ingress="hog", totals=("many",), parts=(), values=())
    read = await site.source.read([hog, BESIDE])
    assert "more than 10485 series came; narrow the selectors of this rollout's own" in read[hog].failed["many"]
    assert_answered(read[BESIDE])


async def test_a_long_answer_is_decoded_while_others_are_served(site: Site) -> None:
    threads: dict[int, int] = {}

    class Noting(PrometheusClient):
        def _rows(self, response: aiohttp.ClientResponse, body: bytes) -> list[Row]:
            threads[len(body)] = threading.get_ident()
            return super()._rows(response, body)

    client = Noting(site.session, Access(site.url))
    for number in (10, 5_000):
        site.prometheus.numbers["load"] = [1.0] * number
        assert len(await client.query("load")) == number
    short, long = (threads[size] for size in sorted(threads))
    assert short == threading.get_ident() != long
