"""Who waits for a pass, for how long, and what becomes of them when no pass is begun any more."""

import asyncio

from ingress_canary.engine.queue import KeyedQueue, LoopShare


async def test_a_key_waits_at_most_once_and_is_never_served_twice_at_a_time() -> None:
    queue = KeyedQueue[str]()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert (await queue.get(), await queue.get(), len(queue)) == ("a", "b", 0)
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_who_waits_longest_counts_also_while_its_last_pass_hangs() -> None:
    queue = KeyedQueue[str]()
    assert queue.oldest() == 0
    queue.add("hangs")
    await queue.get()
    assert queue.oldest() == 0
    queue.add("hangs")
    asked = asyncio.get_running_loop().time()
    await asyncio.sleep(0.02)
    queue.add("waits")
    waited = asyncio.get_running_loop().time() - asked
    assert queue.oldest() >= waited
    queue.done("hangs")
    assert await queue.get() == "waits"
    assert queue.oldest() > 0.01
    assert await queue.get() == "hangs"
    assert queue.oldest() == 0


async def test_a_closed_queue_lets_everybody_go_and_takes_nothing_more() -> None:
    queue = KeyedQueue[str]()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("late", 30)
    queue.close()
    queue.add("more")
    assert await waiting is None
    assert await queue.get() is None
    assert len(queue) == 0


async def test_long_passes_of_many_workers_let_others_be_served_in_between_and_keep_their_order() -> None:
    share, seen = LoopShare(), list[str]()

    async def worker(number: int) -> None:
        for _ in range(3):
            await share.turn()
            seen.append(str(number))
            share.spent(0.05)
            await asyncio.sleep(0)

    async def other() -> None:
        while True:
            seen.append(" ")
            await asyncio.sleep(0)

    serving = asyncio.create_task(other())
    await asyncio.gather(*map(worker, range(8)))
    serving.cancel()
    rounds = "".join(seen).split()
    assert max(map(len, rounds)) == 1
    assert rounds == [*map(str, range(8))] * 3


async def test_short_passes_wait_for_nobody() -> None:
    share, seen = LoopShare(), list[str]()

    async def worker(number: int) -> None:
        await share.turn()
        seen.append(str(number))
        share.spent(0.001)

    served = asyncio.get_running_loop().create_task(asyncio.sleep(0))
    await asyncio.gather(*map(worker, range(8)))
    assert seen == [*map(str, range(8))]
    await served
