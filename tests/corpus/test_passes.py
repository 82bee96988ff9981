"""What the daemon decides is what it decided when the corpus was recorded (``python -m tests.corpus``)."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.compare import Corpus, compare
from tests.corpus.daemon import WORDS
from tests.corpus.run import packed, run

FILE = Path(__file__).with_name("passes.jsonl.gz")
QUICK = ("refusals", "shared")
UNREACHED = {"ReconcileFailed", "EvidenceLost", "NoTraffic"}
"""Said of a fault of the daemon's own, of a checkpoint that this release cannot read, and where the controllers'
arguments are known, which these are not."""


@cache
def recorded() -> Corpus:
    return Corpus.read(FILE)


GROUPS = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow, pytest.mark.timeout(600)])
          for name in (plan["group"] for plan in recorded().plans)]  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_the_same_is_decided(name: str) -> None:
    """In each pass: phase, reason, weight, routing, history, shadow, conditions, Events and writes."""
    corpus = recorded().groups([name])
    found = compare(corpus.passes, run(corpus.plans[0]))
    assert not found.decisions, "\n".join(found.lines())


def test_every_word_is_reached() -> None:
    passes = recorded().passes
    assert len(passes) >= 2000
    assert {one["phase"] for one in passes if "phase" in one} == set(WORDS["phase"])
    told = {one["reason"] for one in passes if "reason" in one}
    told |= {entry["reason"] for one in passes for entry in (*one["history"], *one["conditions"])}
    told |= {reason for one in passes for _, reason in one["events"]}
    assert told == set(WORDS["reason"]) - UNREACHED
    asked = {
        action[1].partition("#")[0].partition(":")[0] for one in passes for action in one["did"] if action[0] == "ask"
    }
    assert asked >= set(WORDS["verb"])


def test_a_recording_is_stored_whole(tmp_path: Path) -> None:
    corpus = recorded().groups(QUICK)
    corpus.write(tmp_path / "again.jsonl.gz")
    again = Corpus.read(tmp_path / "again.jsonl.gz")
    assert again == corpus
    assert len(list(packed(again.passes))) == len(corpus.passes)


@pytest.mark.parametrize(
    ("change", "decided"),
    [
        ({"reason": "Other"}, True),
        ({"weight": 1.5}, True),
        ({"routing": {"cookie": "other"}}, True),
        ({"history": []}, True),
        ({"writes": ["delete ingresses 200"]}, True),
        ({"texts": {"message": "in other words"}}, False),
    ],
)
def test_a_change_is_told(change: dict[str, Any], decided: bool) -> None:
    passes = recorded().groups(QUICK[:1]).passes
    number = next(n for n, one in enumerate(passes) if one["history"])
    changed = [{**one, **change} if n == number else one for n, one in enumerate(passes)]
    found = compare(passes, changed)
    assert bool(found.decisions) is decided
    assert bool(found.texts) is not decided


def test_a_pass_that_is_missing_is_told() -> None:
    passes = recorded().groups(QUICK[:1]).passes
    assert compare(passes, passes[:-1]).decisions
    assert compare(passes[1:], passes).decisions
