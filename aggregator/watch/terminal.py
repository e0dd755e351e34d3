"""The edge of every terminal: what publishers, servers and consumers wrote is shown there, never obeyed.

Rules: `guarded` stands around a whole stream, so that no place that prints has to think of it; what draws on the
terminal itself (rich, the log's colours) cleans its texts one by one and writes past the guard (`unguarded`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO, TextIO

from aggregator.visible import visible, visible_json


class GuardedBytes:
    """A binary stream to which only harmless bytes go."""

    def __init__(self, stream: BinaryIO) -> None:
        self.unguarded = stream

    def write(self, data: bytes) -> int:
        """Write JSON bytes with what a terminal would obey escaped; answers how many bytes were taken."""
        self.unguarded.write(visible_json(bytes(data)))
        return len(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


class Guarded:
    """A text stream to which only harmless characters go; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self.unguarded = stream

    @property
    def buffer(self) -> GuardedBytes:
        """The same for bytes."""
        return GuardedBytes(self.unguarded.buffer)

    def write(self, text: str) -> int:
        """Write text with what a terminal would obey made visible; answers how many characters were taken."""
        self.unguarded.write(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def guarded(stream: Any) -> Any:
    """The stream with the guard around it, once."""
    return stream if isinstance(stream, Guarded) else Guarded(stream)


def unguarded(stream: Any) -> Any:
    """The stream itself, for what cleans each text it prints."""
    return stream.unguarded if isinstance(stream, Guarded) else stream
