"""Rule 11 without a cluster: what a header, a value, a pattern and a cookie may hold."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.traffic.router.nginx.value_rules import cookie_faults, header_faults, is_integer

PATTERNS_REFUSED = {
    "v{1,3}": "','",
    "(?!x)": "'!'",
    "(?<!a)b": "'<' '!'",
    "^v 2$": "a space",
    "v2\n": r"'\n'",
    "grün": "'ü'",
    "a#b": "'#'",
    "[][**da?$&*": "unterminated character set",
    "(v2": "missing )",
    "*v2": "nothing to repeat",
    "v2)": "unbalanced",
    "\\u0041": "PCRE does not know \\u",
    "(?a:v2)": "PCRE does not know (?a",
}
PATTERNS_ACCEPTED = [
    "v2",
    "^v2$",
    "^v[0-9]+(\\.[0-9]+)*$",
    "(?i)staff|beta",
    "a{3}",
    "[[:alpha:]]",
    "\\\\u",
    "\\(?a",
    "x++",
]


@pytest.mark.parametrize(("pattern", "says"), PATTERNS_REFUSED.items())
def test_a_pattern_that_the_controller_drops_or_cannot_compile_is_refused(pattern: str, says: str) -> None:
    (fault,) = header_faults(HeaderRoute(name="X-Canary", pattern=pattern))
    assert fault.field == "header.pattern"
    assert says in fault.what
    assert fault.remedy


@pytest.mark.parametrize("pattern", PATTERNS_ACCEPTED)
def test_a_pattern_of_allowed_characters_is_accepted(pattern: str) -> None:
    assert list(header_faults(HeaderRoute(name="X-Canary", pattern=pattern))) == []


@pytest.mark.parametrize("name", ["X-Canary", "x-canary-2", "A"])
def test_a_headers_name_is_letters_digits_and_hyphens(name: str) -> None:
    assert list(header_faults(HeaderRoute(name=name))) == []


@pytest.mark.parametrize("name", ["X_Canary", "X.Canary", "X Canary", "X:Canary", "X-Canary\n", "Ü"])
def test_any_other_header_name_is_refused(name: str) -> None:
    assert [fault.field for fault in header_faults(HeaderRoute(name=name))] == ["header.name"]


@pytest.mark.parametrize("value", ["v2", "a/b-c._~:9"])
def test_plain_values_are_accepted(value: str) -> None:
    assert list(header_faults(HeaderRoute(name="X", value=value))) == []
    assert list(cookie_faults(value)) == []


@pytest.mark.parametrize("value", ["a b", "a=b", "v2,v3", "v2\n", "é", "$x"])
def test_any_other_value_or_cookie_is_refused(value: str) -> None:
    assert [fault.field for fault in header_faults(HeaderRoute(name="X", value=value))] == ["header.value"]
    assert [fault.field for fault in cookie_faults(value)] == ["cookie"]


@pytest.mark.parametrize(
    ("value", "plain"),
    [(value, True) for value in ("0", "10", "-5", "+5", "1000")]
    + [(value, False) for value in ("10%", " 10", "1.5", "", "1e2", "10\n", "1_0", "٣", "1" * 30)],
)
def test_a_weight_is_a_plain_integer(value: str, plain: bool) -> None:
    assert is_integer(value) is plain


@given(st.text(st.characters(max_codepoint=300), min_size=1, max_size=20))
def test_what_is_accepted_matches_the_controllers_own_expression(value: str) -> None:
    accepted = not list(cookie_faults(value))
    assert accepted is bool(re.fullmatch(r"[/\-._~a-zA-Z0-9:]*", value))


@given(st.text("av2^$[](){}*+?|&=\\.-:", min_size=1, max_size=20))
def test_no_pattern_makes_the_check_fail(pattern: str) -> None:
    assert len(list(header_faults(HeaderRoute(name="X", pattern=pattern)))) <= 1
