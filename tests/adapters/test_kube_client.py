"""Requests to the API server: what is sent, and what every kind of answer becomes."""

import contextlib
import math
import socket

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions, web

from ingress_canary.adapters.kube.client import errors
from ingress_canary.adapters.kube.client.connect import connect
from ingress_canary.ports import ClusterError, Conflict, Missing, Refused, Unavailable
from tests.adapters.scripted_api import INGRESSES, ROLLOUTS, answers, cuts, hangs, kubeconfig, refuses, serving, streams

ONE = "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/checkout"


@pytest.fixture
async def served(tmp_path):
    async with serving(tmp_path, request_timeout=0.5) as both:
        yield both


async def test_a_write_says_who_writes_what_and_how(served):
    api, session = served
    api.put(INGRESSES, "shop", "checkout")
    await session.request("PATCH", ONE, body={"spec": {}}, content_type="application/merge-patch+json")
    sent = api.requests[-1]
    assert sent.query == {"fieldManager": "ingress-canary"}
    assert sent.headers["Content-Type"] == "application/merge-patch+json"
    assert sent.headers["User-Agent"].startswith("ingress-canary/0")
    assert sent.headers["Authorization"] == "Bearer secret"


async def test_a_cookie_of_a_proxy_in_front_of_the_server_is_not_kept(served, tmp_path):
    api, _ = served

    async def sets_a_cookie(_request):
        return web.json_response({}, headers={"Set-Cookie": "lb=1; Path=/"})

    api.script[INGRESSES] += [sets_a_cookie, sets_a_cookie]
    # by name: a cookie jar of aiohttp's keeps nothing of a bare address
    (tmp_path / "named").write_text(kubeconfig(api.url.replace("127.0.0.1", "localhost")))
    session = await connect(kubeconfig=str(tmp_path / "named"))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(session.close)
        for _ in range(2):
            await session.request("GET", ONE)
    assert [sent.headers.get("Cookie") for sent in api.requests] == [None, None]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_a_number_that_json_does_not_know_is_never_sent(served, number):
    api, session = served
    with pytest.raises(Refused, match="patch ingresses shop/checkout: not sent"):
        await session.request("PATCH", ONE, body={"status": {"logE": [number]}})
    assert not api.requests


@pytest.mark.parametrize(
    ("misbehaviour", "expected", "message"),
    [
        (refuses(400, "bad"), Refused, "get ingresses shop/checkout: bad"),
        (refuses(401, "who"), Unavailable, "who"),
        (refuses(403, "no"), errors.Denied, "no"),
        (refuses(404, "gone"), Missing, "gone"),
        (refuses(409, "changed"), Conflict, "changed"),
        (refuses(410, "old"), errors.Expired, "old"),
        (refuses(422, "invalid"), Refused, "invalid"),
        (refuses(429, "slow down"), Unavailable, "slow down"),
        (refuses(500, "webhook"), Unavailable, "webhook"),
        (answers(404, b"404 page not found\n", "text/plain"), errors.NotServed, "does not serve"),
        (answers(404, b"<html>404</html>", "text/html"), Unavailable, "HTTP 404 without a Status object: '<html>"),
        (answers(409, b"{}"), Unavailable, "HTTP 409 without"),
        (answers(502, b"<html>Bad Gateway</html>", "text/html"), Unavailable, "HTTP 502 without"),
        (answers(200, b""), Unavailable, "not JSON: ''"),
        (answers(200, b"<html>Sign in</html>", "text/html"), Unavailable, "not JSON: '<html>"),
        (answers(200, b"[]"), Unavailable, "no JSON object"),
        (answers(200, b'{"a": NaN}'), Unavailable, "not JSON"),
        (answers(200, b'{"a": ' + b"[" * 100_000), Unavailable, "not JSON"),
        (answers(200, b"\xff\xfe\x00"), Unavailable, "not JSON"),
        (cuts, Unavailable, "get ingresses shop/checkout: "),
        (hangs, Unavailable, "no answer in time"),
    ],
)
async def test_every_unusable_answer_becomes_an_error_of_the_port(served, misbehaviour, expected, message):
    api, session = served
    api.script[INGRESSES].append(misbehaviour)
    with pytest.raises(expected) as raised:
        await session.request("GET", ONE)
    assert message in str(raised.value)
    assert len(api.requests) == 1, "nothing is retried behind our back"


async def test_a_refused_connection_is_unavailable(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig(f"http://127.0.0.1:{unused.getsockname()[1]}"))
        session = await connect(kubeconfig=str(path))
        with pytest.raises(Unavailable, match="get ingresses shop/checkout: ClientConnectorError"):
            await session.request("GET", ONE)
        await session.close()


def test_the_mapping_of_statuses_is_total():
    for status in range(100, 600):
        assert issubclass(errors.kind_of(status), ClusterError)
        for body in (b"", b"<html>", b"[]", b'{"kind": "Status"}', b'{"kind": "Status", "message": "m"}', b"\xff"):
            assert isinstance(errors.from_answer(status, body, "get x"), ClusterError)


@pytest.mark.parametrize("status", [None, [], {}, {"code": "410"}, {"code": 410}, {"code": 500, "message": "x"}])
def test_every_error_event_is_an_error_of_the_port(status):
    assert isinstance(errors.from_event(status, "watch x"), ClusterError)


def test_the_mapping_of_what_aiohttp_raises_is_total():
    members = [*vars(client_exceptions).values(), *vars(http_exceptions).values()]
    kinds = [one for one in members if isinstance(one, type) and issubclass(one, Exception)]
    kinds.remove(aiohttp.WSMessageTypeError)
    assert len(kinds) > 40
    assert all(issubclass(kind, errors.ON_THE_WAY) for kind in kinds)


@pytest.mark.parametrize(
    "error", [TimeoutError(), ConnectionResetError("x"), aiohttp.ClientPayloadError(), Missing("x")]
)
def test_every_exception_on_the_way_is_an_error_of_the_port(error):
    assert isinstance(errors.from_exception(error, "get x"), ClusterError)


async def test_what_is_observed_is_verb_resource_and_code(tmp_path):
    observed = []
    async with serving(tmp_path, observe=lambda *seen: observed.append(seen)) as (api, session):
        rollout = "/apis/ingress-canary.io/v1alpha1/namespaces/shop/canaryrollouts/checkout"
        api.put(ROLLOUTS, "shop", "checkout")
        api.script[INGRESSES].append(cuts)
        await session.request("GET", ROLLOUTS)
        await session.request("PATCH", f"{rollout}/status", body={"status": {}})
        with pytest.raises(Unavailable):
            await session.request("GET", ONE)
    assert [seen[:3] for seen in observed] == [
        ("list", "canaryrollouts", "200"),
        ("patch", "canaryrollouts/status", "200"),
        ("get", "ingresses", "error"),
    ]
    assert all(0 <= seen[3] < 5 for seen in observed)


async def test_credentials_are_loaded_again_after_they_were_rejected(tmp_path):
    async with serving(tmp_path) as (api, session):
        api.script[INGRESSES].append(refuses(401, "Unauthorized"))
        (tmp_path / "kubeconfig").write_text(kubeconfig(api.url, token="fresh"))
        with pytest.raises(Unavailable, match="Unauthorized"):
            await session.request("GET", INGRESSES)
        await session.request("GET", INGRESSES)
        assert [sent.headers["Authorization"] for sent in api.requests] == ["Bearer secret", "Bearer fresh"]


async def test_credentials_that_cannot_be_loaded_again_are_unavailable(tmp_path):
    async with serving(tmp_path) as (api, session):
        api.script[INGRESSES].append(refuses(401, "Unauthorized"))
        (tmp_path / "kubeconfig").unlink()
        for message in ("Unauthorized", "list ingresses: the credentials could not be loaded"):
            with pytest.raises(Unavailable, match=message):
                await session.request("GET", INGRESSES)


@pytest.mark.parametrize("content", [None, "", "a: [", "{}"])
async def test_a_kubeconfig_that_cannot_be_loaded_is_named(tmp_path, content):
    path = tmp_path / "missing"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unavailable, match=str(path)):
        await connect(kubeconfig=str(path))


async def test_without_a_cluster_the_message_says_where_it_was_looked_for(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(
        Unavailable, match="no kubeconfig, and no service account of a pod: Service host/port is not set"
    ):
        await connect()


async def test_lines_of_a_watch_come_one_by_one_however_they_are_cut(served):
    api, session = served
    api.script[INGRESSES].append(streams(b'{"a"', b": 1}\n\n{}", b"\n{", b"}\ncut sho"))
    async with session.lines(INGRESSES, {"watch": "true"}, idle=5, total=5) as lines:
        assert [line async for line in lines] == [b'{"a": 1}', b"{}", b"{}"]


@pytest.mark.parametrize(("idle", "total"), [(0.2, 5), (5, 0.2)])
async def test_a_silent_watch_is_given_up(served, idle, total):
    api, session = served
    api.script[INGRESSES].append(streams(b"{}\n", then_hang=True))
    async with session.lines(INGRESSES, {"watch": "true"}, idle=idle, total=total) as lines:
        assert await anext(lines) == b"{}"
        with pytest.raises(Unavailable, match="watch ingresses: silent for too long"):
            await anext(lines)


async def test_more_watches_than_the_client_has_connections_leave_room_for_a_write(tmp_path):
    async with serving(tmp_path) as (api, session), contextlib.AsyncExitStack() as stack:
        api.always[INGRESSES] = streams(b"{}\n", then_hang=True)
        for _ in range(110):
            await stack.enter_async_context(session.lines(INGRESSES, {"watch": "true"}, idle=60, total=60))
        await session.request("GET", ROLLOUTS)


async def test_the_environments_proxy_is_used_and_a_netrc_is_not(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with serving(tmp_path) as (proxy, direct):
        await direct.request("GET", INGRESSES)
        (tmp_path / "elsewhere").write_text(kubeconfig("http://api.example:6443"))
        monkeypatch.setenv("http_proxy", proxy.url)
        proxied = await connect(kubeconfig=str(tmp_path / "elsewhere"))
        await proxied.request("GET", INGRESSES)
        await proxied.close()
        monkeypatch.setenv("no_proxy", "api.example")
        unreachable = await connect(kubeconfig=str(tmp_path / "elsewhere"))
        with pytest.raises(Unavailable, match="ClientConnector"):
            await unreachable.request("GET", INGRESSES)
        await unreachable.close()
    assert [sent.headers["Authorization"] for sent in proxy.requests] == ["Bearer secret"] * 2
    assert [sent.headers["Host"] for sent in proxy.requests[1:]] == ["api.example:6443"]
