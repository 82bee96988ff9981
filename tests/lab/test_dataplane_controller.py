"""Every way in which a canary Ingress does nothing, or harm: the controller's model, over real HTTP."""

import re

import pytest

from ingress_canary.lab.dataplane import Kind
from tests.lab.dataplane_shop import (
    CLASS,
    HOST,
    Json,
    Shop,
    canary_ingress,
    ingress,
    open_shop,
    path,
    service,
    slices,
    until,
)

WEB = ingress("web", path("stable"), age=30)
CANARY, STABLE, GONE, EMPTY = "v2", "v1", "404", "503"

MERGES: dict[str, tuple[list[Json], dict[str, str]]] = {
    "a canary of the same host, path and type takes its weight": ([WEB, canary_ingress()], {"/": CANARY}),
    "a canary alone serves nobody": ([canary_ingress()], {"/": GONE}),
    "the host must be string-equal: a wildcard does not match": (
        [WEB, canary_ingress(host="*.example")],
        {"/": STABLE},
    ),
    "a server-alias of the primary is served, but a canary on the alias does not match": (
        [ingress("web", path("stable"), age=30, server_alias="alias.example"), canary_ingress(host="alias.example")],
        {"/": STABLE, "alias.example/": STABLE},
    ),
    "the canary of the name behind an alias is drawn on the alias, too": (
        [ingress("web", path("stable"), age=30, server_alias="alias.example"), canary_ingress()],
        {"/": CANARY, "alias.example/": CANARY},
    ),
    "the path must be string-equal": (
        [ingress("web", path("stable", "/api"), age=30), canary_ingress(path("canary", "/api/"))],
        {"/api": STABLE, "/api/x": STABLE},
    ),
    "Exact is not Prefix": ([WEB, canary_ingress(path("canary", "/", "Exact"))], {"/": STABLE}),
    "no pathType and ImplementationSpecific are Prefix": (
        [
            ingress("web", path("stable", "/a", None), path("other", "/b", "ImplementationSpecific"), age=30),
            canary_ingress(path("canary", "/a", "ImplementationSpecific"), path("canary", "/b", "Prefix")),
        ],
        {"/a/x": CANARY, "/b": CANARY},
    ),
    "no path is the root": ([WEB, canary_ingress(path("canary", None))], {"/": CANARY}),
    "one unmatched path on an existing host drops the canary for all paths": (
        [WEB, canary_ingress(path("canary"), path("canary", "/missing"))],
        {"/": STABLE, "/missing": STABLE},
    ),
    "a path on a host that does not exist drops nothing": (
        [
            WEB,
            canary_ingress()
            | {
                "spec": {
                    "ingressClassName": "nginx",
                    "rules": [
                        {"host": "nowhere.example", "http": {"paths": [path("canary")]}},
                        {"host": HOST, "http": {"paths": [path("canary")]}},
                    ],
                }
            },
        ],
        {"/": CANARY},
    ),
    "of two canaries only the oldest alternative is used": (
        [WEB, canary_ingress(path("other"), age=20), canary_ingress(name="second", age=10)],
        {"/": STABLE},
    ),
    "of two canary Ingresses on one Service the first policy wins": (
        [WEB, canary_ingress(age=20), canary_ingress(name="second", age=10, canary_weight="0")],
        {"/": CANARY},
    ),
    "a Service whose canary Ingress is older than a plain one's vanishes there": (
        [WEB, canary_ingress(age=20), ingress("beta", path("canary"), host="beta.example", age=10)],
        {"/": CANARY, "beta.example/": GONE},
    ),
    "a Service whose canary Ingress is newer than a plain one's keeps weight 0": (
        [WEB, canary_ingress(age=10), ingress("beta", path("canary"), host="beta.example", age=20)],
        {"/": STABLE, "beta.example/": CANARY},
    ),
    "a canary that references the stable Service on another path makes nothing of it": (
        [WEB, canary_ingress(path("canary"), path("stable", "/x"))],
        {"/": CANARY, "/x": CANARY},
    ),
    "an older canary that references the stable Service takes it off the air": (
        [ingress("web", path("stable"), age=10), canary_ingress(path("stable"), age=20)],
        {"/": GONE},
    ),
    "a canary's default backend on the stable Service wipes the stable side": (
        [WEB, canary_ingress(default="stable")],
        {"/": GONE},
    ),
    "alternatives are of the upstream: other hosts and paths on the same stable Service are canaried too": (
        [WEB, ingress("shared", path("stable", "/x"), host="shared.example", age=25), canary_ingress()],
        {"/": CANARY, "shared.example/x": CANARY},
    ),
    "other Services of the primary are not canaried": (
        [ingress("web", path("stable"), path("other", "/other"), age=30), canary_ingress()],
        {"/": CANARY, "/other": STABLE},
    ),
    "of two Ingresses that claim a path the oldest owns it": (
        [ingress("web", path("stable"), age=10), ingress("older", path("canary"), age=20)],
        {"/": CANARY},
    ),
    "of two of the same age the greater name owns it": (
        [ingress("a", path("stable"), age=10), ingress("b", path("canary"), age=10)],
        {"/": CANARY},
    ),
    "canary false owns the path like any other Ingress": (
        [ingress("web", path("stable"), age=10), canary_ingress(canary="false", age=20)],
        {"/": CANARY},
    ),
    "a canary value that is no boolean is a plain Ingress": (
        [WEB, canary_ingress(path("canary", "/beta"), canary="yes", canary_weight="0")],
        {"/": STABLE, "/beta": CANARY},
    ),
    "a redirect of the primary is answered before any canary": (
        [ingress("web", path("stable"), age=30, permanent_redirect="https://new.example"), canary_ingress()],
        {"/": "301"},
    ),
    "a temporal redirect wins over a permanent one, with its own status": (
        [
            ingress(
                "web",
                path("stable"),
                permanent_redirect="https://new.example",
                temporal_redirect="https://now.example",
                temporal_redirect_code="307",
            ),
            canary_ingress(),
        ],
        {"/": "307"},
    ),
    "TLS passthrough goes to the stable side unopened": (
        [ingress("web", path("stable"), age=30, ssl_passthrough="true"), canary_ingress()],
        {"/": STABLE},
    ),
    "an IngressClass of another controller is not served": (
        [WEB, canary_ingress(class_name="alb")],
        {"/": STABLE},
    ),
    "an IngressClass that does not exist is not served": ([WEB, canary_ingress(class_name="gone")], {"/": STABLE}),
    "the legacy class annotation counts where there is no field": (
        [WEB, canary_ingress(class_name=None, raw={"kubernetes.io/ingress.class": "nginx"})],
        {"/": CANARY},
    ),
    "the class field wins over the annotation": (
        [WEB, canary_ingress(class_name="alb", raw={"kubernetes.io/ingress.class": "nginx"})],
        {"/": STABLE},
    ),
    "an Ingress without any class is not served": ([WEB, canary_ingress(class_name=None)], {"/": STABLE}),
    "two namespaces may share an upstream's name": (
        [ingress("web", path("stable"), age=30), ingress("x", path("y"), namespace="shop", host="x.example")],
        {"/": STABLE, "x.example/": EMPTY},
    ),
    "an Ingress with a default backend only serves what nobody else does": (
        [WEB, ingress("all", default="other")],
        {"anywhere.example/": STABLE},
    ),
    "a default backend serves the paths that its own rules leave": (
        [ingress("web", path("canary", "/beta"), default="other")],
        {"/": STABLE, "/beta": CANARY},
    ),
    "an older canary's default backend merges into a catch-all": (
        [
            ingress("all", default="stable", age=30),
            canary_ingress() | {"spec": {"ingressClassName": "nginx", "defaultBackend": path("canary")["backend"]}},
        ],
        {"anywhere.example/": CANARY},
    ),
    "a wildcard host serves one level below it": (
        [ingress("web", path("stable"), host="*.example.org")],
        {"a.example.org/": STABLE, "a.b.example.org/": GONE, "example.org/": GONE},
    ),
    "a rule without host serves every other host": (
        [ingress("web", path("stable"), host=None)],
        {"x.example/": STABLE},
    ),
    "a prefix ends at a slash, and an exact path is only itself": (
        [ingress("web", path("stable", "/api"), path("canary", "/api/v2", "Exact"))],
        {"/api": STABLE, "/api/": STABLE, "/apix": GONE, "/api/v2": CANARY, "/api/v2/x": STABLE},
    ),
}


async def answers(shop: Shop, places: dict[str, str]) -> dict[str, str]:
    found = {}
    for place in places:
        host, at = place.split("/", 1)
        found[place] = await shop.version("/" + at, host=host or HOST)
    return found


@pytest.mark.parametrize("case", MERGES.values(), ids=MERGES.keys())
async def test_the_controllers_rules_of_ownership_and_merging(case: tuple[list[Json], dict[str, str]]) -> None:
    ingresses, expected = case
    async with open_shop() as shop:
        other = {"metadata": {"name": "alb"}, "spec": {"controller": "ingress.k8s.aws/alb"}}
        shop.plane.apply(Kind.INGRESS_CLASS, [CLASS, other])
        await shop.settle(*ingresses)
        assert await answers(shop, expected) == expected


WEIGHTS = {
    "100": CANARY,
    "+100": CANARY,
    "0100": CANARY,
    "10%": STABLE,
    " 100": STABLE,
    "100.0": STABLE,
    "1_00": STABLE,
    "": STABLE,
    "٣٠٠": STABLE,
    "99999999999999999999": STABLE,
}


@pytest.mark.parametrize(("weight", "expected"), WEIGHTS.items())
async def test_a_weight_that_is_no_plain_integer_is_nothing(weight: str, expected: str) -> None:
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress(canary_weight=weight))
        assert await shop.version() == expected


async def test_a_total_that_is_no_plain_integer_is_a_hundred() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress(canary_weight="100", canary_weight_total="1e9"))
        assert {await shop.version() for _ in range(20)} == {CANARY}


HEADERS: dict[str, tuple[dict[str, str], str, str]] = {
    "an invalid value becomes none, so always is always": (
        {"canary_by_header": "X-Canary", "canary_by_header_value": "a;b"}, "always", CANARY,
    ),
    "a value may have spaces inside": (
        {"canary_by_header": "X-Canary", "canary_by_header_value": "a b"}, "a b", CANARY,
    ),
    "an invalid pattern becomes none": (
        {"canary_by_header": "X-Canary", "canary_by_header_pattern": "^v{1,3}$"}, "always", CANARY,
    ),
    "an underscore in the name stands for a dash": ({"canary_by_header": "x_canary"}, "always", CANARY),
    "a name with other characters never matches": ({"canary_by_header": "X.Canary"}, "always", STABLE),
    "an expression that Python would read in its own way ends the decision": (
        {"canary_by_header": "X-Canary", "canary_by_header_pattern": "[[:alpha:]]"}, "always", STABLE,
    ),
    "digits of other scripts are no digits": (
        {"canary_by_header": "X-Canary", "canary_by_header_pattern": r"^\d$"}, "٣", STABLE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADERS.values(), ids=HEADERS.keys())
async def test_header_rules_beyond_the_truth_table(case: tuple[dict[str, str], str, str]) -> None:
    annotations, value, expected = case
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress(canary_weight="0", **annotations))
        name = "X.Canary" if "." in annotations["canary_by_header"] else "X-Canary"
        assert await shop.version(headers={name: value}) == expected


async def test_cookie_names_are_case_insensitive_and_the_first_one_counts() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress(canary_weight="0", canary_by_cookie="Beta"))
        assert await shop.version(headers={"Cookie": "a=1; beta=always; beta=never"}) == CANARY
        assert await shop.version(headers={"Cookie": "xbeta=always"}) == STABLE


async def test_a_crash_of_the_controller_leaves_the_last_configuration_in_force() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB)
        broken = canary_ingress()
        broken["spec"]["rules"][0].pop("http")
        shop.publish(broken, ingress("new", path("canary"), age=30))
        await until(shop.page, lambda page: re.search(r"_last_reload_successful{.*} 0\n", page) is not None)
        assert await shop.version() == STABLE


HASHING = {"upstream_hash_by": "$request_uri", "upstream_hash_by_subset": "true"}


async def test_hashing_by_subset_on_the_canary_freezes_its_weight() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress(canary_weight="0", **HASHING))
        await take_up(shop, WEB, canary_ingress(**HASHING))
        assert await shop.version() == STABLE
        await shop.pod.restart()
        assert await shop.version() == CANARY


async def test_hashing_by_subset_on_the_stable_side_hides_a_canary_that_comes_later() -> None:
    async with open_shop() as shop:
        primary = ingress("web", path("stable"), age=30, **HASHING)
        await shop.settle(primary)
        await take_up(shop, primary, canary_ingress())
        assert await shop.version() == STABLE
        await shop.pod.restart()
        assert await shop.version() == CANARY


async def take_up(shop: Shop, *ingresses: Json) -> None:
    """Publish, and wait until the running pod has taken it up: a host that came with it answers."""
    shop.publish(*ingresses, ingress("marker", path("other"), host="marker.example"))
    await until(lambda: shop.version(host="marker.example"), lambda version: version == STABLE)


async def test_a_stable_side_without_endpoints_is_stood_in_for_by_a_default_backend() -> None:
    async with open_shop() as shop:
        shop.endpoints(stable=0)
        await shop.settle(ingress("web", path("stable"), default_backend="other"), canary_ingress(canary_weight="0"))
        assert await shop.version() == STABLE
        await shop.settle(ingress("web", path("stable"), default_backend="other"), canary_ingress())
        assert await shop.version() == CANARY


async def test_endpoints_are_the_ready_ones_of_the_services_port_by_name_or_number() -> None:
    async with open_shop() as shop:
        named = ingress("web", path("stable"))
        named["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"name": "http"}
        port = shop.stable.port
        cases: list[tuple[Json, Json, str]] = [
            (service("stable"), slices("stable", "127.0.0.2", port=port), STABLE),
            (service("stable"), slices("stable", "127.0.0.2", port=port, ready=False), EMPTY),
            (service("stable", type="ExternalName"), slices("stable", "127.0.0.2", port=port), EMPTY),
            (
                service("stable", ports=[{"name": "http", "port": 80, "targetPort": port}]),
                slices("stable", "127.0.0.2") | {"ports": []},
                STABLE,
            ),
            (
                service("stable", ports=[{"name": "metrics", "port": 80}]),
                slices("stable", "127.0.0.2", port=port),
                EMPTY,
            ),
        ]
        for offered, found, expected in cases:
            shop.plane.apply(Kind.SERVICE, [offered])
            shop.plane.apply(Kind.ENDPOINT_SLICE, [found])
            await shop.settle(named)
            assert await shop.version() == expected, offered


async def test_affinity_cookies_name_the_side_and_legacy_canaries_issue_none() -> None:
    async with open_shop() as shop:
        sticky = ingress("web", path("stable"), affinity="cookie", session_cookie_name="route")
        await shop.settle(sticky, canary_ingress())
        of_canary = (await shop.get()).cookies["route"].coded_value
        held = {"Cookie": f"route={of_canary}"}
        await shop.settle(sticky, canary_ingress(canary_weight="0"))
        assert await shop.version(headers=held) == CANARY
        assert "route" not in (await shop.get(headers=held)).cookies
        # deleting the shadow ends it; the cookie stays, and waits
        await shop.settle(sticky)
        assert await shop.version(headers=held) == STABLE
        await shop.settle(sticky, canary_ingress(affinity_canary_behavior="legacy"))
        assert "route" not in (await shop.get()).cookies
        assert (await shop.get()).headers["X-Version"] == CANARY
