"""The curl line of ``status``: as the step routes now, by the primary's own host and path."""

from typing import Any

import pytest

from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.curl_hint import curl_command
from tests.domain.world import PRIMARY, ROUTER


def ingress(
    host: str = "shop.example", path: str = "/", tls: str = "", service: str = "checkout", second: str = ""
) -> Ingress:
    leads = {"service": {"name": service, "port": {"number": 80}}}
    other = {"service": {"name": "other", "port": {"number": 80}}}
    paths = [{"path": "/other", "backend": other}, {"path": path, "pathType": "Prefix", "backend": leads}]
    if second:
        paths.append({"path": second, "pathType": "Prefix", "backend": leads})
    rule: dict[str, Any] = {"host": host, "http": {"paths": paths}} if host else {"http": {"paths": paths}}
    secured = {"tls": [{"hosts": [tls], "secretName": "cert"}]} if tls else {}
    return Ingress.of({**PRIMARY, "spec": {"rules": [{"host": "no-paths.example"}, rule], **secured}})


def header(**members: str) -> Exposure:
    return Exposure(header=HeaderRoute(name="X-Canary", **members))


@pytest.mark.parametrize(
    ("exposure", "send", "line"),
    [
        (header(), None, "curl -H 'X-Canary: always' http://shop.example/"),
        (header(value="staff"), None, "curl -H 'X-Canary: staff' http://shop.example/"),
        (header(pattern="^v2"), "v2.1", "curl -H 'X-Canary: v2.1' http://shop.example/"),
        (
            header(pattern="^v2"),
            None,
            "curl -H 'X-Canary: VALUE' http://shop.example/   # VALUE: one that ^v2 matches",
        ),
        (Exposure(cookie="canary"), None, "curl -H 'Cookie: canary=always' http://shop.example/"),
        (Exposure(weight=50), None, None),
    ],
)
def test_the_line_forces_a_request_to_the_canary_as_the_step_routes(
    exposure: Exposure, send: str | None, line: str | None
) -> None:
    assert curl_command(ingress(), "checkout", exposure, ROUTER, send) == line


@pytest.mark.parametrize(
    ("primary", "url"),
    [
        (ingress(tls="shop.example"), "https://shop.example/"),
        (ingress(tls="*.example"), "https://shop.example/"),
        (ingress("a.shop.example", tls="*.example"), "http://a.shop.example/"),
        (ingress("example", tls="*.example"), "http://example/"),
        (ingress("*.shop.example", tls="*.shop.example"), "https://any.shop.example/"),
        (ingress(path="/pay"), "http://shop.example/pay"),
        (ingress(path=""), "http://shop.example/"),
        (ingress("*.shop.example"), "http://any.shop.example/"),
        (ingress(""), "http://ADDRESS-OF-THE-CONTROLLER/"),
        (
            ingress(path="/items/[0-9]+(/|$)"),
            "http://shop.example/PATH   # PATH: one that /items/[0-9]+(/|$) matches",
        ),
        (ingress(path="/a(/|$)(.*)", second="/v1.2"), "http://shop.example/v1.2"),
        (ingress(service="gone"), "http://ADDRESS-OF-THE-CONTROLLER/"),
    ],
)
def test_the_address_is_that_of_a_path_that_leads_to_stable_and_is_no_pattern(primary: Ingress, url: str) -> None:
    line = curl_command(primary, "checkout", header(), ROUTER)
    assert line == f"curl -H 'X-Canary: always' {url}"


def test_everything_that_has_to_be_filled_in_is_reported() -> None:
    line = curl_command(ingress(path="/a|b"), "checkout", header(pattern="^v2"), ROUTER)
    assert line is not None
    assert line.endswith("/PATH   # VALUE: one that ^v2 matches; PATH: one that /a|b matches")
