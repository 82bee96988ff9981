"""Messages over real HTTP: each address has its own pace, nothing waits for a dead one, and nothing secret is shown."""

import asyncio
import logging
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ingress_canary.adapters.notify import Outbox, apprise_services, delivery_queue, outbox, threads
from ingress_canary.adapters.notify.apprise_services import LOCAL, names_of, service_of
from ingress_canary.adapters.notify.delivery_queue import QUEUED, Undelivered
from ingress_canary.adapters.notify.outbox import ADDRESSES, Letter, addresses
from ingress_canary.api.notification import Severity
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.notices import Notice, NoticeSubject
from ingress_canary.ports import Missing
from tests.webhook import webhook

TOKEN = "s3cr3t-token"


@dataclass
class Services:
    """A server whose paths behave: /ok, /hang, /drip, and /CODE for any status; after the first part comes any name."""

    url: str = ""
    got: list[tuple[str, str]] = field(default_factory=list)
    """Path and message, as they came."""
    types: list[str] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    """By path: how many of the next requests are answered 503."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends what hangs."""

    def messages(self, path: str) -> list[str]:
        """Return what came to a path."""
        return [message for one, message in self.got if one == path]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Behave as the path says."""
        body = await request.json()
        self.got.append((request.path, body["message"]))
        self.types.append(body["type"])
        if self.broken[request.path] > 0:
            self.broken[request.path] -= 1
            return web.Response(status=503)
        kind = request.path.split("/")[1]
        if kind == "hang":
            await self.over.wait()
        if kind == "drip":
            # each byte comes in time, the end never does
            answer = web.StreamResponse()
            await answer.prepare(request)
            with suppress(ConnectionError):
                while not self.over.is_set():
                    await answer.write(b" ")
                    await asyncio.sleep(0.05)
            return answer
        return web.Response(status=int(kind) if kind.isdigit() else 200)


@pytest.fixture
async def server() -> AsyncIterator[Services]:
    made = Services()
    async with webhook(made.serve) as made.url:
        yield made
        made.over.set()


@dataclass
class Entries:
    """Implements ports.Secrets: namespace shop has some."""

    by_name: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    async def read(self, key: Key) -> Mapping[str, str]:
        """Return the entries of a Secret."""
        if key.name not in self.by_name:
            raise Missing(f"get secrets {key}: not found")
        return self.by_name[key.name]


@dataclass
class Post:
    """An outbox, with what it counted and whom it notified."""

    outbox: Outbox
    counts: Counter[str]
    faltered: list[tuple[Notice, str]]


@asynccontextmanager
async def posting(**secrets: str) -> AsyncIterator[Post]:
    """Yield an outbox for Secrets of one entry ``urls``; it ends at once."""
    counts: Counter[str] = Counter()
    faltered: list[tuple[Notice, str]] = []

    def count(result: str, messages: int = 1) -> None:
        counts[result] += messages

    entries = Entries({name: {"urls": text} for name, text in secrets.items()})
    made = Outbox(entries, count, lambda notice, why: faltered.append((notice, why)))
    try:
        yield Post(made, counts, faltered)
    finally:
        await made.stop(0)


def notice(secret: str, body: str = "hello", severity: Severity = Severity.INFO, entry: str = "urls") -> Notice:
    about = NoticeSubject(Key("shop", "checkout"), "uid-1")
    return Notice(about, Reason.STEP_PASSED, severity, "chat", Key("shop", secret), entry, "title", body)


async def until(met: Callable[[], object], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not met():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, for as long as a test takes."""
    monkeypatch.setattr(delivery_queue, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(delivery_queue, "LONGEST_PAUSE", 0.1)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after a few tries."""
    monkeypatch.setattr(delivery_queue, "TRIED_FOR", 0.3)


async def test_messages_arrive_in_order_at_every_address_of_the_secret(server: Services) -> None:
    async with posting(chat=f"# the team\n{server.url}/ok/a\n\n  {server.url}/ok/b\n") as post:
        for number in range(5):
            post.outbox.notify(notice("chat", str(number)))
        await until(lambda: post.counts["sent"] == 10)
        assert server.messages("/ok/a") == server.messages("/ok/b") == list("01234")
        assert (len(post.outbox), post.faltered) == (0, [])
        assert post.counts == {"sent": 10}


async def test_a_severity_is_what_services_make_of_it(server: Services) -> None:
    async with posting(chat=f"{server.url}/ok") as post:
        for severity in Severity:
            post.outbox.notify(notice("chat", severity=severity))
        await until(lambda: post.counts["sent"] == 3)
    assert server.types == ["info", "warning", "failure"]


async def test_a_service_that_is_away_for_a_while_gets_each_message_once_and_in_order(server: Services) -> None:
    server.broken["/ok"] = 3
    async with posting(chat=f"{server.url}/ok") as post:
        for number in range(3):
            post.outbox.notify(notice("chat", str(number)))
        await until(lambda: post.counts["sent"] == 3)
    assert server.messages("/ok") == ["0", "0", "0", "0", "1", "2"]
    # reported once, when it began to fail
    assert [why for _, why in post.faltered] == [
        "notification chat (Secret shop/chat, key urls, address 1): it answered 503"
    ]


@pytest.mark.parametrize(
    ("path", "why"), [("/500", "it answered 500"), ("/429", "it answered 429"), ("refused", "could not be reached")]
)
async def test_what_may_pass_is_tried_again_and_then_given_up(
    server: Services, impatient: None, path: str, why: str
) -> None:
    url = "json://127.0.0.1:1" if path == "refused" else server.url + path
    async with posting(chat=url) as post:
        post.outbox.notify(notice("chat"))
        await until(lambda: post.counts["failed"] == 1)
        assert why in post.faltered[0][1]
    assert path == "refused" or len(server.messages(path)) > 1
    assert post.counts == {"failed": 1}


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
async def test_what_will_not_pass_is_not_tried_again(server: Services, code: int) -> None:
    async with posting(chat=f"{server.url}/{code}") as post:
        post.outbox.notify(notice("chat"))
        await until(lambda: post.counts["failed"] == 1)
    assert len(server.got) == 1


async def test_dead_addresses_delay_no_other_though_there_are_more_than_threads(
    server: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise_services, "READ_WITHIN", 0.3)
    dead = {f"dead{number}": f"{server.url}/hang/{number}" for number in range(3 * threads.AT_ONCE)}
    async with posting(chat=f"{server.url}/hang/same\n{server.url}/ok", **dead) as post:
        for name in dead:
            post.outbox.notify(notice(name))
        await until(lambda: len(post.faltered) == len(dead))
        # all of them are known to fail by now, and go on being tried
        for number in range(20):
            post.outbox.notify(notice("chat", str(number)))
        # the last one is counted once its answer has come back
        await until(lambda: post.counts == {"sent": 20})
        # a busy machine may answer too late, and the message comes again
        assert list(dict.fromkeys(server.messages("/ok"))) == [str(number) for number in range(20)]


async def test_a_send_without_end_is_given_up_and_never_doubled_and_its_address_waits_for_it(
    server: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what has an end ends within this also on a machine that is busy
    monkeypatch.setattr(threads, "WITHIN", 3.0)
    async with posting(chat=f"{server.url}/drip\n{server.url}/ok") as post:
        apprise_services.service_of(server.url)  # what the first message would wait for
        for number in range(3):
            post.outbox.notify(notice("chat", str(number)))
        await until(lambda: post.counts["failed"] == 1 and len(server.messages("/ok")) == 3)
        assert server.messages("/drip") == ["0"]
        assert "it may have arrived" in post.faltered[0][1]


async def test_too_many_sends_without_end_stop_new_ones_until_one_ends(
    server: Services, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    monkeypatch.setattr(threads, "WITHIN", 0.5)
    monkeypatch.setattr(threads, "HANGING", 2)
    apprise_services.service_of(server.url)
    async with posting(
        **{f"dead{number}": f"{server.url}/drip/{number}" for number in range(2)}, chat=f"{server.url}/ok"
    ) as post:
        for number in range(2):
            post.outbox.notify(notice(f"dead{number}"))
        await until(lambda: post.counts["failed"] == 2)
        post.outbox.notify(notice("chat"))
        await until(lambda: post.counts["failed"] == 3)
        assert "2 sends hang" in post.faltered[-1][1]


async def test_a_full_mailbox_drops_the_oldest_and_counts_it(server: Services) -> None:
    async with posting(chat=f"{server.url}/503") as post:
        post.outbox.notify(notice("chat", "first"))
        await until(lambda: server.got)
        for number in range(QUEUED + 5):
            post.outbox.notify(notice("chat", str(number)))
        await until(lambda: post.counts["dropped"] == 5)
        assert len(post.outbox) == QUEUED + 1
    assert post.counts == {"dropped": QUEUED + 5 + 1}


async def test_all_together_are_bounded_and_the_longest_queue_pays(
    server: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "WAITING", 20)
    async with posting(noisy=f"{server.url}/503", chat=f"{server.url}/503/chat") as post:
        post.outbox.notify(notice("chat", "mine"))
        for number in range(40):
            post.outbox.notify(notice("noisy", str(number)))
        assert len(post.outbox) <= 20
        await until(lambda: server.messages("/503/chat"))
        assert post.counts["dropped"] >= 20


async def test_stop_sends_what_waits(server: Services) -> None:
    async with posting(chat=f"{server.url}/ok") as post:
        for number in range(5):
            post.outbox.notify(notice("chat", str(number)))
        await post.outbox.stop(30)
        assert post.counts == {"sent": 5}
        post.outbox.notify(notice("chat", "late"))
    assert post.counts == {"sent": 5, "dropped": 1}


@pytest.mark.parametrize("path", ["/hang", "/drip", "/503"])
async def test_stop_is_bounded_whatever_hangs(server: Services, path: str) -> None:
    async with posting(chat=f"{server.url}{path}") as post:
        post.outbox.notify(notice("chat"))
        await until(lambda: server.got)
        async with asyncio.timeout(20):
            await post.outbox.stop(0.2)
        assert post.counts == {"dropped": 1}


@pytest.mark.parametrize(
    ("text", "entry", "why"),
    [
        ("", "urls", "the entry is empty"),
        ("# nobody\n", "urls", "the entry is empty"),
        ("json://a", "other", "has no entry other"),
        ("json://a\n" * (ADDRESSES + 1), "urls", "more than 20 addresses"),
    ],
)
async def test_a_secret_that_is_no_use_is_reported_and_read_again(
    impatient: None, text: str, entry: str, why: str
) -> None:
    async with posting(chat=text) as post:
        post.outbox.notify(notice("chat", entry=entry))
        await until(lambda: post.counts["failed"] == 1)
        assert why in post.faltered[0][1]


async def test_a_secret_that_comes_later_is_used(server: Services) -> None:
    async with posting() as post:
        post.outbox.notify(notice("chat"))
        await until(lambda: post.faltered)
        assert "get secrets shop/chat: not found" in post.faltered[0][1]
        assert "config/rbac/optional/notifications.yaml" in post.faltered[0][1]
        post.outbox._secrets = Entries({"chat": {"urls": f"{server.url}/ok"}})
        await until(lambda: post.counts["sent"] == 1)


def refused(url: str) -> str:
    with pytest.raises(Undelivered) as caught:
        service_of(url)
    assert not caught.value.again
    return str(caught.value)


@pytest.mark.parametrize("scheme", sorted(LOCAL))
def test_services_of_the_daemons_own_machine_are_refused(scheme: str) -> None:
    assert "own machine" in refused(f"{scheme}://x/{TOKEN}")


@pytest.mark.parametrize("name", ["template", "keyfile", "PGPKey", "+attach", "subfile"])
def test_parameters_that_name_a_file_are_refused(name: str) -> None:
    refusal = refused(f"json://hook.example/{TOKEN}?{name}=/etc/passwd")
    assert "may name a file" in refusal
    assert TOKEN not in refusal


@pytest.mark.parametrize("url", [TOKEN, f"xyzzy://{TOKEN}", f"file:///{TOKEN}", "://", "json://", "\x00", "https://a"])
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    assert TOKEN not in refused(url)


def test_no_service_of_apprise_names_a_file_by_a_parameter_that_is_not_known() -> None:
    from apprise.manager_plugins import NotificationManager

    words = ("file", "template", "pgp", "cert", "key file")
    harmless = {
        ("NotifyTelnyx", "profile"), ("NotifySynology", "file_url"),
        ("NotifyOneSignal", "decode"), ("NotifyHomeAssistant", "prefix"), ("NotifyNtfy", "filename"),
        ("NotifyForm", "attach-as"), ("NotifyEmail", "pgp"), ("NotifyDeltaChat", "pgp"),
    }  # fmt: skip
    found = set()
    for plugin in NotificationManager().plugins(include_disabled=True):
        for name, argument in {**plugin.template_args, **plugin.template_tokens}.items():
            label = f"{name} {argument.get('name', '')}".lower()
            if any(word in label for word in words) and name not in apprise_services.FILES:
                found.add((plugin.__name__, name))
    assert found - harmless == set()


def test_every_local_service_is_known_to_apprise() -> None:
    from apprise.manager_plugins import NotificationManager

    known = {name for plugin in NotificationManager().plugins(include_disabled=True) for name in names_of(plugin)}
    assert known >= LOCAL


@pytest.fixture
def everything_logged() -> Iterator[list[str]]:
    """What a process that logs all that libraries say would write, each of them at its most talkative."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("", "apprise", "urllib3", "requests")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    yield lines
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize(
    "address",
    [
        "{url}/404/s3cr3t-token?x=s3cr3t-token",
        "{url}/500/s3cr3t-token",
        "json://user:s3cr3t-token@127.0.0.1:1/s3cr3t-token",
        "slack://s3cr3t-token",
        "s3cr3t-token",
        "syslog://s3cr3t-token",
    ],
)
async def test_nothing_of_an_address_is_shown_whatever_becomes_of_it(
    server: Services,
    impatient: None,
    everything_logged: list[str],
    capfd: pytest.CaptureFixture[str],
    address: str,
) -> None:
    with capture_logs() as logged:
        async with posting(chat=address.format(url=server.url)) as post:
            post.outbox.notify(notice("chat"))
            await until(lambda: post.counts["failed"] == 1)
    assert len(logged) == 2
    out = capfd.readouterr()
    shown = [str(logged), str(everything_logged), str([why for _, why in post.faltered]), out.out, out.err]
    assert [text for text in shown if TOKEN in text] == []
    assert TOKEN not in repr(Letter(notice("chat"), 1, address))


async def test_a_fault_of_a_library_fails_its_message_and_no_other(
    server: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object, **__: object) -> None:
        raise RuntimeError(TOKEN)

    with monkeypatch.context() as patch:
        patch.setattr(apprise_services, "send", faulty)
        async with posting(chat=f"{server.url}/ok") as post:
            post.outbox.notify(notice("chat"))
            await until(lambda: post.counts["failed"] == 1)
            assert "RuntimeError" in post.faltered[0][1]
            assert TOKEN not in post.faltered[0][1]
            patch.undo()
            post.outbox.notify(notice("chat"))
            await until(lambda: post.counts["sent"] == 1)


def test_addresses_stand_one_a_line() -> None:
    assert addresses("\n # no\n slack://a \r\njsons://b\n") == ["slack://a", "jsons://b"]


def test_the_addresses_of_the_docs_are_such_as_their_services_take() -> None:
    page = Path(__file__).parents[2] / "docs/howto/notify.md"
    found = re.findall(r"^\| [^|]* \| `([a-z]+://[^`]*)`", page.read_text(encoding="utf-8"), re.MULTILINE)
    token = "a" * 24
    real = {"T1234/B1234/abcd1234": f"T1234ABCD/B1234ABCD/{token}", "xoxb-1234-1234-abcd": f"xoxb-1234-1234-{token}"}
    for url in found:
        for placeholder, filled in real.items():
            url = url.replace(placeholder, filled)  # noqa: PLW2901 - the docs' own stand for longer ones
        apprise_services._opened(url)
    schemes = [url.partition(":")[0] for url in found]
    assert schemes == ["slack", "slack", "workflows", "mailtos", "pagerduty", "jsons"]


async def test_without_apprise_the_message_says_what_to_install(
    server: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "apprise"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "apprise", None)
    async with posting(chat=f"{server.url}/ok") as post:
        post.outbox.notify(notice("chat"))
        await until(lambda: post.counts["failed"] == 1)
        assert "pip install 'ingress-canary[notifications]'" in post.faltered[0][1]
