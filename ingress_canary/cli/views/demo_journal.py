"""Journal of a demo, one entry for each change: kept for the live view, or printed as plain lines."""

from collections.abc import Iterator
from typing import NamedTuple, TextIO

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.lab.stage import Stage


class JournalEntry(NamedTuple):
    """One change."""

    at: float
    """Seconds since the rollout was asked for, on the schedule's clock."""
    word: str
    """A reason, or "" for what the scenario does."""
    where: str
    """Phase, or step and weight."""
    message: str


class Journal:
    """The journal of a stage: transitions, changes of reason, and the scenario's actions."""

    def __init__(self, stage: Stage) -> None:
        self.entries: list[JournalEntry] = []
        self._stage = stage
        self._told = 0
        self._last: tuple[Phase, str] | None = None
        self._scene = ""
        stage.listeners.append(self._changed)

    def _changed(self) -> None:
        self.entries += self._new()

    def _new(self) -> Iterator[JournalEntry]:
        stage, status = self._stage, self._stage.status
        if stage.scene != self._scene:
            self._scene = stage.scene
            yield JournalEntry(stage.elapsed, "", "", stage.scene)
        for move in status.history[self._told :]:
            where = move.phase if move.phase is not Phase.PROGRESSING else f"step {move.step}, {move.weight:g} %"
            yield JournalEntry(stage.elapsed, move.reason, where, move.message)
        moved, self._told = len(status.history) > self._told, len(status.history)
        now = (status.phase, status.reason)
        # every step begins by settling: no news besides the transition
        news = not moved and now != self._last and status.reason not in ("", Reason.SETTLING)
        self._last = now
        if news:
            step = f"step {status.step.index}, {status.weight:g} %" if status.step else str(status.phase)
            yield JournalEntry(stage.elapsed, status.reason, step, status.message)


class Lines:
    """Prints a journal, one line per entry."""

    def __init__(self, journal: Journal, stream: TextIO) -> None:
        self._journal = journal
        self._stream = stream
        self._told = 0

    def draw(self) -> None:
        """Print the new entries. Raises OSError when the output is closed."""
        new = self._journal.entries[self._told :]
        self._told += len(new)
        for entry in new:
            print(line(entry), file=self._stream, flush=True)


def line(entry: JournalEntry) -> str:
    """Return an entry as one line of text."""
    if not entry.word:
        return f"{clock(entry.at)}  -- {entry.message}"
    return f"{clock(entry.at)}  {entry.where:<14} {entry.word:<20} {entry.message}"


def clock(seconds: float) -> str:
    """Return a span as minutes and seconds: 12:05."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
