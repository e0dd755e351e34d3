"""What is wrong with a feeds.toml, as people who write one need to hear it: file, line, key and remedy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from aggregator.errors import Problem


def problems(
    error: ValidationError, root: type[BaseModel], file: str, places: Places
) -> Iterator[Problem]:
    """What pydantic found against the schema `root`, in its order."""
    for one in error.errors():
        path = tuple(part for part in one["loc"] if part != "[key]")
        if one["type"] == "extra_forbidden":
            *table, key = path
            text = f"unknown key{_meant(root, tuple(table), str(key))}"
        elif one["type"] == "missing":
            text = "this key must be given"
        elif one["type"] in _IN_WORDS:
            text = f"{_IN_WORDS[one['type']].format_map(_limits(one))}{_seen(one)}"
        else:
            text = f"{one['msg'].removeprefix('Value error, ')}{_seen(one)}"
        yield Problem(text, _dotted(path), file, places.line(path))


def _meant(root: type[BaseModel], table: tuple[str | int, ...], key: str) -> str:
    """Where an unknown key belongs, or which one of its table it may have meant."""
    known = _known_keys(root, table)
    homes = [
        name
        for name in sorted(_known_keys(root, ()))
        if key in _known_keys(root, (name,))
    ]
    if homes and key.lower() not in known:
        return f"; it belongs into {' or '.join(_headed(root, name) for name in homes)}"
    return nearest(key, known)


def _headed(root: type[BaseModel], table: str) -> str:
    is_list = any(
        getattr(kind, "__origin__", None) is list
        for kind in _kinds(root.model_fields[table].annotation)
    )
    return f"[[{table}]]" if is_list else f"[{table}]"


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


def _limits(one: Any) -> dict[str, Any]:
    return {"key": one["loc"][-1], **one.get("ctx", {})}


def _seen(one: Any) -> str:
    """The offending value, where pydantic's own text leaves it out."""
    value = one["input"]
    return (
        ""
        if one["type"] == "value_error" or isinstance(value, dict | list)
        else f" (found {value!r})"
    )


def nearest(key: str, known: Iterable[str]) -> str:
    """The end of the sentence about an unknown name: the known one it may have meant, or all of them."""
    from rapidfuzz import process  # 10 ms, for a file that has a mistake
    from rapidfuzz.distance import Levenshtein

    names = sorted(known)
    found = process.extractOne(
        key.lower(), names, scorer=Levenshtein.normalized_similarity, score_cutoff=0.5
    )
    if found:
        return f'; did you mean "{found[0]}"?'
    return f"; known here: {', '.join(names)}" if names else ""


def _known_keys(root: type[BaseModel], table: tuple[str | int, ...]) -> set[str]:
    model: Any = root
    for part in table:
        if isinstance(part, int):
            continue
        column = next(
            (c for name, c in model.model_fields.items() if (c.alias or name) == part),
            None,
        )
        if column is None:
            return set()
        model = next(
            (
                kind
                for kind in _kinds(column.annotation)
                if hasattr(kind, "model_fields")
            ),
            None,
        )
        if model is None:
            return set()
    return {column.alias or name for name, column in model.model_fields.items()}


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _kinds(inner)


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in path
    ).removeprefix(".")


def path_of(dotted: str) -> tuple[str | int, ...]:
    """A dotted key as `Places` knows it."""
    return tuple(int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", dotted))


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
                self._lines.setdefault((array[1],), number)
            elif head := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
                table = self._inside(tuple(head[1].split(".")), counts)
                self._lines[table] = number
            elif key := re.match(r"\s*([\w.-]+|\"[^\"]+\")\s*=", line):
                self._lines.setdefault((*table, key[1].strip('"')), number)

    @staticmethod
    def _inside(names: tuple[str, ...], counts: Counter[str]) -> tuple[str | int, ...]:
        """`[feed.auth]` belongs to the newest `[[feed]]`."""
        return (
            (names[0], counts[names[0]] - 1, *names[1:]) if counts[names[0]] else names
        )

    def line(self, path: tuple[str | int, ...]) -> int | None:
        """The line of a key, or of the nearest thing around it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None
