"""What is different between two recordings: decisions, which fail, and texts, which are listed."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.corpus.run import packed, unpacked

Json = dict[str, Any]

DECIDED = ("phase", "reason", "weight", "routing", "history")
"""What stays the same whatever is moved or renamed; the rest does too, unless only this is asked for."""
KEY = ("group", "rollout", "round")


@dataclass
class Corpus:
    """A recording: the plans that it was made of, and a pass for each rollout and round."""

    plans: list[Json] = field(default_factory=list)
    passes: list[Json] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """Store it, the same bytes for the same recording."""
        lines = [
            json.dumps({"plan": plan}, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for plan in self.plans
        ]
        text = "\n".join([*lines, *packed(self.passes)]) + "\n"
        file.write_bytes(gzip.compress(text.encode(), 9, mtime=0) if file.suffix == ".gz" else text.encode())

    @classmethod
    def read(cls, file: Path) -> "Corpus":
        """Return what was stored."""
        found = file.read_bytes()
        text = gzip.decompress(found) if file.suffix == ".gz" else found
        lines = [json.loads(line) for line in text.decode().splitlines()]
        plans = [line["plan"] for line in lines if "plan" in line]
        return cls(plans, list(unpacked([line for line in lines if "plan" not in line])))

    def groups(self, names: Sequence[str]) -> "Corpus":
        """Return what belongs to some groups; everything when none is named."""
        if not names:
            return self
        plans = [one for one in self.plans if one["group"] in names]
        return Corpus(plans, [one for one in self.passes if one["group"] in names])


@dataclass
class Differences:
    """What two recordings of the same plans do not have in common."""

    decisions: list[str] = field(default_factory=list)
    texts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How often a text of some kind became another one."""

    def lines(self, most: int = 40) -> Iterator[str]:
        """Yield a report."""
        yield f"{len(self.decisions)} differences of what was decided, {len(self.texts)} texts that changed"
        yield from self.decisions[:most]
        if len(self.decisions) > most:
            yield f"and {len(self.decisions) - most} more"
        for (kind, old, new), count in sorted(self.texts.items()):
            yield f"text of {kind}, {count} times:\n  - {old}\n  + {new}"


def compare(old: Iterable[Json], new: Iterable[Json], *, only: Sequence[str] = ()) -> Differences:
    """Return how passes differ; ``only`` names the members that count, all but texts unless said."""
    found = Differences()
    for one, other in zip_longest(old, new):
        if one is None or other is None or any(one[key] != other[key] for key in KEY):
            found.decisions.append(f"other passes were recorded: {_where(one)} / {_where(other)}")
            return found
        for name in sorted((one.keys() | other.keys()) - {"texts"}):
            if (not only or name in only) and one.get(name, ...) != other.get(name, ...):
                found.decisions.append(f"{_where(one)} {name}: {_shown(one.get(name))} -> {_shown(other.get(name))}")
        texts, others = one.get("texts") or {}, other.get("texts") or {}
        for kind in texts.keys() | others.keys():
            if texts.get(kind) != others.get(kind):
                # history's and Events' kinds have an instant or a number behind their name
                word = " ".join(kind.split()[:2]) if not kind.startswith("history") else f"history {kind.split()[-1]}"
                found.texts[word, texts.get(kind, ""), others.get(kind, "")] += 1
    return found


def _where(one: Json | None) -> str:
    return "nothing" if one is None else f"{one['group']}/{one['rollout']} round {one['round']}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}..."
