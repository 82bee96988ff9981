"""Text of ``backtest``: what became of healthy canaries, and how fast each regression was caught."""

from collections.abc import Iterator, Sequence

from ingress_canary.api.units import format_percent, format_seconds
from ingress_canary.cli.inputs.amounts import count_of
from ingress_canary.cli.views.rollout_table import aligned
from ingress_canary.whatif.backtest.backtest_runs import BacktestSummary, CaseSummary
from ingress_canary.whatif.backtest.recorded_rollout import RecordedOutcome
from ingress_canary.whatif.backtest.recorded_traffic import RecordedTraffic
from ingress_canary.whatif.backtest.recording import utc
from ingress_canary.whatif.simulated_rollout import SimulatedEnding
from ingress_canary.whatif.simulation_runs import Spread

COLUMNS = ("REGRESSION", "CAUGHT", "PROMOTED", "HELD", "TIME TO ROLLBACK", "CANARY REQUESTS", "BAD ONES")
MOST_ROLLBACKS, MOST_HOLDS = 20, 5
"""Starts that are named; -o json names all."""


def backtest_lines(traffic: RecordedTraffic, summary: BacktestSummary) -> Iterator[str]:
    """Yield the text of a backtest."""
    assert traffic.header is not None
    yield (
        f"{traffic.header.ingress}, {utc(traffic.times[0])} to {utc(traffic.times[-1])}: "
        f"{count_of(len(traffic.times), 'tick')} of {format_seconds(traffic.interval)}, "
        f"{traffic.gaps:,} more are unknown"
    )
    yield f"{count_of(summary.starts, 'start')}{_skipped(summary)}"
    yield f"healthy canaries: {_endings(summary.healthy)}"
    spread = Spread.of(outcome.seconds for outcome in summary.promotions)
    if summary.promotions:
        yield f"  promoted after {_times(spread)}"
    yield from _named("rolled back without cause", summary.healthy.ended(SimulatedEnding.ROLLED_BACK))
    yield from _holds([outcome for outcome in summary.healthy.outcomes if outcome.held])
    if summary.regressions:
        yield from aligned([COLUMNS, *map(_row, summary.regressions)]).splitlines()


def _skipped(summary: BacktestSummary) -> str:
    if not summary.skipped:
        return ""
    return f", and {summary.skipped:,} left out, because too little was recorded before them"


def _endings(case: CaseSummary) -> str:
    words = [
        f"{len(case.ended(ending)):,} {word}"
        for ending, word in (
            (SimulatedEnding.PROMOTED, "promoted"), (SimulatedEnding.ROLLED_BACK, "rolled back"),
            (SimulatedEnding.HELD, "held until a person comes"),
        )
    ]  # fmt: skip
    cut = len(case.ended(None))
    return ", ".join(words) + (f", {cut:,} cut off by the recording's end" if cut else "")


def _named(title: str, outcomes: Sequence[RecordedOutcome]) -> Iterator[str]:
    if outcomes:
        yield f"  {title}:"
    for outcome in outcomes[:MOST_ROLLBACKS]:
        yield (
            f"    start {utc(outcome.start)}, at {utc(outcome.start + outcome.seconds)} "
            f"({format_seconds(outcome.seconds)}), {outcome.step}: {outcome.message}"
        )
    yield from _more(outcomes, MOST_ROLLBACKS)


def _holds(outcomes: Sequence[RecordedOutcome]) -> Iterator[str]:
    """Yield where a healthy canary stood although its bake was over, the longest first."""
    longest = sorted(outcomes, key=lambda outcome: -outcome.held)
    if outcomes:
        spread = Spread.of(outcome.held for outcome in outcomes)
        yield f"  held at a step beyond its bake from {count_of(len(outcomes), 'start')}, for {_times(spread)}:"
    for outcome in longest[:MOST_HOLDS]:
        hold = max(outcome.holds, key=lambda hold: hold.seconds)
        yield f"    start {utc(outcome.start)}, {hold.step}, for {format_seconds(hold.seconds)}: {hold.message}"
    yield from _more(outcomes, MOST_HOLDS)


def _more(outcomes: Sequence[RecordedOutcome], shown: int) -> Iterator[str]:
    if len(outcomes) > shown:
        yield f"    and {len(outcomes) - shown:,} more, which -o json names"


def _row(case: CaseSummary) -> tuple[str, ...]:
    back = case.ended(SimulatedEnding.ROLLED_BACK)
    share = "-" if case.caught_share is None else format_percent(case.caught_share)
    return (
        case.canary.label, share, f"{len(case.ended(SimulatedEnding.PROMOTED)):,}",
        f"{len(case.ended(SimulatedEnding.HELD)):,}", _times(Spread.of(outcome.seconds for outcome in back)),
        _counts(Spread.of(outcome.exposed for outcome in back)), _counts(Spread.of(outcome.failed for outcome in back)),
    )  # fmt: skip


def _times(spread: Spread) -> str:
    if spread.p50 is None or spread.p95 is None:
        return "-"
    half, most = format_seconds(spread.p50), format_seconds(spread.p95)
    return half if half == most else f"{half} (p95 {most})"


def _counts(spread: Spread) -> str:
    if spread.p50 is None or spread.p95 is None:
        return "-"
    return f"{spread.p50:,.0f}" if spread.p50 == spread.p95 else f"{spread.p50:,.0f} (p95 {spread.p95:,.0f})"
