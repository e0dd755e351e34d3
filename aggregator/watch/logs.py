"""The log: one JSON line for each event in service, coloured lines on a terminal.

Rules:
- structlog writes by itself, not through stdlib logging: a rich line costs 25 µs of CPU, 14 of them redaction; through
  `ProcessorFormatter`, which serves foreign stdlib loggers only, 43 (tests/bench/log_cost.py).
- In the journal a line begins with its priority (`<4>`), which journald takes off and files; elsewhere it does not.
- No secret and no URL userinfo reaches the log: `redact` walks every value of every line, tracebacks included.
- An exception is one field (`exception`) of its line, never lines of its own.
- Logging never raises: a terminal that was closed, a reader that went away, a full disk cost lines, not the part of the
  daemon that wanted to say something. What was lost is counted, and told when lines can be written again.

What the process knows of its surroundings (is stdout a terminal, the journal?) is an argument: see `is_journal`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from aggregator.errors import ConfigError, Problem
from aggregator.redaction import HIDDEN, redacted
from aggregator.visible import visible
from aggregator.watch.terminal import unguarded

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}

PRIORITIES = {
    "debug": b"<7>",
    "info": b"<6>",
    "warning": b"<4>",
    "error": b"<3>",
    "critical": b"<2>",
}
"""syslog(3) priorities as journald reads them at the start of a line (sd-daemon(3))."""

MAX_VALUE_CHARS = 16_000
"""Longest string value. journald cuts lines at 48 KiB (LineMax); three of these fit. A guess."""

PATIENCE_S = 2.0
"""How long a line waits for a reader that has stopped reading (a pager, Ctrl-S on a terminal); those after it do not
wait. A guess, far below the 90 s after which the daemon would count as stuck."""
_PIECE_BYTES = select.PIPE_BUF
"""Of what can be written to a pipe or terminal that is ready, so much is taken without a wait (POSIX)."""

_KEYS_KEPT = 512
"""Lines have some hundred keys, nearly all of them written in the code."""
_SECRET_KEYS = re.compile(
    r"(?i)(?:^|[_-])(?:password|passwd|passphrase|secret|authorization|cookie|credentials?|api_?key"
    r"|(?:access|refresh|auth|bearer)_?token)$"
)


class Form(StrEnum):
    """How lines are written: `pretty` for people, `json` for programs, `journal` for journald (JSON with priority)."""

    PRETTY = "pretty"
    JSON = "json"
    JOURNAL = "journal"


def is_journal(
    journal_stream: str | None,
    *,
    device: int,
    inode: int,
) -> bool:
    """Whether the stream of this device and inode is the journal.

    `journal_stream` is the value of $JOURNAL_STREAM, `device:inode` of what systemd connected; a child whose output
    was redirected inherits the variable, so only a match counts (systemd.exec(5)).
    """
    return journal_stream == f"{device}:{inode}"


def form_of(
    *,
    terminal: bool,
    journal: bool,
    requested: str | None = None,
) -> Form:
    """The form that fits the stream, unless one is asked for by name. Raises ConfigError for an unknown name."""
    if requested:
        try:
            return Form(requested.lower())
        except ValueError:
            text = f"{requested!r} is none of {', '.join(Form)}"
            raise ConfigError(Problem(text, key="LOG_FORMAT")) from None
    if journal:
        return Form.JOURNAL
    if terminal:
        return Form.PRETTY
    return Form.JSON


def level_number(name: str) -> int:
    """The numeric level of a name such as `info` or `WARN`. Raises ConfigError for an unknown one."""
    known = {**LEVELS, "warn": logging.WARNING}
    try:
        return known[name.strip().lower()]
    except KeyError:
        text = f"{name!r} is none of {', '.join(LEVELS)}"
        raise ConfigError(Problem(text, key="LOG_LEVEL")) from None


def redact(
    _logger: WrappedLogger,
    _method: str,
    line: EventDict,
) -> EventDict:
    """Processor: hide secrets in every value of the line, at any depth."""
    return {key: _clean(key, value) for key, value in line.items()}


def configure(
    *,
    level: str = "info",
    form: Form = Form.JSON,
    stream: TextIO | None = None,
    constants: Mapping[str, str] | None = None,
    tell: Callable[[EventDict], None] | None = None,
) -> None:
    """Set up structlog and the stdlib root logger for this process; a later call replaces an earlier one.

    `stream` (default: stdout) must have a `buffer` unless the form is PRETTY. `constants` are added to every line.
    With `tell` nothing is written: it is called with each line, secrets hidden, and says what people need to hear.
    Raises ConfigError for an unknown level.
    """
    number = level_number(level)
    target = unguarded(sys.stdout if stream is None else stream)
    before = _common_processors(constants or {})
    writer = LineWriter(target)
    if tell:
        render = _telling(tell)
        foreign: logging.Handler = _Telling(tell)
    else:
        render = _renderer(form, target)
        foreign = _writing(writer, before, render)
    structlog.configure(
        processors=[*before, redact, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: writer,
        context_class=dict,
        # A bound logger is made once, not for each line.
        cache_logger_on_first_use=True,
    )
    _configure_foreign(number, foreign)


class LineWriter:
    """Writes lines to a stream, whole and at once, and never raises; what could not be written is counted.

    It is structlog's logger, whose methods are named for the levels. Nothing stays in a buffer: what a full disk
    refused would come again with every later line.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._is_mid_line = False
        """Whether the last line was written in part: the next begins on a line of its own."""
        self.lost_count = 0
        """Lines since the last one that was written."""

    def msg(self, line: str | bytes) -> None:
        """Write one line; one that cannot be written is counted, and the count told with the next that can."""
        data = line
        if isinstance(data, str):
            data = data.encode(errors="backslashreplace")
        if not data.endswith(b"\n"):
            data += b"\n"
        # The search's thread and the loop's may both have something to say.
        with self._lock:
            try:
                if self.lost_count:
                    self._write(_lost_line(self.lost_count), patience_s=0)
                    self.lost_count = 0
                self._write(data, patience_s=PATIENCE_S)
            except (OSError, ValueError):
                # ValueError: the stream was closed.
                self.lost_count += 1

    # structlog calls the method that is named for the level.
    debug = info = warning = error = critical = exception = log = fatal = err = warn = (
        msg
    )

    def _write(self, data: bytes, *, patience_s: float) -> None:
        """Raises OSError, of which TimeoutError where nobody reads, and ValueError."""
        number = _descriptor(self._stream)
        if number is None:
            self._stream.buffer.write(data)
            self._stream.flush()
            return
        if self._is_mid_line:
            data = b"\n" + data
        while data:
            # A write to a pipe or terminal that is full waits, and with it the loop, for as long as nobody reads.
            _wait_until_ready(number, patience_s)
            written = os.write(number, data[:_PIECE_BYTES])
            data = data[written:]
            self._is_mid_line = bool(data)


def _descriptor(stream: TextIO) -> int | None:
    """The stream's file; None for one that is none (a test's). Raises ValueError for a closed one."""
    try:
        return stream.fileno()
    except io.UnsupportedOperation:
        return None


def _wait_until_ready(number: int, seconds: float) -> None:
    """Until the file takes a piece. Raises TimeoutError; what is gone or full is told by the write."""
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    if not poll.poll(seconds * 1000):
        raise TimeoutError("nobody reads the log")


def _lost_line(count: int) -> bytes:
    facts = {"level": "warning", "event": "log_lines_lost", "lines": count}
    return orjson.dumps(facts) + b"\n"


class _ForeignHandler(logging.Handler):
    """Lines of stdlib loggers, by the same writer."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.msg(self.format(record))


def _common_processors(constants: Mapping[str, str]) -> list[Processor]:
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(
            fmt="iso",
            utc=True,
            key="at",
        ),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    if constants:
        processors.insert(1, _adding(dict(constants)))
    return processors


def _adding(constants: dict[str, str]) -> Processor:
    def add_constants(
        _logger: WrappedLogger, _method: str, line: EventDict
    ) -> EventDict:
        return {**constants, **line}

    return add_constants


def _renderer(form: Form, target: TextIO) -> Processor:
    if form is Form.PRETTY:
        return _pretty(target)
    return _json_lines(with_priority=form is Form.JOURNAL)


def _configure_foreign(level: int, handler: logging.Handler) -> None:
    """Bring stdlib loggers (asyncio, aiohttp, apscheduler, warnings) to the same place in the same form."""
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # What libraries say at INFO is for those who debug.
    if level > logging.DEBUG:
        level = max(level, logging.WARNING)
    root.setLevel(level)
    logging.captureWarnings(True)


def _writing(
    writer: LineWriter, before: list[Processor], render: Processor
) -> logging.Handler:
    handler = _ForeignHandler(writer)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            *before,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            _as_text(render),
        ],
    )
    handler.setFormatter(formatter)
    return handler


def _telling(tell: Callable[[EventDict], None]) -> Processor:
    def told_line(
        _logger: WrappedLogger,
        _method: str,
        line: EventDict,
    ) -> EventDict:
        # The terminal was closed: nobody is there to be told.
        with contextlib.suppress(OSError, ValueError):
            tell(line)
        raise structlog.DropEvent

    return told_line


class _Telling(logging.Handler):
    """A stdlib logger's error, told like a line of our own. What a library only warns of (a job that was skipped, a
    deprecated call) is for a log: nobody at a terminal can do anything about it."""

    def __init__(self, tell: Callable[[EventDict], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        line = {
            "event": redacted(record.getMessage()),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        with contextlib.suppress(OSError, ValueError):
            self._tell(line)


def _as_text(render: Processor) -> Processor:
    def rendered_text(
        logger: WrappedLogger,
        method: str,
        line: EventDict,
    ) -> str:
        rendered = render(logger, method, line)
        if isinstance(rendered, bytes):
            return rendered.decode()
        return str(rendered).rstrip("\n")

    return rendered_text


def _json_lines(*, with_priority: bool) -> Processor:
    def json_line(
        _logger: WrappedLogger,
        _method: str,
        line: EventDict,
    ) -> bytes:
        ordered = {
            "at": line.pop("at", None),
            "level": line.pop("level", "info"),
            "event": line.pop("event", ""),
            **line,
        }
        body = _json(ordered)
        if not with_priority:
            return body
        priority = PRIORITIES.get(str(ordered["level"]), b"<6>")
        return priority + body

    return json_line


def _json(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # orjson refuses lone surrogates and integers over 64 bits, both of which hostile feeds can bring about.
        return json.dumps(line, default=str, ensure_ascii=True).encode()


def _pretty(stream: TextIO) -> Processor:
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        pad_event_to=24,
        timestamp_key="at",
        exception_formatter=structlog.dev.plain_traceback,
    )

    def pretty_line(
        logger: WrappedLogger,
        method: str,
        line: EventDict,
    ) -> str:
        # Feed texts must not drive the terminal: their control characters are shown, not sent.
        shown = {key: _shown(value) for key, value in line.items()}
        return str(console(logger, method, shown))

    return pretty_line


def _shown(value: Any) -> Any:
    """A value on a line for people: of records within records only their number."""
    if isinstance(value, str):
        return visible(value)
    if not isinstance(value, list | tuple):
        return value
    has_records = any(isinstance(held, Mapping) for held in value)
    return len(value) if has_records else value


@lru_cache(maxsize=_KEYS_KEPT)
def _names_a_secret(key: str) -> bool:
    return _SECRET_KEYS.search(key) is not None


def _clean(key: object, value: Any) -> Any:
    if isinstance(value, str):
        if _names_a_secret(str(key)):
            return HIDDEN
        if len(value) > MAX_VALUE_CHARS:
            value = value[:MAX_VALUE_CHARS] + "…"
        return redacted(value)
    if isinstance(value, Mapping):
        return {inner: _clean(inner, held) for inner, held in value.items()}
    # A list under `cookies` holds cookies.
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(key, held) for held in value]
    if isinstance(value, bytes | BaseException):
        return _clean(key, str(value))
    return value
