"""The curl line of ``status``: as the step routes now, by the primary's own host and path."""

from typing import Any

import pytest

from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.objects import Ingress
from ingress_canary.domain.reach import curl
from ingress_canary.domain.steps import Exposure
from tests.domain.world import PRIMARY, ROUTER


def ingress(host: str = "shop.example", path: str = "/", tls: bool = False, service: str = "checkout") -> Ingress:
    leads = {"service": {"name": service, "port": {"number": 80}}}
    other = {"service": {"name": "other", "port": {"number": 80}}}
    paths = [{"path": "/other", "backend": other}, {"path": path, "pathType": "Prefix", "backend": leads}]
    rule: dict[str, Any] = {"host": host, "http": {"paths": paths}} if host else {"http": {"paths": paths}}
    secured = {"tls": [{"hosts": [host], "secretName": "cert"}]} if tls else {}
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
    assert curl(ingress(), "checkout", exposure, ROUTER, send) == line


@pytest.mark.parametrize(
    ("primary", "url"),
    [
        (ingress(tls=True), "https://shop.example/"),
        (ingress(path="/pay"), "http://shop.example/pay"),
        (ingress(path=""), "http://shop.example/"),
        (ingress("*.shop.example"), "http://any.shop.example/"),
        (ingress(""), "http://ADDRESS-OF-THE-CONTROLLER/"),
        (ingress(path="/a(/|$)(.*)"), "'http://shop.example/a(/|$)(.*)'"),
        (ingress(service="gone"), "http://ADDRESS-OF-THE-CONTROLLER/"),
    ],
)
def test_the_address_is_that_of_the_first_path_that_leads_to_stable(primary: Ingress, url: str) -> None:
    line = curl(primary, "checkout", header(), ROUTER)
    assert line == f"curl -H 'X-Canary: always' {url}"
