"""A compressed clock runs faster, agrees with real time at its epoch, and does not depend on when it was started."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ingress_canary.adapters.clock import CompressedClock, SystemClock
from ingress_canary.domain.objects.metadata import EPOCH


async def test_the_system_clock_shows_real_time():
    clock = SystemClock()
    before = clock.now()
    assert before.tzinfo is UTC
    begun = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - begun >= 0.009
    assert clock.at(before) == before


async def test_a_compressed_clock_scales_time_and_sleep_alike():
    epoch = SystemClock().now() - timedelta(seconds=10)
    clock = CompressedClock(60, epoch)
    before, now, after = SystemClock().now(), clock.now(), SystemClock().now()
    assert clock.at(before) <= now <= clock.at(after)
    assert now - epoch >= timedelta(minutes=10)
    assert clock.at(epoch + timedelta(seconds=1)) == epoch + timedelta(minutes=1)
    assert clock.wall(epoch + timedelta(minutes=1)) == epoch + timedelta(seconds=1)
    assert SystemClock().wall(now) == SystemClock().at(now) == now
    begun, real = clock.monotonic(), asyncio.get_running_loop().time()
    await clock.sleep(30)
    assert 0.49 < asyncio.get_running_loop().time() - real < 15
    assert clock.monotonic() - begun >= 29
    shown, again, after = clock.now(), CompressedClock(60, epoch).now(), clock.now()
    assert shown <= again <= after


def test_instants_before_the_calendar_began_are_the_epoch():
    clock = CompressedClock(1000, datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.at(EPOCH) == EPOCH


@pytest.mark.parametrize("scale", [0, -1])
def test_time_runs_forwards(scale):
    with pytest.raises(ValueError, match="the scale must be above 0"):
        CompressedClock(scale, EPOCH)
