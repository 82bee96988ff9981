"""Screen of the demo, a live view: the rollout's step, each SLO's evidence, and the events.

A frame is a pure function of what can be seen; it grows with what has happened, up to the terminal's height.
"""

import textwrap
from collections.abc import Iterator, Sequence
from math import log
from typing import NamedTuple, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ingress_canary.api.rollout_status import Phase, RolloutStatus, SloStatus, Verdict
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import format_seconds
from ingress_canary.cli.views.demo_journal import Journal, JournalEntry, clock
from ingress_canary.domain.schedule.steps import StepList
from ingress_canary.lab.stage import Stage

WIDEST = 110
MOST_EVENTS = 12
ABOVE = 2
"""Lines left for what was printed before the view began."""
CANARY, STABLE, QUIET = "yellow", "cyan", "dim"
PHASES = {
    Phase.PENDING: "default", Phase.PROGRESSING: CANARY, Phase.PAUSED: "magenta", Phase.PROMOTING: STABLE,
    Phase.SUCCEEDED: "green", Phase.ROLLED_BACK: "red",
}  # fmt: skip
VERDICTS = {
    Verdict.PASS: ("✓", "pass", "green"), Verdict.FAIL: ("✗", "fail", "red"),
    Verdict.INCONCLUSIVE: ("◌", "not proven yet", CANARY), Verdict.NO_DATA: ("?", "no data", "magenta"),
}  # fmt: skip


class DemoSnapshot(NamedTuple):
    """The data of one frame."""

    status: RolloutStatus
    schedule: ScheduleSpec
    requests: dict[str, int]
    elapsed: float
    """Seconds on the schedule's clock."""
    scale: float
    scene: str
    entries: Sequence[JournalEntry]


class Screen:
    """The live view of a stage; the last frame stays."""

    def __init__(self, stage: Stage, journal: Journal, console: Console) -> None:
        self._stage = stage
        self._journal = journal
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def draw(self) -> None:
        """Draw a frame of the present state."""
        stage = self._stage
        if stage.schedule is None:
            return
        seen = DemoSnapshot(
            stage.status,
            ScheduleSpec.model_validate(stage.schedule),
            stage.requests,
            stage.elapsed,
            stage.scale,
            stage.scene,
            self._journal.entries,
        )
        self._live.update(frame(seen, self._console.width, self._console.height), refresh=True)


def frame(seen: DemoSnapshot, width: int, height: int) -> RenderableType:
    """Return one frame for a terminal of that size."""
    width = min(width, WIDEST) - 1
    blocks = (_head, _rail, _bars, _slos, _now)
    lines = [line for block in blocks for line in (*block(seen, width), Text())]
    room = max(1, min(height - ABOVE - 1 - len(lines), MOST_EVENTS))
    lines += [_event(entry) for entry in seen.entries if entry.word][-room:]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)


def _head(seen: DemoSnapshot, width: int) -> Iterator[Text]:
    status = seen.status
    left = Text.assemble(" ", (status.phase, f"bold {PHASES[status.phase]}"), f"  {status.reason}")
    if status.step is not None:
        left.append(f"  step {status.step.index} of {len(StepList.of(seen.schedule))}", QUIET)
    right = Text.assemble((clock(seen.elapsed), "bold"), (f" ({seen.elapsed / seen.scale:.0f} s real)", QUIET))
    yield _spread(left, right, width)


def _rail(seen: DemoSnapshot, width: int) -> Iterator[Text]:
    """Yield the steps as stations on a line, and their weights below."""
    weights = [step.exposure.weight for step in StepList.of(seen.schedule).steps]
    gap = (width - 8) // max(len(weights) - 1, 1)
    here = seen.status.step.index if seen.status.step else 0
    over = seen.status.phase in (Phase.PROMOTING, Phase.SUCCEEDED)
    rail, labels = Text("  "), Text("  ")
    for number, weight in enumerate(weights, 1):
        passed = number < here or over
        if passed:
            mark, style = "●", "green"
        elif number == here:
            mark, style = ("✗", "bold red") if seen.status.phase is Phase.ROLLED_BACK else ("◉", f"bold {CANARY}")
        else:
            mark, style = "○", QUIET
        rail.append(mark, style)
        label = f"{weight:g}" + (" %" if number == len(weights) else "")
        labels.append(label, style)
        if number < len(weights):
            rail.append("━" * (gap - 1) if passed else "─" * (gap - 1), "green" if passed else QUIET)
            labels.append(" " * max(gap - len(label), 1))
    yield rail
    yield labels


def _bars(seen: DemoSnapshot, width: int) -> Iterator[Text]:
    status = seen.status
    yield _bar("weight", status.shown_weight / 100, CANARY, f"{status.shown_weight:g} %", width)
    share = status.observed_share if status.weight else None
    yield _bar("share", share or 0, CANARY, "-" if share is None else f"{share * 100:.3g} %", width)
    bake = StepList.of(seen.schedule).steps[status.step.index - 1].bake if status.step else 0.0
    baked = min(status.step.baked_seconds, bake) if status.step else 0.0
    words = f"{format_seconds(round(baked))} of {format_seconds(bake)}" if status.step else "-"
    yield _bar("bake", baked / bake if bake else 0, STABLE, words, width)


def _slos(seen: DemoSnapshot, width: int) -> Iterator[Text]:
    """Yield for each SLO its verdict, how near the proof is, its counts, and what is missing."""
    needed = log(1 / seen.schedule.analysis.beta)
    known = {slo.name: slo for slo in seen.status.slos}
    for wanted in seen.schedule.slos:
        slo = known.get(wanted.name, SloStatus(name=wanted.name, verdict=Verdict.INCONCLUSIVE))
        mark, words, style = VERDICTS[slo.verdict]
        proof = 1.0 if slo.verdict is Verdict.FAIL else max(slo.log_e.passing, 0) / needed
        room = max(width - 66, 6)
        left = Text.assemble(f" {slo.name:<13}", (f"{mark} {words:<16}", style), *_meter(proof, room, style))
        counts = f"canary {slo.step.bad:,}/{slo.step.total:,}  stable {slo.stable.bad:,}/{slo.stable.total:,} bad"
        yield _spread(left, Text(counts, QUIET), width)
        wrapped = textwrap.wrap(slo.message, width - 3, max_lines=2, placeholder=" …")
        yield from (Text(f"   {words}", QUIET) for words in (*wrapped, "", "")[:2])


def _now(seen: DemoSnapshot, _width: int) -> Iterator[Text]:
    yield Text.assemble(" now      ", (seen.scene, "bold"))
    requests = seen.requests
    failed = requests["canaryFailed"]
    yield Text.assemble(
        " clients  ", (f"{requests['total']:,} requests, {requests['canary']:,} answered by the canary, ", "default"),
        (f"{failed:,} of them failed", "red" if failed else "default"),
    )  # fmt: skip


def _event(entry: JournalEntry) -> Text:
    return Text.assemble(
        (f" {clock(entry.at)}  ", QUIET), f"{entry.where:<14} ", (f"{entry.word:<21}", "bold"), (entry.message, QUIET)
    )


def _bar(name: str, part: float, style: str, words: str, width: int) -> Text:
    return Text.assemble(f" {name:<9}", *_meter(part, width - 24, style), f"  {words}")


def _meter(part: float, width: int, style: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return a bar filled to a part (0..1) of its width; any part above 0 is visible."""
    filled = min(width, max(round(part * width), 1 if part > 0 else 0))
    return ("━" * filled, style), ("─" * (width - filled), QUIET)


def _spread(left: Text, right: Text, width: int) -> Text:
    """Return one line with texts at its left and right ends."""
    return Text.assemble(left, " " * max(width - left.cell_len - right.cell_len, 1), right)
