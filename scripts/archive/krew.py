"""Prints krew's manifest of the archives that ``build.py`` has made, from their checksums.

Version, platforms, names and digests are those of the checksums; the address is that of a release of the repository.
The release runs it, with nothing installed.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

CHECKSUM = re.compile(
    r"(?P<digest>[0-9a-f]{64})  "
    r"(?P<file>(?P<stem>ingress-canary-(?P<version>\S+)-(?P<os>linux)-(?P<arch>\w+))\.tar\.gz)\n"
)
MANIFEST = """\
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: icanary
spec:
  version: v{version}
  homepage: {repository}
  shortDescription: Canary releases by Ingress, gated by SLOs
  description: |
    Shows and steers the rollouts of ingress-canary, a daemon that drives the canary
    annotations of an Ingress step by step, gated by SLOs: where each rollout is and
    why, pause, resume, abort, approve, promote. Checks schedules offline, works out
    how long they take, simulates them, and plays a rollout on an embedded cluster.
  platforms:
"""
PLATFORM = """\
  - selector:
      matchLabels:
        os: {os}
        arch: {arch}
    uri: {repository}/releases/download/v{version}/{file}
    sha256: {digest}
    bin: {stem}/kubectl-icanary
"""


def manifest(repository: str, checksums: Sequence[str]) -> str:
    """Return the manifest of the archives with these checksums, the contents of .sha256 files."""
    archives = [found.groupdict() for line in checksums if (found := CHECKSUM.fullmatch(line))]
    versions = {one["version"] for one in archives}
    if len(archives) != len(checksums) or len(versions) != 1:
        raise SystemExit("krew: name the .sha256 files of one version's archives, which make archive writes to dist/")
    head = MANIFEST.format(repository=repository, version=versions.pop())
    return head + "".join(PLATFORM.format(repository=repository, **one) for one in archives)


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repository", required=True, help="its address, such as https://github.com/OWNER/ingress-canary"
    )
    parser.add_argument("checksums", nargs="+", type=Path, help="the .sha256 files of the archives")
    arguments = parser.parse_args()
    print(manifest(arguments.repository, [file.read_text() for file in arguments.checksums]), end="")


if __name__ == "__main__":
    main()
