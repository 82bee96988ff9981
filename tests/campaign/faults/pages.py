"""Hostile metrics pages: what controllers say about the shops is nothing that can be true, or cannot be read.

None is a lie that could be believed, such as fewer errors than there were: nobody can tell that from the truth. Nor are
series left out in its midst, or called otherwise: one that comes anew on a page that was whole counts from 0
(docs/judging.md).
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from tests.campaign.faults.kind import Injection, Kind, Target, World

Mangle = Callable[[str], str]
OWN = "nginx_ingress_controller_"
SAMPLE = re.compile(rf"^({OWN}(?:requests|request_duration_seconds\w*)\{{[^\n]*\}}) (\S+)$", re.MULTILINE)
STARTED = re.compile(r"^(process_start_time_seconds) (\S+)$", re.MULTILINE)


def every(text: str) -> Mangle:
    """Return what gives every sample about requests another end; ``{}`` stands for its value."""
    return lambda page: SAMPLE.sub(lambda found: found[1] + text.replace("{}", found[2]), page)


def begin(text: str) -> Mangle:
    """Return what says that the processes began at another time."""
    return lambda page: STARTED.sub(lambda found: f"{found[1]} {text}", page)


def cut(part: float) -> Mangle:
    """Return what ends a page within its samples about requests, between two lines, after such a part of them."""

    def shortened(page: str) -> str:
        ends = [found.end() for found in SAMPLE.finditer(page)]
        return page[: ends[int(part * len(ends))] + 1] if ends else page

    return shortened


PAGE: dict[str, Mangle] = {
    "empty": lambda page: "",
    "one line feed": lambda page: "\n",
    "without its own metrics": lambda page: "\n".join(line for line in page.splitlines() if OWN not in line) + "\n",
    "cut in the middle of a line": lambda page: page.rstrip("\n")[:-7],
    "cut behind its first counter": cut(0),
    "cut between two of its counters": cut(0.5),
    "cut behind its counters": lambda page: STARTED.split(page)[0],
    "without its last line feed": lambda page: page.rstrip("\n"),
    "with a value that is a word": every(" many"),
    "without values": every(""),
    "with values of nothing but a sign": every(" -"),
    "with values in hexadecimal": every(" 0x1F"),
    "with values that are no number": every(" NaN"),
    "with values that are infinite": every(" +Inf"),
    "with values below nothing": every(" -5"),
    "with values of 400 digits": every(" " + "9" * 400),
    "with an exponent without bounds": every(" 1e999999999"),
    "with timestamps of 400 digits": every(" {} " + "9" * 400),
    "with timestamps of long ago": every(" {} 1000"),
    "with timestamps to come": every(" {} 99999999999999"),
    "with timestamps that are a word": every(" {} yesterday"),
    "with a value and more": every(" {} {} {} {}"),
    "with a quote that does not end": lambda page: page.replace('",', "", 1).replace('"}', "}"),
    "with braces that do not end": lambda page: page.replace("} ", " "),
    "with every sample twice": lambda page: SAMPLE.sub(lambda found: f"{found[0]}\n{found[0]}", page),
    "with control characters": lambda page: page.replace("# HELP ", "# HELP \x00\x1b\x07 "),
    "with a line of two megabytes": lambda page: "x" * 2_000_000 + "\n" + page + "y" * 2_000_000,
    "with ten thousand lines of nonsense and no end": lambda page: "{}{}{}\n" * 10_000 + page.rstrip("\n")[:-1],
    "with a start that is no number": begin("NaN"),
    "with a start that is infinite": begin("+Inf"),
    "with a start before all time": begin("-1e300"),
    "with a start to come": begin("1e300"),
    "with a start that is a word": begin("now"),
    "in capital letters": lambda page: page.upper(),
    "backwards": lambda page: page[::-1],
    "with a comment of a hundred thousand letters": lambda page: f"# {'n' * 100_000}\n{page}",
    "with every line ending as on Windows": lambda page: page.replace("\n", "\r\n"),
}


def mangled(mangle: Mangle) -> Injection:
    """Return the fault that the pages of all controllers are mangled."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        for pod in world.lab.plane.pods:
            pod.mangle = mangle
        try:
            yield
        finally:
            for pod in world.lab.plane.pods:
                pod.mangle = None

    return inject


PAGES: tuple[Kind, ...] = tuple(
    Kind(f"metrics page {name}", Target.PAGES, mangled(mangle), (0.6, 1.5)) for name, mangle in PAGE.items()
)
