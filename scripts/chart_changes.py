"""Prints what a version changed as an annotation for Artifact Hub, from CHANGELOG.md, to be appended to Chart.yaml.

Used by the release workflow, with nothing but Python: ``python3 scripts/chart_changes.py 0.2.0 >>.../Chart.yaml``;
another changelog may follow the version.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def changes(changelog: str, version: str) -> Iterator[dict[str, str]]:
    """Yield the kind and the text of each entry of a version, in the order of the changelog."""
    _, found, after = changelog.partition(f"\n## [{version}]")
    if not found:
        raise SystemExit(f"CHANGELOG.md: there is no section [{version}]; make one of what is under [Unreleased]")
    section = after.partition("\n## [")[0]
    for part in section.split("\n### ")[1:]:
        kind, _, entries = part.partition("\n")
        for entry in re.split(r"^- ", entries, flags=re.MULTILINE)[1:]:
            # what follows an empty line belongs to no entry
            yield {"kind": kind.strip().lower(), "description": " ".join(entry.split("\n\n")[0].split())}


def annotation(changelog: str, version: str) -> str:
    """Return the line of Chart.yaml: JSON is YAML, and a string of it needs no other escapes."""
    entries = list(changes(changelog, version))
    if not entries:
        raise SystemExit(f"CHANGELOG.md: section [{version}] has no entries; write what has changed")
    return f"  artifacthub.io/changes: {json.dumps(json.dumps(entries, ensure_ascii=False), ensure_ascii=False)}\n"


if __name__ == "__main__":
    wanted, *file = sys.argv[1:]
    sys.stdout.write(annotation(Path(*file or [CHANGELOG]).read_text(encoding="utf-8"), wanted))
