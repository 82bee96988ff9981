"""The truth table of routing, over real HTTP through the proxy."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from scipy import stats

from ingress_canary.lab.dataplane.annotations import Policy
from ingress_canary.lab.dataplane.balancer import BackendSide, Balancer, advance, choose
from ingress_canary.lab.dataplane.routes import Upstream
from tests.lab.dataplane_shop import Shop, canary_ingress, ingress, open_shop, path

VECTORS = yaml.safe_load((Path(__file__).parent / "routing-vectors.yaml").read_text())["vectors"]
DRAWS = 600

AFFINITY = {"affinity": "cookie"}
SIDES = {"v1": "stable", "v2": "canary", "503": "unavailable"}


def shadow(vector: dict[str, Any]) -> dict[str, Any]:
    return canary_ingress(**{"canary_weight": "0"} | {k.replace("-", "_"): v for k, v in vector["annotations"].items()})


async def affinity_cookie(shop: Shop, side: str) -> str:
    """Return the cookie that a side issues, got in the way a browser gets it."""
    primary = ingress("web", path("stable"), **AFFINITY)
    await shop.settle(primary, canary_ingress(canary_weight="100" if side == "canary" else "0"))
    response = await shop.get()
    assert SIDES[response.headers["X-Version"]] == side
    return f"INGRESSCOOKIE={response.cookies['INGRESSCOOKIE'].coded_value}"


def lies_within(observed: int, draws: int, probability: float) -> bool:
    interval = stats.binomtest(observed, draws).proportion_ci(0.999, method="exact")
    return bool(interval.low <= probability <= interval.high)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["id"]))
async def test_each_vector_of_the_truth_table_holds_over_http(vector: dict[str, Any]) -> None:
    async with open_shop() as shop:
        request = vector["request"]
        cookies = [f"{name}={value}" for name, value in request.get("cookies", {}).items()]
        if side := vector.get("affinityCookie"):
            cookies.append(await affinity_cookie(shop, side))
        headers = request.get("headers", {}) | ({"Cookie": "; ".join(cookies)} if cookies else {})
        shop.endpoints(**{"stable": 1, "canary": 1} | vector.get("endpoints", {}))
        primary = ingress("web", path("stable"), **AFFINITY if vector.get("affinity") else {})
        await shop.settle(primary, shadow(vector))
        expected = vector["expect"]
        if isinstance(expected, str):
            assert {SIDES[await shop.version(headers=headers)] for _ in range(12)} == {expected}
        else:
            answers = [SIDES[await shop.version(headers=headers)] for _ in range(DRAWS)]
            assert lies_within(answers.count("canary"), DRAWS, expected["canary"])


async def test_a_fraction_of_a_percent_is_drawn_through_the_total() -> None:
    async with open_shop() as shop:
        await shop.settle(
            ingress("web", path("stable")), canary_ingress(canary_weight="12500", canary_weight_total="100000")
        )
        answers = [await shop.version() for _ in range(DRAWS)]
        assert lies_within(answers.count("v2"), DRAWS, 0.125)


@given(weight=st.integers(-5, 400), total=st.integers(-5, 300))
def test_exactly_the_weights_share_of_all_draws_is_the_canarys(weight: int, total: int) -> None:
    stable = Balancer.of(Upstream("stable", ("192.0.2.1:80",), alternatives=["canary"]))
    canary = Balancer.of(Upstream("canary", ("192.0.2.2:80",), policy=Policy(weight, total)))
    highest = max(total, 100)
    sides = [choose(stable, canary, CIMultiDict(), lambda _, drawn=drawn: drawn) for drawn in range(1, highest + 1)]
    assert sides.count(BackendSide.CANARY) == min(max(weight, 0), highest)


@given(
    weight=st.integers(0, 100),
    header=st.none() | st.sampled_from(["always", "never", "v2", ""]),
    cookie=st.none() | st.sampled_from(["always", "never", "1"]),
)
def test_a_canary_without_endpoints_takes_nothing_whatever_the_request(
    weight: int, header: str | None, cookie: str | None
) -> None:
    stable = Balancer.of(Upstream("stable", ("192.0.2.1:80",), alternatives=["canary"]))
    canary = Upstream("canary", policy=Policy(weight, header="X-Canary", cookie="canary"))
    headers = CIMultiDict({"X-Canary": header} if header is not None else {})
    if cookie:
        headers["Cookie"] = f"canary={cookie}"
    held = advance({}, {"canary": canary})
    assert choose(stable, held.get("canary"), headers, lambda _: 1) is BackendSide.STABLE
