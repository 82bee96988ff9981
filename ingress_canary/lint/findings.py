"""Findings of lint: a problem, its place, and its remedy. Used by every part of lint and by the CLI."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""Where a value is in a document: member names and list positions, from the top."""


class LintProblem(NamedTuple):
    """A problem at a path, before its file and line are known."""

    path: Path
    message: str
    remedy: str = ""


class LintSeverity(StrEnum):
    """Whether a finding fails the run."""

    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class LintFinding:
    """One problem of one file; ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    object: str
    """Kind, namespace and name, as in ``CanaryRollout shop/checkout``; empty when it is not known."""
    field: str
    """As in ``spec.steps[2].bake``; empty when the whole document is meant."""
    message: str
    remedy: str = ""
    severity: LintSeverity = LintSeverity.ERROR

    def __str__(self) -> str:
        subject = " ".join(part for part in (self.object, self.field) if part)
        note = "note: " if self.severity is LintSeverity.NOTE else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        place = f"{self.file}:{self.line}:{self.column}: {note}"
        return f"{place}{subject}: {self.message}{remedy}" if subject else f"{place}{self.message}{remedy}"

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def dotted(path: Path) -> str:
    """Return a path in dotted form: ``spec.steps[2].bake``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return the nearest of ``known`` as a question, or a list of all; where nothing is known, there can be none."""
    words = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in words}
    if near := get_close_matches(str(word).casefold().replace("_", ""), folded, n=1):
        return f"did you mean `{folded[near[0]]}`?"
    return f"known here: {', '.join(words)}" if words else "remove it"
