"""Secrets are read by name, once a minute, and an answer that is no text leaves only its own entry out."""

import pytest

from ingress_canary.adapters.kube import secrets
from ingress_canary.adapters.kube.secrets import KubeSecrets
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.ports import Missing, Refused
from tests.adapters.scripted_api import SECRETS, refuses, serving

KEY = Key("shop", "chat")


@pytest.fixture
async def served(tmp_path):
    async with serving(tmp_path) as (api, session):
        yield api, KubeSecrets(session)


async def test_entries_are_decoded_and_those_that_are_no_text_are_left_out(served):
    api, found = served
    api.put(SECRETS, "shop", "chat", data={"url": "c2xhY2s6Ly9h", "key": "/w==", "odd": "%"})
    assert await found.read(KEY) == {"url": "slack://a"}


async def test_what_was_read_is_kept_for_a_minute_and_then_read_again(served, monkeypatch):
    api, found = served
    api.put(SECRETS, "shop", "chat", data={"a": "MQ=="})
    assert [await found.read(KEY), await found.read(KEY)] == [{"a": "1"}] * 2
    assert len(api.requests) == 1
    api.put(SECRETS, "shop", "chat", data={"a": "Mg=="})
    monkeypatch.setattr(secrets, "KEPT", 0.0)
    assert await found.read(KEY) == {"a": "2"}


async def test_one_that_is_missing_or_not_for_us_is_reported_and_asked_for_again(served):
    api, found = served
    with pytest.raises(Missing, match="get secrets shop/chat"):
        await found.read(KEY)
    api.script[SECRETS].append(refuses(403, "not yours"))
    with pytest.raises(Refused, match="not yours"):
        await found.read(KEY)
    api.put(SECRETS, "shop", "chat")
    assert await found.read(KEY) == {}
