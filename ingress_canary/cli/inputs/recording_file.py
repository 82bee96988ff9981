"""Recording in a file, plain or compressed by gzip: read for ``backtest``, written by ``record``."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedReader, BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Self

from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.whatif.backtest.recorded_traffic import RecordedTraffic
from ingress_canary.whatif.backtest.recording import RecordingError

MAX_LINE = 1024 * 1024
"""Bytes of a line, some thousand statuses and buckets: a longer one is taken apart, and so refused."""
CUT_OFF = (EOFError, zlib.error)
"""What a compressed file raises that was cut off, or is damaged from some place on."""


def read_traffic(file: Path, measures: SliSet) -> RecordedTraffic:
    """Return the traffic of a recording. Raises RecordingError with file and line; OSError.

    A last line that was cut off is left out, with a note on standard error.
    """
    traffic, number = RecordedTraffic(measures), 0
    try:
        with _opened(file) as stream:
            for number, line in enumerate(_lines(stream), 1):
                if line == b"\n":
                    continue
                try:
                    traffic.add(line)
                except RecordingError:
                    if line.endswith(b"\n") or number == 1:
                        raise
                    _note(file, number)
    except CUT_OFF:
        _note(file, number + 1)
    except gzip.BadGzipFile as error:
        raise RecordingError(f"{file}: cannot be unpacked: {error}; name a plain file without .gz") from None
    except RecordingError as error:
        raise RecordingError(f"{file}:{number}: {error}") from None
    try:
        traffic.check()
    except RecordingError as error:
        raise RecordingError(f"{file}: {error}") from None
    return traffic


def _note(file: Path, number: int) -> None:
    print(f"note: {file}:{number}: the last line is cut off, and left out", file=sys.stderr)


def _opened(file: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


def _lines(stream: gzip.GzipFile | BufferedReader) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE):
        yield line


class RecordingFile:
    """A new recording: what was written is there, whatever ends the process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: gzip.GzipFile | BufferedWriter | None = None

    def __enter__(self) -> Self:
        """Make the file. Raises OSError, also when it is there: nobody's recording is lost."""
        self._stream = gzip.open(self._file, "xb") if self._file.suffix == ".gz" else self._file.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, down to the file."""
        assert self._stream is not None
        for line in lines:
            self._stream.write(f"{line}\n".encode())
        self._stream.flush()
