"""Record, replay and compare passes.

    python -m tests.corpus record FILE          record all plans as this code has them
    python -m tests.corpus replay FILE [OUT]    run a recording's plans again, compare, store what came out
    python -m tests.corpus compare OLD NEW      compare two recordings
    python -m tests.corpus coverage FILE        count the phases, reasons and verbs that a recording reaches

FILE ends in .jsonl or .jsonl.gz; the one that is held to is tests/corpus/passes.jsonl.gz. ``-g GROUP`` takes one group.
``replay`` and ``compare`` fail when something else was decided or written; texts that changed are listed, and fail
nothing. ``--decided`` looks only at phase, reason, weight, routing and history.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.corpus.compare import DECIDED, Corpus, Differences, compare
from tests.corpus.daemon import WORDS
from tests.corpus.plans import plans
from tests.corpus.run import run


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def record(corpus: Corpus) -> Corpus:
    """Return what today's code makes of the plans."""
    made = Corpus(corpus.plans)
    for plan in corpus.plans:
        passes = run(plan)
        say(f"{plan['group']}: {len(passes)} passes of {len(plan['rollouts'])} rollouts")
        made.passes += passes
    return made


def judged(found: Differences) -> int:
    for line in found.lines():
        say(line)
    return 1 if found.decisions else 0


def coverage(corpus: Corpus) -> None:
    """Tell how many passes there are of each phase and reason, and which words are never reached."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in WORDS}
    elsewhere: Counter[str] = Counter()
    for one in corpus.passes:
        found["phase"][one.get("phase", "")] += 1
        found["reason"][one.get("reason", "")] += 1
        for action in one["did"]:
            if action[0] == "ask":
                found["verb"][action[1].partition("#")[0].partition(":")[0]] += 1
        elsewhere.update(entry["reason"] for entry in one["history"])
        elsewhere.update(entry["reason"] for entry in one["conditions"])
        elsewhere.update(reason for _, reason in one["events"])
    say(f"{len(corpus.passes)} passes of {len({(one['group'], one['rollout']) for one in corpus.passes})} rollouts")
    for kind, words in WORDS.items():
        say(f"\n{kind}")
        for word in words:
            more = f", {elsewhere[word]} in history, conditions and Events" if kind == "reason" else ""
            say(f"  {word:22} {found[kind][word]:6}{more}")
        missing = [word for word in words if not found[kind][word] and not (kind == "reason" and elsewhere[word])]
        say(f"  never: {', '.join(missing) or 'none'}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.corpus", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("record", "replay", "compare", "coverage"))
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--decided", action="store_true")
    parser.add_argument("-g", "--group", action="append", default=[])
    given = parser.parse_args()
    only = DECIDED if given.decided else ()
    first, *rest = given.files
    if given.what == "record":
        record(Corpus(plans()).groups(given.group)).write(first)
        return 0
    old = Corpus.read(first).groups(given.group)
    if given.what == "coverage":
        coverage(old)
        return 0
    if given.what == "compare":
        return judged(compare(old.passes, Corpus.read(rest[0]).groups(given.group).passes, only=only))
    new = record(old)
    if rest:
        new.write(rest[0])
    return judged(compare(old.passes, new.passes, only=only))


if __name__ == "__main__":
    sys.exit(main())
