"""Who waits for a pass, for how long, and what becomes of them when no pass is begun any more."""

import asyncio

from ingress_canary.engine.queue import KeyedQueue


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
