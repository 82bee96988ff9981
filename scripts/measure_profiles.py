"""Measures the figures of docs/reference/traffic-profiles.md anew, with the commands that stand beside them.

A row of a table there begins with options; they are added to the page's first command, whose other options they
override. Run as ``python scripts/measure_profiles.py`` in the environment that has the command; ``--only NAME`` for one
section, ``--runs N`` for a quick look that is not written.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from ingress_canary.api.units import format_seconds

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/traffic-profiles.md"
COMMAND = re.compile(r"^    (ingress-canary simulate (?:.*\\\n)*.*)$", re.MULTILINE)
ROW = re.compile(r"^\| `(?P<options>--[^`]*)` \|.*$")


def main() -> int:
    """Write the page with new figures; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="the sections whose title has this word")
    parser.add_argument("--runs", type=int, help="so many runs instead; print the rows and write nothing")
    asked = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    found = COMMAND.search(text)
    if not found:
        print(f"{PAGE.relative_to(ROOT)}: there is no command to begin with", file=sys.stderr)
        return 1
    command = shlex.split(found[1].replace("\\\n", " "))
    lines, section = text.splitlines(), ""
    for number, line in enumerate(lines):
        section = line[3:] if line.startswith("## ") else section
        row = ROW.match(line)
        if not row or asked.only not in section:
            continue
        more = ["--runs", str(asked.runs)] if asked.runs else []
        lines[number] = measured(row["options"], [*command, *shlex.split(row["options"]), *more])
        print(lines[number], flush=True)
        if not asked.runs:
            PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def measured(options: str, command: list[str]) -> str:
    """Return the row of a command's options with what it measures."""
    program = [sys.executable, "-c", "from ingress_canary.cli.main import main; main()", *command[1:], "-o", "json"]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=ROOT)
    seen = json.loads(done.stdout)
    shares = [f"{seen[ending] / seen['runs']:.1%}" for ending in ("promoted", "rolledBack", "held")]
    return f"| `{options}` | {' | '.join(shares)} | {spread(seen['rollbackSeconds'])} |"


def spread(seconds: dict[str, Any]) -> str:
    """Return median and 95th percentile of a time; a dash of none."""
    if seconds["p50"] is None:
        return "-"
    return f"{format_seconds(seconds['p50'])} ({format_seconds(seconds['p95'])})"


if __name__ == "__main__":
    sys.exit(main())
