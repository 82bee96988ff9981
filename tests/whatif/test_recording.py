"""The format of recordings: what is written is read, and what cannot be used is named with its line and field."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.cli.inputs.recording_file import RecordingFile, read_traffic
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.whatif.backtest.recorded_rollout import usable
from ingress_canary.whatif.backtest.recorded_traffic import UNKNOWN, RecordedTraffic
from ingress_canary.whatif.backtest.recording import RecordedTick, RecordingError, RecordingHeader, parsed
from tests.whatif.schedules import AVAILABILITY, LATENCY, schedule
from tests.whatif.traces import BEGIN, HEADER, Span, ticks

COUNT = st.integers(0, 10**9)
STATUS = st.sampled_from(["200", "404", "503", "5xx", ""])
STEPS = [{"weight": 50, "bake": "10m"}]
BOTH = schedule(STEPS, (AVAILABILITY, LATENCY))


def measures(spec: ScheduleSpec = BOTH) -> SliSet:
    return usable(SliSet.of(spec.slos, spec.analysis))


@given(
    st.dictionaries(STATUS, COUNT, max_size=3),
    st.none() | st.dictionaries(STATUS, st.tuples(COUNT, COUNT, COUNT), max_size=3),
    COUNT, st.floats(0, 4e9),
)  # fmt: skip
def test_what_is_written_is_read(requests, latency, canary, at) -> None:
    tick = RecordedTick(round(at, 3), requests, latency, canary, "why")
    read = parsed(tick.line(), HEADER)
    as_lists = None if latency is None else {status: list(counts) for status, counts in latency.items()}
    assert read == tick._replace(latency=as_lists)
    header = RecordingHeader("shop/web", 2.5, (0.005, 1), "web", 30)
    assert parsed(header.line().encode(), None) == header


def lines(*spans: Span, hours: float = 0.05) -> list[str]:
    return [HEADER.line(), *(tick.line() for tick in ticks(hours, *spans))]


def written(room: Path, text: str, name: str = "web.jsonl") -> Path:
    file = room / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


@pytest.mark.parametrize("name", ["web.jsonl", "web.jsonl.gz"])
def test_a_file_is_read_as_the_schedule_counts_it(name: str, tmp_path: Path) -> None:
    entries = lines(Span(0, 30, requests=100, bad=7, slow=9))
    with RecordingFile(tmp_path / name) as file:
        file.write(entries[:5])
        file.write(entries[5:])
    traffic = read_traffic(tmp_path / name, measures())
    assert list(traffic.times[:3]) == [BEGIN, BEGIN + 10, BEGIN + 20]
    assert list(traffic.slos["availability"].requests[:5]) == [1000, 100, 100, 100, 1000]
    assert list(traffic.slos["availability"].bad[:5]) == [0, 7, 7, 7, 0]
    assert list(traffic.slos["latency"].bad[:5]) == [0, 9, 9, 9, 0]
    with pytest.raises(FileExistsError), RecordingFile(tmp_path / name):
        pass


def counted(spec: ScheduleSpec, *entries: RecordedTick, header: RecordingHeader = HEADER) -> RecordedTraffic:
    traffic = RecordedTraffic(measures(spec))
    traffic.enter(header)
    for entry in entries:
        traffic.enter(entry)
    return traffic


def test_excluded_statuses_count_on_neither_side() -> None:
    tick = RecordedTick(BEGIN, {"200": 90, "308": 8, "503": 2}, {"200": [90, 0, 80], "308": [8, 0, 0]})
    traffic = counted(BOTH, tick)
    assert (traffic.requests[0], traffic.slos["availability"].requests[0], traffic.slos["availability"].bad[0]) == (
        92,
        92,
        2,
    )
    assert (traffic.slos["latency"].requests[0], traffic.slos["latency"].bad[0]) == (90, 10)


def test_what_is_unknown_of_a_tick_is_unknown_of_its_slo_alone() -> None:
    traffic = counted(BOTH, RecordedTick(BEGIN, {"200": 5}), RecordedTick(BEGIN + 10, None, {"200": [5, 1, 5]}))
    assert list(traffic.slos["availability"].requests) == [5, UNKNOWN]
    assert list(traffic.slos["latency"].requests) == [UNKNOWN, 5]
    assert list(traffic.requests) == [5, UNKNOWN]
    # numbers that cannot be are unknown, and a tick that knows nothing is a gap
    traffic = counted(
        BOTH, RecordedTick(BEGIN), RecordedTick(BEGIN + 10, None, {"200": [10**12, 0, 0], "404": [1, 0, 0]})
    )
    assert list(traffic.times) == [BEGIN + 10]
    assert traffic.slos["latency"].requests[0] == UNKNOWN


def test_classes_of_statuses_serve_where_whole_classes_are_bad() -> None:
    tick = RecordedTick(BEGIN, {"2xx": 90, "5xx": 10})
    traffic = counted(schedule(STEPS), tick)
    assert (traffic.slos["availability"].bad[0], traffic.classes_only) == (10, True)
    narrow = schedule(STEPS, ({**AVAILABILITY, "sli": {"requests": {"bad": ["503"]}}},))
    with pytest.raises(RecordingError, match="availability: the controllers report status classes only, so 503"):
        counted(narrow, tick).check()


def test_recordings_are_joined_by_their_headers(tmp_path: Path) -> None:
    first, later = lines(hours=0.05), [tick.line() for tick in ticks(0.1)][30:]
    other = RecordingHeader("shop/web", 10, (0.1, 0.25, 0.5))
    more = [json.dumps(json.loads(line) | {"latency": {"200": [1000, 1, 2, 900]}}) for line in later]
    traffic = read_traffic(written(tmp_path, "\n".join([*first, other.line(), *more]) + "\n"), measures())
    assert list(traffic.slos["latency"].bad) == [0] * (len(first) - 1) + [100] * len(more)


@pytest.mark.parametrize("name", ["web.jsonl", "web.jsonl.gz"])
def test_a_last_line_that_was_cut_off_is_left_out(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "\n".join(lines()) + "\n", name)
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    traffic = read_traffic(file, measures())
    assert 0 < len(traffic.times) < len(lines())
    note = capsys.readouterr().err
    assert note.startswith(f"note: {file}:")
    assert "the last line is cut off, and left out" in note


GOOD = '{"t": 1767225600, "requests": {"200": 5}}'


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("what?", "no JSON: 'what?'; is it a recording?"),
        ("[1]", "a line is an object of JSON; got '[1]'"),
        ('{"requests": {}}', "t: write seconds since 1970; it is missing"),
        ('{"t": "now"}', 't: write seconds since 1970; got "now"'),
        ('{"t": 1e400}', "t: write seconds since 1970; got Infinity"),
        ('{"t": 1767225600, "requests": [1]}', "requests: write a number of requests for each status; got [1]"),
        ('{"t": 1767225600, "requests": {"200": -1}}', "requests.200: write a whole number of requests; got -1"),
        ('{"t": 1767225600, "requests": {"200": 1.5}}', "requests.200: write a whole number of requests; got 1.5"),
        ('{"t": 1767225600, "requests": {"200": true}}', "requests.200: write a whole number of requests; got true"),
        ('{"t": 1767225600, "latency": {"200": [1, 2]}}', "latency.200: write 3 numbers: all that were timed, and"),
        ('{"t": 1767225600, "latency": {"200": [1, 2, null]}}', "latency.200: write whole numbers of requests"),
        ('{"t": 1767225600, "canary": "many"}', 'canary: write a whole number of requests; got "many"'),
        ('{"t": 1767225600, "missing": 5}', "missing: write why something is unknown; got 5"),
        ('{"t": 1767225590}', "t: 1767225590.000 is not after the line before; join recordings in order of time"),
        ('{"recording": 2}', "recording: format 2 is not known: use a newer release, this one reads 1"),
        ('{"recording": 1}', "ingress: write namespace/name, such as shop/checkout; it is missing"),
        ('{"recording": 1, "ingress": "web"}', 'ingress: write namespace/name, such as shop/checkout; got "web"'),
        ('{"recording": 1, "ingress": "shop/web"}', "interval: write the seconds between two ticks, such as 10"),
        ('{"recording": 1, "ingress": "shop/web", "interval": 0}', "interval: write seconds above 0 and up to 3600"),
        (
            '{"recording": 1, "ingress": "shop/web", "interval": 10, "buckets": [0.5, 0.1]}',
            "buckets: write the buckets' bounds in seconds, rising and without infinity; got [0.5, 0.1]",
        ),
        (
            '{"recording": 1, "ingress": "shop/web", "interval": 10, "buckets": [0.1, 1]}',
            "buckets: SLO latency: threshold 0.5 s is not a bucket bound of the controllers' histogram: choose one of",
        ),
        (
            '{"recording": 1, "ingress": "shop/other", "interval": 10, "buckets": [0.1, 0.5]}',
            "ingress: 'shop/other', and 'shop/web' before; keep different recordings in two files",
        ),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_named(bad: str, why: str, tmp_path: Path) -> None:
    file = written(tmp_path, f"{HEADER.line()}\n{GOOD}\n\n{bad}\n{GOOD}\n")
    with pytest.raises(RecordingError) as raised:
        read_traffic(file, measures())
    assert str(raised.value).startswith(f"{file}:4: {why}")


MOSTLY = ("no series yet", "no series yet", "no controller was scraped at this time")
"""Why nothing is known of some ticks, the last one just after the last scrape."""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", ": nothing is known of SLO availability: the recording does not have what it counts"),
        (f"{HEADER.line()}\n", ": nothing is known of SLO availability"),
        (
            "\n".join([HEADER.line(), *(RecordedTick(10 * at, missing=why).line() for at, why in enumerate(MOSTLY))]),
            ": nothing is known of SLO availability: no series yet",
        ),
        (f"{HEADER.line()}\n{GOOD}\n", ": nothing is known of SLO latency: the recording does not have what it counts"),
        (f"{GOOD}\n", ':1: recording: the first line is a header such as {"recording": 1, ...}; is it a recording?'),
        ("x" * 2**21, ":1: no JSON: "),
    ],
)
def test_a_file_that_holds_no_recording_is_named(text: str, why: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(RecordingError) as raised:
        read_traffic(file, measures())
    assert str(raised.value).startswith(f"{file}{why}")


def test_a_plain_file_that_is_called_compressed_is_named(tmp_path: Path) -> None:
    (tmp_path / "web.gz").write_text(HEADER.line())
    with pytest.raises(RecordingError, match=r"web\.gz: cannot be unpacked: .*name a plain file without \.gz"):
        read_traffic(tmp_path / "web.gz", measures())
