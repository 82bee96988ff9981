"""Run a fault campaign and print what came of it: ``make campaign``.

    python -m tests.campaign [--faults 1000] [--seed 1] [--minutes 60] [-o json] [--room FOLDER]

Progress goes to stderr; fails when an invariant is violated, with the seed and what was stored of the objects.
"""

import argparse
import asyncio
import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.campaign.report import as_json, as_text
from tests.campaign.run import run
from tests.forked import TEMPLATE


def tell(line: str) -> None:
    """Say how far it is."""
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="Inject faults, and judge what came.")
    parser.add_argument("--faults", type=int, default=1000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults, their order and the releases (%(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="begin no round after this time (%(default)s)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="form of the report")
    parser.add_argument("--room", type=Path, help="folder that keeps the daemons' logs; none does unless set")
    given = parser.parse_args()
    # connections break all the time here, and servers would tell of each
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL + 1)
    with ExitStack() as stack:
        stack.callback(TEMPLATE.close)
        room = given.room or Path(stack.enter_context(TemporaryDirectory(prefix="ingress-canary-campaign-")))
        room.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(run(given.faults, given.seed, room, tell, within=60 * given.minutes))
    sys.stdout.write((as_json if given.output == "json" else as_text)(outcome) + "\n")
    return 0 if outcome.held else 1


if __name__ == "__main__":
    sys.exit(main())
