"""Verbs of the one-shot action, which is written on a rollout: ``<verb>[:<revision>[/<step>]]#<id>[#<note>]``.

``Verb`` is the table of verbs. The command line, the reference page and the admission policy are made from its rows;
``handle_action.py`` has the function of each.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Self

from ingress_canary.domain.reasons.printable import printable


class VerbTarget(Enum):
    """The revision and step that an action must name; the command line takes them from the present status."""

    NOTHING = "nothing"
    REVISION = "revision"
    STEP = "revision and present step"
    AWAITED_STEP = "revision and the step that waits for an approval"

    @property
    def has_step(self) -> bool:
        """Whether it is a step of a revision."""
        return self in (VerbTarget.STEP, VerbTarget.AWAITED_STEP)


@dataclass(frozen=True, slots=True)
class VerbRow:
    """One row of the table of verbs."""

    word: str
    help: str
    """What it does: the help of its command."""
    target: VerbTarget = VerbTarget.NOTHING
    raises_exposure: bool = False
    """It may send more requests to the canary, at once or later: refused in the pass that proves the canary bad."""
    on_sight: bool = False
    """It refers to the state that its sender saw: stale when that state has just changed."""
    guarded: bool = False
    """Whoever asks for it needs the right ``approve``, where the admission policy is installed."""


class Verb(StrEnum):
    """The verbs that an action can have, with a row for each."""

    row: VerbRow

    APPROVE = VerbRow(
        "approve", "Consent to the step that waits for it.", VerbTarget.AWAITED_STEP,
        raises_exposure=True, on_sight=True, guarded=True,
    )  # fmt: skip
    PAUSE = VerbRow("pause", "Stop advancing; watching and rollback go on.")
    RESUME = VerbRow("resume", "Go on with a rollout that is paused.", raises_exposure=True, on_sight=True)
    PROMOTE = VerbRow(
        "promote", "Go to the last step, whatever lies between; it is judged as it always would be.",
        VerbTarget.REVISION, raises_exposure=True, on_sight=True, guarded=True,
    )  # fmt: skip
    ABORT = VerbRow("abort", "Take the canary off traffic now.")
    RETRY = VerbRow("retry", "Try a revision again that was rolled back.")
    SKIP = VerbRow(
        "skip", "Leave the present step for the next, as if its requirement were met.", VerbTarget.STEP,
        raises_exposure=True, on_sight=True, guarded=True,
    )  # fmt: skip
    FINISH = VerbRow(
        "finish", "Say that a Manual promotion is done: stable is the new version.", VerbTarget.REVISION, on_sight=True
    )
    RESTART = VerbRow(
        "restart", "Begin anew at the first step, with the schedule as it is now and fresh evidence.",
        raises_exposure=True, on_sight=True,
    )  # fmt: skip

    def __new__(cls, row: VerbRow) -> Self:
        """Make the member of a row; its value is the word."""
        verb = str.__new__(cls, row.word)
        verb._value_, verb.row = row.word, row
        return verb

    @classmethod
    def of(cls, word: str) -> Self | None:
        """Return the verb of a word; None when it is none."""
        return next((verb for verb in cls if verb == word), None)


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
        ident, note = ident.strip()[:128], " ".join(printable(note).split())[:NOTE]
        if not mark or not ident:
            return cls(f"malformed:{text[:64]}", text, problem="an id is missing: write <verb>[:<revision>]#<id>")
        verb, _, target = request.strip().partition(":")
        revision, _, step = target.partition("/")
        known = Verb.of(verb)
        if known is None:
            return cls(ident, text, note=note, problem=f"{verb[:32]!r} is none of {', '.join(Verb)}")
        found = cls(ident, text, known, revision or None, _number(step), note)
        problem = found._problem(known.row.target, step)
        return found if problem is None else cls(ident, text, known, note=note, problem=problem)

    def _problem(self, target: VerbTarget, step: str) -> str | None:
        """Return the fault of the revision or step that the action names; None without one."""
        form = f"{self.verb}:<revision>{'/<step>' if target.has_step else ''}#<id>"
        if target is not VerbTarget.NOTHING and self.revision is None:
            return f"{self.verb} names its revision: write {form}"
        if target.has_step and self.step is None:
            return f"{self.verb} names its step by its number from 1: write {form}"
        if step and self.step is None:
            return f"{step[:32]!r} is no step: write its number from 1"
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 4 and int(text) > 0 else None
