"""Manifests are read as kubectl reads them, and every value knows where it stands."""

import pytest

from ingress_canary.lint.documents import Document, read_documents
from ingress_canary.lint.findings import LintFinding


def read(text: str) -> Document:
    (document,) = read_documents("f", text)
    assert isinstance(document, Document)
    return document


def complaints(text: str) -> list[LintFinding]:
    return [one for one in read_documents("f", text) if isinstance(one, LintFinding)]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("16:00", "16:00"),
        ("2026-12-18", "2026-12-18"),
        ("2026-12-18T00:00", "2026-12-18T00:00"),
        ("y", True),
        ("off", False),
        ("Mon", "Mon"),
        ("No", False),
        ("1e3", 1000),
        ("010", 8),
        ("08", 8),
        ("0x10", 16),
        ("0b11", 3),
        ("1_000", 1000),
        (".5", 0.5),
        ("1.", 1),
        ("-5", -5),
        ("~", None),
        ('"5"', "5"),
        ("5..", "5.."),
    ],
)
def test_a_scalar_means_what_kubectl_makes_of_it(scalar: str, value: object) -> None:
    read_value = read(f"a: {scalar}").data["a"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_every_value_knows_its_line_and_column() -> None:
    document = read("a:\n- b: 1\n  c: {d: 2}\n")
    assert document.places[("a", 0, "b")] == (2, 3)
    assert document.places[("a", 0, "c", "d")] == (3, 7)


def test_json_indented_by_tabs_keeps_its_lines() -> None:
    document = read('{\n\t"a": {\n\t\t"b": "\\u00e9"\n\t}\n}')
    assert document.data == {"a": {"b": "é"}}
    assert document.places[("a", "b")] == (3, 3)


def test_merged_members_yield_to_their_own() -> None:
    document = read("base: &base {a: 1, b: 2}\nuse: {<<: *base, b: 3}\n")
    assert document.data["use"] == {"a": 1, "b": 3}


def test_the_objects_of_a_list_are_taken_apart() -> None:
    document = read("kind: List\nitems:\n- {kind: A, metadata: {name: x, namespace: ns}}\n- {kind: B}\n")
    assert [one.name for one in document.items()] == ["A ns/x", "B"]


def test_empty_documents_are_nothing() -> None:
    assert list(read_documents("f", "---\n# only a comment\n---\n")) == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [\n", 3, "not YAML"),
        ("a:\n\tb: 1\n", 2, "not YAML"),
        ("a: 1\na: 2\n", 2, "`a` is said twice, first on line 1"),
        ("a: 1\nb: \x07\n", 2, "not YAML"),
        ("a: .nan\n", 1, "no number in JSON"),
        ("a: !thing 5\n", 1, "is no !thing"),
        ("a: !!int five\n", 1, "is no tag:yaml.org,2002:int"),
        ("a:\n  ? [1]\n  : 2\n", 2, "not a string"),
        ("a: *missing\n", 1, "undefined alias"),
        ("a: &a\n  b: *a\n", 2, "aliases without end"),
        ("[" * 1200, 1, "nested too deeply"),
        ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
        ), 1, "far too many values"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_syntax_is_reported_with_its_line(text: str, line: int, words: str) -> None:
    found = complaints(text)
    assert found
    assert words in found[0].message
    assert found[0].remedy
    assert found[0].line == line or "far too many" in words


def test_documents_before_a_syntax_error_are_still_read() -> None:
    kinds = [type(one) for one in read_documents("f", "a: 1\n---\nb: [\n")]
    assert kinds == [Document, LintFinding]
