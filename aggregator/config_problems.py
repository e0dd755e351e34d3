"""What is wrong with a feeds.toml, as people who write one need to hear it: file, line, key and remedy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from aggregator.errors import Problem

_SECRET_TABLES = frozenset({"auth", "headers"})


def problems(
    error: ValidationError,
    root: type[BaseModel],
    file: str,
    places: Places,
) -> Iterator[Problem]:
    """What pydantic found against the schema `root`, in its order."""
    for fault in error.errors():
        # pydantic names the keys of a mapping (`headers`) by a part of their own.
        path = tuple(part for part in fault["loc"] if part != "[key]")
        text = _sentence(fault, path, root)
        yield Problem(
            text,
            _dotted(path),
            file,
            places.line(path),
        )


def _sentence(
    fault: Any,
    path: tuple[str | int, ...],
    root: type[BaseModel],
) -> str:
    kind = fault["type"]
    if kind == "extra_forbidden":
        *table, key = path
        return f"unknown key{_meant(root, tuple(table), str(key))}"
    if kind == "missing":
        return "this key must be given"
    if kind in _IN_WORDS:
        return f"{_IN_WORDS[kind].format_map(_limits(fault))}{_seen(fault)}"
    # Our own validators raise a ValueError that says what to write.
    message = fault["msg"].removeprefix("Value error, ")
    if _is_secret(path):
        message = message.replace(f"{fault['input']!r} ", "")
    return f"{message}{_seen(fault)}"


def _is_secret(path: tuple[str | int, ...]) -> bool:
    """Whether what stands there may be a password or a token, put into the wrong key."""
    return not _SECRET_TABLES.isdisjoint(path)


def _meant(
    root: type[BaseModel],
    table: tuple[str | int, ...],
    key: str,
) -> str:
    """Where an unknown key belongs, or which one of its table it may have meant."""
    known = _known_keys(root, table)
    tables = sorted(_known_keys(root, ()))
    homes = [
        _headed(root, name) for name in tables if key in _known_keys(root, (name,))
    ]
    # A key in capitals is in its table already.
    if homes and key.lower() not in known:
        return f"; it belongs into {' or '.join(homes)}"
    return nearest(key, known)


def _headed(
    root: type[BaseModel],
    table: str,
) -> str:
    """The head of a table as it is written."""
    for kind in _kinds(root.model_fields[table].annotation):
        if getattr(kind, "__origin__", None) is list:
            return f"[[{table}]]"
    return f"[{table}]"


_IN_WORDS = {
    "tuple_type": 'write a list, such as ["a", "b"]',
    "list_type": "write it as [[{key}]], in double brackets",
    "dict_type": "write a table, such as {{ key = value }}",
    "model_type": "write a table, such as {{ key = value }}",
    "string_type": 'write a text in quotes, such as "…"',
    "int_type": "write a whole number without quotes",
    "bool_type": "write true or false, without quotes",
    "too_long": "at most {max_length} are allowed",
    "string_too_short": "must not be empty",
    "string_too_long": "at most {max_length} characters are allowed",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
"""What pydantic finds, as people who write the file need to hear it."""


def _limits(fault: Any) -> dict[str, Any]:
    return {"key": fault["loc"][-1], **fault.get("ctx", {})}


def _seen(fault: Any) -> str:
    """The offending value, where pydantic's own text leaves it out."""
    value = fault["input"]
    if _is_secret(fault["loc"]):
        return ""
    # Our own sentences quote it; a whole table would fill the screen.
    if fault["type"] == "value_error" or isinstance(value, dict | list):
        return ""
    return f" (found {value!r})"


def nearest(
    key: str,
    known: Iterable[str],
) -> str:
    """The end of the sentence about an unknown name: the known one it may have meant, or all of them."""
    from rapidfuzz import process  # 10 ms, for a file that has a mistake
    from rapidfuzz.distance import Levenshtein

    names = sorted(known)
    best = process.extractOne(
        key.lower(),
        names,
        scorer=Levenshtein.normalized_similarity,
        score_cutoff=0.5,
    )
    if best:
        return f'; did you mean "{best[0]}"?'
    return f"; known here: {', '.join(names)}" if names else ""


def _known_keys(
    root: type[BaseModel],
    table: tuple[str | int, ...],
) -> set[str]:
    model: Any = root
    for part in table:
        if isinstance(part, int):
            continue
        column = _columns(model).get(part)
        if column is None:
            return set()
        model = _model_in(column.annotation)
        if model is None:
            return set()
    return set(_columns(model))


def _columns(model: Any) -> dict[str, Any]:
    """The fields of a table by the keys that the file has for them."""
    fields = model.model_fields.items()
    return {column.alias or name: column for name, column in fields}


def _model_in(annotation: Any) -> Any:
    """The table within `list[Table] | None`; None where there is none."""
    for kind in _kinds(annotation):
        if hasattr(kind, "model_fields"):
            return kind
    return None


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _kinds(inner)


def _dotted(path: tuple[str | int, ...]) -> str:
    dotted = ""
    for part in path:
        dotted += f"[{part}]" if isinstance(part, int) else f".{part}"
    return dotted.removeprefix(".")


def path_of(dotted: str) -> tuple[str | int, ...]:
    """A dotted key as `Places` knows it."""
    parts = re.findall(r"[^.\[\]]+", dotted)
    return tuple(int(part) if part.isdigit() else part for part in parts)


class Places:
    """Where tables and keys stand in the text. It reads lines as people write them; `None` where it cannot tell."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str | int, ...], int] = {}
        counts: Counter[str] = Counter()
        table: tuple[str | int, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if array := re.match(r"\s*\[\[\s*([\w.-]+)\s*\]\]", line):
                table = (array[1], counts[array[1]])
                counts[array[1]] += 1
                self._lines[table] = number
                # A fault of all of them together stands at the first.
                self._lines.setdefault((array[1],), number)
            elif head := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
                table = self._inside(tuple(head[1].split(".")), counts)
                self._lines[table] = number
            elif key := re.match(r"\s*([\w.-]+|\"[^\"]+\")\s*=", line):
                self._lines.setdefault(
                    (*table, key[1].strip('"')),
                    number,
                )

    @staticmethod
    def _inside(
        names: tuple[str, ...],
        counts: Counter[str],
    ) -> tuple[str | int, ...]:
        """`[feed.auth]` belongs to the newest `[[feed]]`."""
        table, *inner = names
        if not counts[table]:
            return names
        return (table, counts[table] - 1, *inner)

    def line(
        self,
        path: tuple[str | int, ...],
    ) -> int | None:
        """The line of a key, or of the nearest thing around it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None
