"""Settings come from flags, the environment and a file, in this order, and say what is wrong in a person's words."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingress_canary.cli.commands.run import FLAGS, flags
from ingress_canary.settings import Settings, SettingsError, bounds, load
from ingress_canary.sources import look_within


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def saved(directory: Path, text: str) -> Path:
    file = directory / "settings.yaml"
    file.write_text(text)
    return file


def refused(words: dict[str, Any], file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        load(words, file)
    return str(error.value)


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(tmp_path, "interval: 20s\nwarm-up: 30s\nnamespace: sre\n")
    monkeypatch.setenv("INGRESS_CANARY_INTERVAL", "15s")
    monkeypatch.setenv("INGRESS_CANARY_WARM_UP", "40s")
    resolved = load(flags(["--interval", "5s"]), file)
    assert (resolved.interval, resolved.warm_up) == (timedelta(seconds=5), timedelta(seconds=40))
    assert (resolved.namespace, resolved.log_level) == ("sre", "info")


REFUSED = [
    ("interval", "1s", "1s is too short: 2s to 1m"),
    ("interval", "61s", "61s is too long: 2s to 1m"),
    ("interval", "soon", "a duration is a string with a unit, such as 90s, 10m or 1h30m; got 'soon'"),
    ("warm_up", "2h", "2h is too long: 0s to 1h"),
    ("scrape_timeout", "0s", "0s is too short: above 0s to 1m"),
    ("clock_scale", "0.5", "0.5 is too small: 1 to 1000"),
    ("clock_scale", "2000", "2000 is too large: 1 to 1000"),
    ("clock_scale", "fast", "fast is not what it takes; write a number"),
    ("clock_epoch", "now", "now is not what it takes; write an instant such as 2026-01-01T00:00:00Z"),
    ("inline_schedules", "maybe", "maybe is not what it takes; write true or false"),
    ("log_level", "loud", "loud is none of debug, info, warning, error"),
    ("source", "scrape", "scrape is none of controllers, prometheus"),
    (
        "prometheus_url",
        "prometheus:9090",
        "is no address; write http:// or https://, host and port, without user, query and fragment",
    ),
    (
        "prometheus_url",
        "http://me:secret@prometheus",
        "is no address; write http:// or https://, host and port, without user, query and fragment",
    ),
    ("prometheus_labels", "namespace", "namespace is no pair; write name=value"),
    ("prometheus_headers", "A=b,X-Scope-OrgID", "X-Scope-OrgID is no pair; write name=value"),
    (
        "prometheus_matchers",
        "cluster=eu",
        'cluster=eu are no matchers of PromQL; write them like cluster="eu-1",job=~"a|b"',
    ),
    (
        "prometheus_matchers",
        'a="b"} or up{c="d"',
        'a="b"} or up{c="d" are no matchers of PromQL; write them like cluster="eu-1",job=~"a|b"',
    ),
    ("prometheus_scrape_interval", "5m", "5m is too long: 1s to 2m"),
    ("listen", "8080", "8080 is not of its form; write one such as 0.0.0.0:8080"),
]


def test_evidence_from_prometheus_needs_its_address() -> None:
    with pytest.raises(SettingsError, match=r"^--source: prometheus needs an address; set prometheus_url$"):
        load({"source": "prometheus"}, None)
    assert load({"source": "prometheus", "prometheus_url": "http://prometheus:9090"}, None).source == "prometheus"


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_a_refused_value_is_reported_with_the_name_that_its_source_gave_it(
    name: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(tmp_path, yaml.safe_dump({name: value}))
    assert refused({}, file) == f"{file}: {name}: {message}"
    monkeypatch.setenv(f"INGRESS_CANARY_{name.upper()}", value)
    assert refused({}, file) == f"INGRESS_CANARY_{name.upper()}: {message}"
    flag = f"--{name.replace('_', '-')}"
    assert refused(flags([f"{flag}={value}"]), file) == f"{flag}: {message}"


def test_every_problem_is_reported_at_once_and_an_unknown_key_with_the_nearest_one(tmp_path: Path) -> None:
    file = saved(tmp_path, "intervall: 5s\nnamespaces: 5\nnamespace: 5\ninterval: 1s\nscrape-urls: [1]\n")
    assert sorted(refused({}, file).splitlines()) == [
        f"{file}: interval: 1s is too short: 2s to 1m",
        f"{file}: intervall: no such setting; did you mean `interval`?",
        f"{file}: namespace: 5 is not what it takes; write text, in quotes where it looks like a number",
        f"{file}: namespaces: 5 is not what it takes; write a list, or several separated by commas",
        f"{file}: scrape_urls: 1 is not what it takes; write text, in quotes where it looks like a number",
    ]


def test_a_list_is_written_as_one_or_separated_by_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load({}, saved(tmp_path, "namespaces: [shop, search]\n")).namespaces == ("shop", "search")
    assert load({}, saved(tmp_path, "namespaces: shop, search\n")).namespaces == ("shop", "search")
    monkeypatch.setenv("INGRESS_CANARY_NAMESPACES", "shop,search,")
    assert load({}, None).namespaces == ("shop", "search")
    assert load(flags(["--namespaces", "a,b"]), None).namespaces == ("a", "b")
    assert load(flags(["--namespaces="]), None).namespaces == ()
    assert load(flags(["--namespaces", '["shop", "search"]']), None).namespaces == ("shop", "search")
    assert load(flags(["--namespaces", "[]"]), None).namespaces == ()
    wrong = "--namespaces: [shop] is not what it takes; write a list, or several separated by commas"
    assert refused(flags(["--namespaces", "[shop]"]), None) == wrong


def test_an_empty_scrape_namespace_means_all() -> None:
    assert load(flags(["--scrape-namespace="]), None).scrape_namespace is None


@pytest.mark.parametrize(
    ("words", "value"),
    [(["--inline-schedules"], True), (["--no-inline-schedules"], False), (["--inline-schedules=false"], False)],
)
def test_a_switch_is_turned_either_way(words: list[str], value: bool) -> None:
    assert load(flags(words), None).inline_schedules is value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--intervall=3s", "--intervall: no such setting; did you mean `--interval`?"),
        ("--interval", "--interval: a value is missing"),
        ("--no-interval=5s", "--no-interval=5s: say --interval with a value"),
        ("--no-inline-schedules=true", "--no-inline-schedules=true: say --inline-schedules with a value"),
        ("serve", "serve: no such setting"),
    ],
)
def test_a_word_that_is_no_flag_is_refused(word: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        flags([word])
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("text", ["a: [", "- interval", "just text"])
def test_a_file_that_holds_no_settings_is_named(text: str, tmp_path: Path) -> None:
    file = saved(tmp_path, text)
    assert refused({}, file).startswith(f"{file}: ")
    assert refused({}, tmp_path / "none").startswith(f"{tmp_path / 'none'}: cannot be read")
    (tmp_path / "latin").write_bytes(b"\xe9")
    assert refused({}, tmp_path / "latin").startswith(f"{tmp_path / 'latin'}: cannot be read")


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert load({}, saved(tmp_path, "# nothing yet\n")) == load({}, None)


def test_variables_that_kubernetes_makes_for_a_service_of_our_name_set_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGRESS_CANARY_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("INGRESS_CANARY_PORT", "tcp://10.0.0.1:8080")
    assert load({}, None) == Settings()


def test_settings_that_are_shown_can_be_loaded_again(tmp_path: Path) -> None:
    resolved = load({"interval": "3s", "namespaces": "a,b", "clock_epoch": "2026-01-01T00:00:00Z"}, None)
    assert resolved.clock_epoch == datetime(2026, 1, 1, tzinfo=UTC)
    shown = json.dumps(resolved.model_dump(mode="json"))
    assert load({}, saved(tmp_path, shown)) == resolved


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert set(FLAGS.values()) == set(Settings.model_fields)
    assert [name for name in Settings.model_fields if bounds(name)] == [
        "interval", "warm_up", "scrape_timeout", "prometheus_scrape_interval", "prometheus_timeout", "request_timeout",
        "lease_duration", "clock_scale",
    ]  # fmt: skip


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(Settings.model_fields)), value=ANYTHING)
def test_no_value_is_answered_with_the_message_of_a_library(name: str, value: Any) -> None:
    message = ""
    try:
        load({name: value}, None)
    except SettingsError as error:
        message = str(error)
    assert not message or message.startswith(f"--{name.replace('_', '-')}: ")
    assert not any(words in message for words in ("Input", "should", "timedelta", "<class", "pydantic"))


def test_no_reading_takes_longer_than_it_is_fresh_for() -> None:
    short = load(flags(["--interval", "2s"]), None)
    assert look_within(short, short.scrape_timeout) == pytest.approx(1.6)
    assert look_within(short, timedelta(seconds=1)) == 1
    usual = load({}, None)
    assert look_within(usual, usual.scrape_timeout) == 5
