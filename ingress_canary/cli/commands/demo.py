"""Command ``demo``: a whole rollout on an embedded cluster, shown live.

The lab and its traffic run in this process, the daemon is one of its own, all of it on loopback; when the command
ends, however it ends, nothing of it is left.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TextIO

import typer

from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.lab.scenarios import SCENARIOS, Name, Scenario

if TYPE_CHECKING:
    from ingress_canary.lab.stage import Stage

SCALE = 20.0
PATIENCE = 300.0
"""Real seconds after which a scenario has not ended as it must."""
FRAMES = 4
"""Looks a second at what is to be shown."""
INTERRUPTED = 130
"""What a shell calls an end by Ctrl-C."""


class DemoResult(NamedTuple):
    """How a scenario ended."""

    good: bool
    words: str
    rollback_seconds: float | None


def demo(
    scenario: Annotated[Name, typer.Option(help="What happens to the canary.")] = Name.HEALTHY,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End with the scenario: 0 when it ended as it must, otherwise 1.")
    ] = False,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="text, or one json object at the end.")
    ] = Output.TEXT,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is drawn at random in the lab.")] = None,
    scale: Annotated[float, typer.Option(min=1, max=100, hidden=True, help="How much faster time runs.")] = SCALE,
) -> None:
    """Run a whole rollout on an embedded cluster: real traffic, real metrics, nothing outside this machine.

    Without --until-done it goes on showing what there is until Ctrl-C.
    """
    try:
        good = asyncio.run(_perform(scenario, until_done=until_done, output=output, seed=seed, scale=scale))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None
    except BrokenPipeError:
        # the output is closed, and the interpreter must not fail on that again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except (OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if good else 1)


async def _perform(name: Name, *, until_done: bool, output: Output, seed: int | None, scale: float) -> bool:
    """Run a scenario and show it; return whether it ended as expected."""
    from ingress_canary.lab.stage import Stage  # noqa: PLC0415 - a second that the other commands need not cost

    _end_tidily_on(signal.SIGTERM, signal.SIGHUP)
    scenario = SCENARIOS[name]
    people = sys.stderr if output is Output.JSON else sys.stdout
    _say(_announcement(name, scenario, scale), people)
    async with Stage(rate=scenario.rate, scale=scale, seed=seed) as stage:
        ending, report = None, None
        try:
            with _drawing(stage, people) as draw:
                ending = await _watched(_played(stage, scenario.script, PATIENCE), draw)
                report = _report(name, stage, ending.rollback_seconds)
                if not until_done:
                    stage.tell(f"it {_verdict(ending)}; Ctrl-C ends the demo")
                    ending = await _watched(_played(stage, _forever, None), draw)
            return ending.good
        finally:
            if ending is not None:
                _say(f"{name} {_verdict(ending)}: {ending.words}.", people)
            if output is Output.JSON:
                print(json.dumps(report or _report(name, stage, None)), flush=True)


def _end_tidily_on(*signals: signal.Signals) -> None:
    """Make signals end the demo as Ctrl-C does, with every clean-up."""
    task = asyncio.current_task()
    assert task is not None
    for number in signals:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _played(stage: "Stage", script: Callable[["Stage"], Awaitable[str]], patience: float | None) -> DemoResult:
    """Run a scenario's script and return how it ended."""
    from ingress_canary.lab.stage import Surprise  # noqa: PLC0415

    try:
        async with asyncio.timeout(patience):
            words, good = await stage.play(script), True
    except Surprise as surprise:
        words, good = str(surprise), False
    except TimeoutError:
        status = stage.status
        words, good = f"after {patience:g} s it is {status.phase}, {status.reason}: {status.message}", False
    return DemoResult(good, words, await stage.rollback_seconds())


async def _forever(_: "Stage") -> str:
    """Run a script that never ends."""
    await asyncio.Event().wait()
    return ""


async def _watched(playing: Awaitable[DemoResult], draw: Callable[[], None]) -> DemoResult:
    """Draw while a script runs, once more when it has ended, and return its result."""
    task = asyncio.ensure_future(playing)
    try:
        while not task.done():
            draw()
            await asyncio.wait((task,), timeout=1 / FRAMES)
        draw()
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextmanager
def _drawing(stage: "Stage", people: TextIO) -> Iterator[Callable[[], None]]:
    """Yield the view: a live screen on a terminal, otherwise a line for each event."""
    from rich.console import Console  # noqa: PLC0415

    from ingress_canary.cli.views.demo_journal import Journal, Lines  # noqa: PLC0415
    from ingress_canary.cli.views.demo_screen import Screen  # noqa: PLC0415

    journal = Journal(stage)
    console = Console(file=people)
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(journal, people).draw
        return
    with Screen(stage, journal, console) as screen:
        yield screen.draw


def _report(name: Name, stage: "Stage", rollback_seconds: float | None) -> dict[str, Any]:
    """Return the demo's result as JSON."""
    status = stage.status
    transitions = [
        {"at": move.at.isoformat(), "step": move.step, "weight": move.weight, "reason": move.reason}
        for move in status.history
    ]
    return {
        "scenario": name, "phase": status.phase, "reason": status.reason, "transitions": transitions,
        "requests": stage.requests, "rollbackSeconds": rollback_seconds,
    }  # fmt: skip


def _say(text: str, people: TextIO) -> None:
    """Print a sentence, wrapped between words on a terminal."""
    if people.isatty():
        text = textwrap.fill(text, shutil.get_terminal_size().columns - 1)
    print(text, file=people, flush=True)


def _announcement(name: Name, scenario: Scenario, scale: float) -> str:
    lasts = "about a minute" if scenario.lasts >= 60 else f"about {scenario.lasts:g} seconds"
    return f"{name}: {scenario.promise} It takes {lasts}: time runs {scale:g} times faster here."


def _verdict(ending: DemoResult) -> str:
    return "ended as it must" if ending.good else "did not end as it must"
