"""An object that is nested deeper than the parser goes is read without its depths, and ends no watch and no list."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.adapters.kube.client.errors import Garbled, parse
from ingress_canary.adapters.kube.client.shallow import LEVELS, shallow


def deep(levels: int) -> bytes:
    """Return lists and objects within each other."""
    return b'{"a":[' * (levels // 2) + b'"]}"' + b"]}" * (levels // 2)


@pytest.mark.parametrize("levels", [400, 10_000])
def test_of_a_deep_object_everything_else_is_read(levels: int) -> None:
    page = b'{"items":[{"before":{"x":"}{[\\"","y":1},"deep":%s,"after":[2]},{"name":"other"}]}' % deep(levels)
    first, other = parse(page, "list")["items"]
    assert (first["before"], first["after"], other) == ({"x": '}{["', "y": 1}, [2], {"name": "other"})
    levels, found = 3, first["deep"]
    while found is not None:
        levels, found = levels + 1, found["a"] if isinstance(found, dict) else found[0]
    assert levels == LEVELS


def test_what_is_no_json_stays_none() -> None:
    for body in (b"[" * 500, b'{"a":' + deep(500), b'{"a":"' + deep(500), b"]" * 500 + deep(500)):
        with pytest.raises(Garbled, match="not JSON"):
            parse(body, "watch")


@given(st.recursive(st.none() | st.text() | st.integers(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)))
def test_what_is_not_too_deep_is_left_as_it_is(document: Any) -> None:
    body = json.dumps(document).encode()
    assert shallow(body) == body
