"""The settings in force, written as feeds.toml would write them.

Rules: what is printed can be read back as a feeds.toml with the same settings; a key without a value is a comment;
passwords in URLs are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from typing import Any

import orjson

from aggregator.engine.client import without_secrets
from aggregator.model import Notify, Queue, Settings

_SIZES = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))
_SAME_NAME = "max_stream_bytes"
"""The one size that feeds.toml, too, calls `…_bytes`."""


def written(span: timedelta) -> str:
    """A duration as feeds.toml writes it: the largest unit that divides it."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{span.total_seconds():g}s"


def shown(settings: dict[str, Any]) -> dict[str, Any]:
    """A `Settings` as a dict, without the passwords in its URLs."""
    fetch = settings["fetch"]
    redis_url = settings["redis_url"] and without_secrets(settings["redis_url"])
    proxy = fetch["proxy"] and without_secrets(fetch["proxy"])
    return settings | {"redis_url": redis_url, "fetch": fetch | {"proxy": proxy}}


def toml_lines(settings: Settings, *, digest_dir: str) -> list[str]:
    """The lines of a feeds.toml that has these settings. `digest_dir`: where digests go, also when not configured."""
    values = shown(asdict(settings))
    names = ("redis_url", "state_dir", "key_prefix", "contact", "archive_dir")
    lines = _table("aggregator", {name: values[name] for name in names})
    lines += _table("server", {"listen": settings.server_listen})
    for name in ("fetch", "documents", "dedup"):
        lines += _table(name, values[name])
    lines += _table("digest", values["digest"] | {"dir": digest_dir})
    http = {
        "listen": settings.http_listen,
        "public_url": settings.http_public_url,
        "pictures": settings.http_pictures,
    }
    lines += _table("http", http)
    lines += _table("retention", values["retention"])
    own = {notify.queue.name for notify in settings.notifies}
    lines += [
        line
        for queue in settings.queues
        if queue.name not in own
        for line in _queue(queue)
    ]
    return lines + [line for notify in settings.notifies for line in _notify(notify)]


def _table(name: str, values: Mapping[str, Any]) -> list[str]:
    return [f"[{name}]", *(_line(key, value) for key, value in values.items()), ""]


def _queue(queue: Queue) -> list[str]:
    match = {key: list(value) for key, value in asdict(queue.match).items() if value}
    plain = {key: value for key, value in asdict(queue).items() if key != "match"}
    inner = ", ".join(f"{key} = {_value(value)}" for key, value in match.items())
    matched = [f"match = {{ {inner} }}"] if match else ["# match: everything"]
    return [
        "[[queue]]",
        *(_line(key, value) for key, value in plain.items()),
        *matched,
        "",
    ]


def _notify(notify: Notify) -> list[str]:
    shown = asdict(notify)
    match = {key: list(value) for key, value in shown.pop("match").items() if value}
    where = shown.pop("secret") or {}
    secret = {key: where[key] for key in ("environment", "file") if where.get(key)}
    tables = [
        f"{name} = {{ {_inner(table)} }}"
        for name, table in (("match", match), ("secret", secret))
        if table
    ]
    return [
        "[[notify]]",
        *(_line(key, value) for key, value in shown.items() if value),
        *tables,
        "",
    ]


def _inner(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {_value(value)}" for key, value in table.items())


def _line(key: str, value: Any) -> str:
    if value is None or value == "":
        return f"# {key}: not set"
    if key.endswith("_bytes"):
        return f"{key if key == _SAME_NAME else key.removesuffix('_bytes')} = {_value(_size(value))}"
    return f"{key} = {_value(value)}"


def _size(count: int) -> str | int:
    return next(
        (f"{count // size}{unit}" for unit, size in _SIZES if count % size == 0),
        count,
    )


def _value(value: Any) -> str:
    match value:
        case timedelta():
            return f'"{written(value)}"'
        case StrEnum():
            return f'"{value.value}"'
        case list() | tuple():
            return f"[{', '.join(_value(inner) for inner in value)}]"
        case _:
            return orjson.dumps(value).decode()
