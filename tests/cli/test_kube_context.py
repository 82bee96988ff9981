"""Which namespace a command acts in when none is named: the one that kubectl would."""

import os
from pathlib import Path

import pytest

from ingress_canary.cli.inputs.kube_context import namespace_of

FIRST = """current-context: work
contexts:
- {name: work, context: {cluster: a, user: a, namespace: shop}}
- {name: bare, context: {cluster: a, user: a}}
"""
SECOND = """current-context: other
contexts:
- {name: work, context: {cluster: b, namespace: hidden}}
- {name: other, context: {cluster: b, namespace: books}}
"""


@pytest.mark.parametrize(
    ("option", "context", "namespace"),
    [
        (None, None, "shop"),
        ("pay", None, "pay"),
        ("pay", "other", "pay"),
        (None, "other", "books"),
        (None, "bare", "default"),
        (None, "nobody", "default"),
    ],
)
def test_the_contexts_namespace_is_taken_unless_one_is_named(
    option: str | None, context: str | None, namespace: str, tmp_path: Path
) -> None:
    files = [tmp_path / "absent", tmp_path / "broken", tmp_path / "first", tmp_path / "second"]
    for file, text in zip(files[1:], ("contexts: [", FIRST, SECOND), strict=True):
        file.write_text(text)
    assert namespace_of(option, os.pathsep.join(map(str, files)), context) == namespace


@pytest.mark.parametrize("text", ["", "[]", "contexts: [a, {name: work}]\ncurrent-context: work", "current-context: x"])
def test_a_kubeconfig_that_says_nothing_of_it_means_default(text: str, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    assert namespace_of(None, str(file)) == "default"
    assert namespace_of(None, None) == "default"
