"""The commands that errors advise, as they work for whoever called us: `aggregator run` is none in an environment that
is not on PATH, nor does it find a feeds.toml that was named by `--config`. It looks at PATH, and does nothing else.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ADVISED = re.compile(r"`aggregator( [^`]*)?`")
_WITHOUT_CONFIG = ("init", "demo")


@dataclass(frozen=True, slots=True)
class Called:
    """How the program was called: the word that starts it, and the configuration that was named."""

    program: str = "aggregator"
    config: str | None = None


def called(program: str, arguments: Sequence[str]) -> Called:
    """`program`: the first word of the command line, as the interpreter has it."""
    return Called(_word(program), _config(arguments))


def as_called(text: str, how: Called) -> str:
    """The text with each advised command as it is to be typed here."""

    def typed(advised: re.Match[str]) -> str:
        rest = advised[1] or ""
        words = rest.split()
        takes_config = bool(words) and words[0] not in _WITHOUT_CONFIG
        if how.config and takes_config and "--config" not in words:
            rest += f" --config {shlex.quote(how.config)}"
        return f"`{how.program}{rest}`"

    return _ADVISED.sub(typed, text)


def _word(program: str) -> str:
    on_path = shutil.which("aggregator")
    if Path(program).name == "__main__.py":
        return "aggregator" if on_path else "python -m aggregator"
    # Called by another program: `python -c` has no file.
    if not Path(program).exists():
        return "aggregator"
    # An environment whose program is not on PATH: there is another, or none.
    is_on_path = on_path is not None and Path(on_path).samefile(program)
    return "aggregator" if is_on_path else shlex.quote(program)


def _config(arguments: Sequence[str]) -> str | None:
    for position, word in enumerate(arguments):
        if word.startswith("--config="):
            return word.partition("=")[2]
        if word == "--config" and position + 1 < len(arguments):
            return arguments[position + 1]
    return None
