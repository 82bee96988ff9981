"""Every word of the vocabulary is explained, and in use."""

import re
from pathlib import Path

import ingress_canary
from ingress_canary.domain.reasons.meanings import MEANINGS
from ingress_canary.domain.reasons.vocabulary import Reason

SOURCES = Path(ingress_canary.__file__).parent
VOCABULARY = {"vocabulary.py", "meanings.py"}


def test_every_reason_has_a_meaning_and_something_to_do() -> None:
    assert list(MEANINGS) == list(Reason)
    assert all(meaning.what.endswith(".") and meaning.todo for meaning in MEANINGS.values())


def test_every_reason_is_used() -> None:
    used = set[str]()
    for path in SOURCES.rglob("*.py"):
        if path.name not in VOCABULARY:
            used |= set(re.findall(r"Reason\.([A-Z_]+)", path.read_text(encoding="utf-8")))
    assert [reason for reason in Reason if reason.name not in used] == []
