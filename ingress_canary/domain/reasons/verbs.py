"""Verbs of the one-shot action, which is written on a rollout: ``<verb>[:<revision>[/<step>]]#<id>[#<note>]``."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Verb(StrEnum):
    """The verbs that an action can have."""

    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    RETRY = "retry"
    SKIP = "skip"
    FINISH = "finish"
    RESTART = "restart"


NEED_STEP = frozenset({Verb.APPROVE, Verb.SKIP})
NEED_REVISION = NEED_STEP | {Verb.PROMOTE, Verb.FINISH}
NOTE = 256


@dataclass(frozen=True, slots=True)
class Action:
    """A parsed action annotation. A malformed one has a problem."""

    id: str
    text: str
    verb: Verb | None = None
    revision: str | None = None
    step: int | None = None
    """In the expanded list, from 1."""
    note: str = ""
    """Why, in the sender's words."""
    problem: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the action of an annotation's text; never raises, because anybody can write the annotation."""
        request, mark, rest = text.strip().partition("#")
        ident, _, note = rest.partition("#")
        ident, note = ident.strip()[:128], " ".join(note.split())[:NOTE]
        if not mark or not ident:
            return cls(f"malformed:{text[:64]}", text, problem="an id is missing: write <verb>[:<revision>]#<id>")
        verb, _, target = request.strip().partition(":")
        revision, _, step = target.partition("/")
        if verb not in list(Verb):
            return cls(ident, text, note=note, problem=f"{verb[:32]!r} is none of {', '.join(Verb)}")
        known = Verb(verb)
        found = cls(ident, text, known, revision or None, _number(step), note)
        return (
            found if (problem := found._problem(step)) is None else cls(ident, text, known, note=note, problem=problem)
        )

    def _problem(self, step: str) -> str | None:
        """Return the fault of the revision or step that the action names; empty without one."""
        form = f"{self.verb}:<revision>{'/<step>' if self.verb in NEED_STEP else ''}#<id>"
        if self.verb in NEED_REVISION and self.revision is None:
            return f"{self.verb} names its revision: write {form}"
        if self.verb in NEED_STEP and self.step is None:
            return f"{self.verb} names its step by its number from 1: write {form}"
        if step and self.step is None:
            return f"{step[:32]!r} is no step: write its number from 1"
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 4 and int(text) > 0 else None
