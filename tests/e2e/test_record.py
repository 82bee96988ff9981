"""``record`` finds the controllers' pods of a cluster by itself, and what it writes serves a backtest."""

import asyncio
from pathlib import Path

import pytest

from ingress_canary.lab.cluster import Lab
from tests.e2e.test_backtest_prometheus import icanary
from tests.whatif.test_backtest_commands import entries

pytestmark = pytest.mark.slow


async def test_the_controllers_are_found_and_all_that_they_count_is_recorded(tmp_path: Path) -> None:
    out = tmp_path / "checkout.jsonl"
    async with Lab(seed=7, controllers=2) as lab:
        load = lab.load(60, 900)
        traffic = asyncio.create_task(load.run())
        try:
            kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig")
            where = ("--ingress", "shop/checkout", "--kubeconfig", str(kubeconfig), "--out", str(out))
            code, _, err = await icanary("record", *where, "--for", "6s", "--interval", "2s")
            pods = len(lab.plane.pods)
        finally:
            traffic.cancel()
            await asyncio.gather(traffic, return_exceptions=True)
        nobody = ("--ingress", "shop/checkout", "--kubeconfig", str(kubeconfig), "--out", str(tmp_path / "none"))
        (tmp_path / "settings.yaml").write_text("scrape-selector: app=none\n")
        missing = await icanary("record", *nobody, "--settings", str(tmp_path / "settings.yaml"))
    assert code == 0, err
    assert pods > 1
    first, *others = entries(out)
    assert first.requests is None
    assert len(others) == 3
    # a page shows a series a moment after its first request, which may be after the first reading
    timed = [tick for tick in others if tick.latency is not None]
    assert timed[-1] == others[-1]
    for tick in timed:
        assert tick.requests is not None
        # each request is timed, and is within the widest bound
        assert {status: counts[0] for status, counts in tick.latency.items()} == tick.requests
    recorded = sum(sum(tick.requests.values()) for tick in others if tick.requests)
    assert 0 < recorded <= load.tally.total + 50
    assert missing[:2] == (1, "")
    assert "no ready controller pod matches app=none in ingress-nginx: name the addresses of their pages" in missing[2]
