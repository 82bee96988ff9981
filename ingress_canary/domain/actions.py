"""The one-shot action that a person or CI writes on a CanaryRollout: ``<verb>[:<revision>[/<step>]]#<id>``."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Verb(StrEnum):
    """What can be asked for."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    RETRY = "retry"
    FINISH = "finish"


NEED_REVISION = frozenset({Verb.FINISH})


@dataclass(frozen=True, slots=True)
class Action:
    """A request as it was read. A malformed one has a problem and no verb."""

    id: str
    text: str
    verb: Verb | None = None
    revision: str | None = None
    problem: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what the annotation asks for; never raises, because the annotation is anybody's text."""
        request, mark, ident = text.strip().partition("#")
        ident = ident.strip()[:128]
        if not mark or not ident:
            return cls(f"malformed:{text[:64]}", text, problem="an id is missing: write <verb>[:<revision>]#<id>")
        verb, _, target = request.strip().partition(":")
        revision = target.split("/")[0] or None
        if verb not in list(Verb):
            return cls(ident, text, problem=f"{verb[:32]!r} is none of {', '.join(Verb)}")
        known = Verb(verb)
        if known in NEED_REVISION and revision is None:
            return cls(ident, text, known, None, f"{known} names its revision: write {known}:<revision>#<id>")
        return cls(ident, text, known, revision)
