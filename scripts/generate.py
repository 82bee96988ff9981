"""Writes every generated file of the repository; with ``--check`` it only tells which are stale, and fails.

Run as ``python scripts/generate.py`` from anywhere. A new generated file is one more entry of ``GENERATED``.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import admission
from dashboard import dashboard
from reference import PAGES, chart

from ingress_canary.api import ROLLOUT_KIND, SCHEDULE_KIND
from ingress_canary.api.schema.crd import render

ROOT = Path(__file__).resolve().parent.parent

CONFIG: Mapping[str, Callable[[], str]] = {
    "config/crd/canaryrollouts.yaml": partial(render, ROLLOUT_KIND),
    "config/crd/canaryschedules.yaml": partial(render, SCHEDULE_KIND),
    "config/grafana/ingress-canary.json": dashboard,
    admission.PATH: admission.policy,
}
"""What of config/ is generated; the chart takes a copy of it."""
GENERATED: Mapping[str, Callable[[], str]] = {**CONFIG, **PAGES, **chart.files(CONFIG)}
"""Path from the repository's root, and what makes the whole text."""


def main() -> int:
    """Write the files, or compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    check = parser.parse_args().check
    texts = {ROOT / path: make() for path, make in GENERATED.items()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
    if check and stale:
        print("run `python scripts/generate.py` and commit the result", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
