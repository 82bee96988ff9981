"""Each rule of preflight: first what the lab's controllers make of such a canary, then that it is found and reported.

The shadows are made by hand at weight 100, so that a shadow that works takes every request: what ``stable`` (v1)
still answers shows that it is inert.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.preflight.problem import ProblemSeverity, blocking
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import Refuse, RequestInfo
from tests.e2e.conftest import SCHEDULE
from tests.e2e.preflight_shop import (
    ROUTER,
    annotate,
    applied,
    asking,
    findings,
    ingress,
    next_second,
    open_lab,
    primary_made_anew,
    shadow_of,
    until_answered,
    until_awaited,
    with_service,
)

HERE, SHOP = "shop.example/", manifests.NAMESPACE
STABLE, CANARY, GONE, EMPTY = "v1", "v2", "404", "503"
RELOAD_FAILED = re.compile(r"^nginx_ingress_controller_config_last_reload_successful(\{.*\})? 0$", re.MULTILINE)
STAFF = HeaderRoute(name="X-Canary", value="staff,ops")


def path(service: str, where: str = "/") -> dict[str, Any]:
    return {
        "path": where, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}
    }  # fmt: skip


def rules(body: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body["spec"]["rules"]
    return found


def paths(body: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rules(body)[0]["http"]["paths"]
    return found


def labelled(body: dict[str, Any], **values: str) -> None:
    body["metadata"]["annotations"] |= {
        f"{ROUTER.prefix}/{key.replace('_', '-')}": value for key, value in values.items()
    }


def nothing(_: Lab) -> None:
    """Leave the shop as it is."""


def other_canary_of(service: str, host: str, weight: str) -> Callable[[Lab], None]:
    def made(lab: Lab) -> None:
        if service != "checkout-canary":
            with_service(lab, service)
        lab.create("ingresses", ingress("zz-canary", host, service, canary="true", canary_weight=weight))

    return made


def older_ingress(host: str, service: str) -> Callable[[Lab], None]:
    """Return what makes an Ingress that counts as older than the primary: it is made first, and its name is later."""

    def made(lab: Lab) -> None:
        if service == "other":
            with_service(lab, service)
        lab.create("ingresses", ingress("web", host, service))
        primary_made_anew(lab)

    return made


def without_endpoints(side: str) -> Callable[[Lab], None]:
    def made(lab: Lab) -> None:
        app = lab.canary if side == "checkout-canary" else lab.stable
        app.ready = False
        lab.publish(side)

    return made


def without_the_port(lab: Lab) -> None:
    ports = [{"name": "web", "port": 8080, "targetPort": "web"}]
    lab.api.store.patch("services", SHOP, "checkout-canary", {"spec": {"ports": ports}})


def of_another_class(lab: Lab) -> None:
    lab.create("ingressclasses", {
        "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "other"},
        "spec": {"controller": "x.example/balancer"},
    })  # fmt: skip
    lab.api.store.patch("ingresses", SHOP, "checkout", {"spec": {"ingressClassName": "other"}})


def primary_with_another_service(lab: Lab) -> None:
    primary_made_anew(lab)
    body = lab.api.store.get("ingresses", SHOP, "checkout")
    more = [*paths(body), path("other", "/other")]
    change = {"rules": [{"host": manifests.HOST, "http": {"paths": more}}]}
    lab.api.store.patch("ingresses", SHOP, "checkout", {"spec": change})


class Case(NamedTuple):
    """A canary that does nothing or does harm."""

    rule: int
    what: str
    answers: Mapping[str, str]
    """Who answers what, with a shadow at weight 100."""
    before: Callable[[Lab], None] = nothing
    edit: Callable[[dict[str, Any]], object] = lambda _: None
    after: Callable[[Lab], None] = nothing
    aged: bool = False
    """Whether it matters which is the older Ingress."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


CASES = [
    Case(1, "a newer plain Ingress on the canary Service loses its paths", {HERE: CANARY, "beta.example/": GONE},
         after=lambda lab: lab.create("ingresses", ingress("beta", "beta.example", "checkout-canary")), aged=True),
    Case(1, "an older plain Ingress on the canary Service leaves the weight at 0", {HERE: STABLE},
         before=older_ingress("beta.example", "checkout-canary"), aged=True),
    Case(2, "a default backend on the stable Service takes stable off the air", {HERE: GONE},
         edit=lambda body: body["spec"].update(defaultBackend=path("checkout")["backend"])),
    Case(3, "a path to another Service takes that off, and the canary gets its requests",
         {HERE: CANARY, "shop.example/other": CANARY},
         before=lambda lab: with_service(lab, "other"), after=primary_with_another_service,
         edit=lambda body: paths(body).append(path("other", "/other")), aged=True),
    Case(4, "one path that the primary has not drops the canary for all", {HERE: STABLE, "shop.example/v2": STABLE},
         edit=lambda body: paths(body).append(path("checkout-canary", "/v2"))),
    Case(4, "a host that the primary has not is no canary of it", {HERE: STABLE},
         edit=lambda body: rules(body)[0].update(host="*.example")),
    Case(5, "the older of two canaries is the only one used", {HERE: STABLE},
         before=other_canary_of("other", manifests.HOST, "0")),
    Case(6, "the older policy for one canary Service wins", {HERE: STABLE},
         before=other_canary_of("checkout-canary", "other.example", "0")),
    Case(7, "the Service of the older Ingress is canaried instead", {HERE: CANARY},
         before=older_ingress(manifests.HOST, "other"), aged=True),
    Case(8, "another host on the stable Service is canaried too", {HERE: CANARY, "api.example/": CANARY},
         before=lambda lab: lab.create("ingresses", ingress("api", "api.example", "checkout"))),
    Case(9, "a class of another controller is not served", {HERE: GONE}, before=of_another_class),
    Case(10, "a redirect answers before a side is drawn", {HERE: "301"},
         before=lambda lab: annotate(lab, permanent_redirect="https://x.example")),
    Case(11, "a weight with a percent sign is read as 0", {HERE: STABLE},
         edit=lambda body: labelled(body, canary_weight="100%")),
    Case(14, "without a ready endpoint all goes to stable", {HERE: STABLE},
         before=without_endpoints("checkout-canary")),
    Case(14, "without the port all goes to stable", {HERE: STABLE}, before=without_the_port),
    Case(15, "without stable all fails at weight 100 too", {HERE: EMPTY}, before=without_endpoints("checkout")),
    Case(18, "a shadow without its mark owns the path", {HERE: CANARY}, after=primary_made_anew, aged=True,
         edit=lambda body: labelled(body, canary="false", canary_weight="0")),
]  # fmt: skip


async def test_a_shadow_that_nothing_is_wrong_with_takes_its_weight_and_nothing_is_found(tmp_path: Path) -> None:
    async with open_lab() as lab:
        assert await findings(lab, tmp_path) == ()
        shadow_of(lab)
        await applied(lab)
        async with asking(lab) as ask:
            await until_answered(ask, {HERE: CANARY})
        assert await findings(lab, tmp_path) == ()


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_is_inert_or_harmful_in_the_data_plane_is_found(case: Case, tmp_path: Path) -> None:
    async with open_lab() as lab:
        case.before(lab)
        await applied(lab)
        if case.aged:
            await next_second()
        shadow_of(lab, edit=case.edit)
        if case.aged and case.after is not nothing:
            await next_second()
        case.after(lab)
        await applied(lab)
        async with asking(lab) as ask:
            await until_answered(ask, case.answers)
        found = await findings(lab, tmp_path)
    assert case.rule in {problem.rule for problem in blocking(found, accept_unchecked=False)}


async def test_a_rule_without_http_keeps_the_controller_on_its_old_configuration(tmp_path: Path) -> None:
    async with open_lab() as lab:
        await applied(lab)
        shadow_of(lab, edit=lambda body: rules(body).append({"host": "x.example"}))

        async def reload_failed() -> bool:
            async with aiohttp.request("GET", lab.plane.pods[0].metrics_url) as answer:
                return RELOAD_FAILED.search(await answer.text()) is not None

        await until_awaited(reload_failed)
        async with asking(lab) as ask:
            assert await ask() == STABLE
        assert [problem.rule for problem in await findings(lab, tmp_path)] == [3]


async def test_a_header_value_with_a_comma_turns_into_always_and_is_found_in_the_schedule(tmp_path: Path) -> None:
    schedule = {
        **SCHEDULE,
        "steps": [{"weight": 0, "header": {"name": "X-Canary", "value": "staff,ops"}, "bake": "1m"}],
    }
    async with open_lab(schedule=schedule) as lab:
        shadow_of(lab, Exposure(0, STAFF))
        await applied(lab)
        async with asking(lab) as ask:
            assert await ask(**{"X-Canary": "staff,ops"}) == STABLE
            assert await ask(**{"X-Canary": "always"}) == CANARY
        (problem,) = await findings(lab, tmp_path)
    assert (problem.rule, problem.field) == (11, "schedule: header.value")


async def test_hashing_by_subset_freezes_the_weight(tmp_path: Path) -> None:
    async with open_lab() as lab:
        annotate(lab, upstream_hash_by="$request_uri", upstream_hash_by_subset="true")
        await applied(lab)
        shadow_of(lab)
        await applied(lab)
        async with asking(lab) as ask:
            assert {await ask() for _ in range(10)} == {STABLE}
        assert [problem.rule for problem in await findings(lab, tmp_path)] == [13]


async def test_a_stable_service_that_selects_the_canarys_pods_sends_them_requests_at_weight_0(tmp_path: Path) -> None:
    async with open_lab() as lab:
        body = lab.canary.endpoint_slice(SHOP, "checkout")
        body["metadata"]["name"] = "checkout-too"
        lab.create("endpointslices", body)
        shadow_of(lab, Exposure(0))
        await applied(lab)
        async with asking(lab) as ask:
            assert {await ask() for _ in range(40)} == {STABLE, CANARY}
        assert [problem.rule for problem in await findings(lab, tmp_path)] == [24]


async def test_a_canary_cookie_beats_weight_0_and_the_affinity_is_warned_of(tmp_path: Path) -> None:
    async with open_lab() as lab:
        annotate(lab, affinity="cookie")
        shadow_of(lab)
        await applied(lab)
        cookie = await _affinity_cookie(lab)
        lab.api.store.patch("ingresses", SHOP, "checkout-canary", _weight("0"))
        await applied(lab)
        async with asking(lab) as ask:
            assert await ask() == STABLE
            assert await ask(Cookie=cookie) == CANARY
        assert [(one.rule, one.severity) for one in await findings(lab, tmp_path)] == [(16, ProblemSeverity.WARNING)]


async def _affinity_cookie(lab: Lab) -> str:
    async with aiohttp.request("GET", lab.plane.urls[0], headers={"Host": manifests.HOST}) as answer:
        morsel = answer.cookies["INGRESSCOOKIE"]
        return f"INGRESSCOOKIE={morsel.coded_value}"


def _weight(percent: str) -> dict[str, Any]:
    return {"metadata": {"annotations": {f"{ROUTER.prefix}/canary-weight": percent}}}


def external_name(lab: Lab) -> None:
    lab.api.store.delete("services", SHOP, "checkout-canary")
    body = {"type": "ExternalName", "externalName": "v2.example", "ports": [{"name": "http", "port": 80}]}
    lab.create("services", {**manifests.service("checkout-canary"), "spec": body})


def twin_upstream(lab: Lab) -> None:
    lab.create("namespaces", manifests.namespace("shop-checkout"))
    lab.create("services", manifests.service("canary", "shop-checkout"))


def crowd(lab: Lab) -> None:
    slice_ = manifests.endpoint_slice("checkout", [f"127.0.3.{number}" for number in range(1, 41)])
    slice_["metadata"]["name"] = "checkout-crowd"
    lab.create("endpointslices", slice_)


def hostless(lab: Lab) -> None:
    lab.api.store.patch("ingresses", SHOP, "checkout", {"spec": {"rules": [{"http": {"paths": [path("checkout")]}}]}})


WARNINGS: list[tuple[int, str, Callable[[Lab], None]]] = [
    (19, "spec.type", external_name),
    (20, "spec.rules[0].http.paths[0]", hostless),
    (21, "metadata.name", twin_upstream),
    (22, "spec.trafficDistribution",
     lambda lab: lab.api.store.patch("services", SHOP, "checkout", {"spec": {"trafficDistribution": "PreferClose"}})),
    (25, "spec.selector", crowd),
    (26, f"metadata.annotations[{ROUTER.prefix}/backend-protocol]", lambda lab: annotate(lab, backend_protocol="GRPC")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "field", "prepare"), WARNINGS, ids=lambda value: value.__name__ if callable(value) else str(value)[:40]
)
async def test_what_makes_a_judgement_doubtful_is_a_warning_and_refuses_nothing(
    number: int, field: str, prepare: Callable[[Lab], None], tmp_path: Path
) -> None:
    async with open_lab() as lab:
        prepare(lab)
        found = await findings(lab, tmp_path)
    assert [(one.rule, one.field, one.severity) for one in found] == [(number, field, ProblemSeverity.WARNING)]


RESOURCE = {"resource": {"apiGroup": "k8s.example", "kind": "Bucket", "name": "static"}}
FORMS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a rule without http", {"rules": [{"host": "bare.example"}, {"host": "shop.example", "http": {"paths": [
        path("checkout")]}}]}, [HERE]),
    ("a resource backend", {"rules": [{"host": "shop.example", "http": {"paths": [
        path("checkout"), {"path": "/static", "pathType": "Prefix", "backend": RESOURCE}]}}]}, [HERE]),
    ("a wildcard", {"rules": [{"host": "*.shop.example", "http": {"paths": [path("checkout")]}}]}, ["a.shop.example/"]),
    ("two hosts", {"rules": [
        {"host": host, "http": {"paths": [path("checkout")]}} for host in ("a.example", "b.example")
    ]}, ["a.example/", "b.example/"]),
    ("regular expressions", {"rules": [{"host": "shop.example", "http": {"paths": [
        {**path("checkout", "/items/[0-9]+"), "pathType": "ImplementationSpecific"}, path("checkout")]}}]}, [HERE]),
    ("no pathType's own meaning", {"rules": [{"host": "shop.example", "http": {"paths": [
        {**path("checkout"), "pathType": "ImplementationSpecific"}]}}]}, [HERE]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "served"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
async def test_whatever_the_primarys_form_the_shadow_takes_what_leads_to_stable(
    spec: dict[str, Any], served: list[str], tmp_path: Path
) -> None:
    async with open_lab() as lab:
        lab.api.store.patch("ingresses", SHOP, "checkout", {"spec": spec})
        shadow_of(lab)
        await applied(lab)
        async with asking(lab) as ask:
            await until_answered(ask, dict.fromkeys(served, CANARY))
        assert blocking(await findings(lab, tmp_path), accept_unchecked=False) == ()


async def test_a_default_backend_alone_is_no_path_and_is_refused_in_words(tmp_path: Path) -> None:
    async with open_lab() as lab:
        only = {"rules": None, "defaultBackend": path("checkout")["backend"]}
        lab.api.store.patch("ingresses", SHOP, "checkout", {"spec": only})
        (problem,) = await findings(lab, tmp_path)
    assert (problem.rule, problem.field) == (0, "spec.stableService")
    assert "give the primary a rule with a path" in problem.remedy


async def test_a_shadow_with_annotations_that_do_nothing_is_warned_of_and_still_works(tmp_path: Path) -> None:
    async with open_lab() as lab:
        shadow_of(lab, edit=lambda body: labelled(body, rewrite_target="/x"))
        await applied(lab)
        async with asking(lab) as ask:
            await until_answered(ask, {HERE: CANARY})
        assert [(one.rule, one.severity) for one in await findings(lab, tmp_path)] == [(17, ProblemSeverity.WARNING)]


async def test_without_the_rights_to_read_the_rules_are_not_checked_and_refused_unless_accepted(tmp_path: Path) -> None:
    async with open_lab() as lab:
        refuse_cluster_wide(lab)
        found = await findings(lab, tmp_path, where=SHOP)
    assert {one.rule for one in found} == {1, 5, 6, 7, 8, 9}
    assert {one.severity for one in found} == {ProblemSeverity.NOT_CHECKED}
    assert blocking(found, accept_unchecked=False) == found
    assert blocking(found, accept_unchecked=True) == ()


def refuse_cluster_wide(lab: Lab) -> None:
    """Let Ingresses be read in namespaces only, and IngressClasses not at all."""

    def everywhere(info: RequestInfo) -> bool:
        reads = info.verb in ("list", "watch") and info.token == "lab"
        return reads and (info.resource == "ingressclasses" or (info.resource == "ingresses" and not info.namespace))

    lab.api.faults.add(everywhere, Refuse(403, "forbidden"))
