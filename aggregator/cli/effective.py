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

_SIZES = (
    ("GiB", 1024**3),
    ("MiB", 1024**2),
    ("KiB", 1024),
)
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
    # A notify makes its queue itself: read back, it would stand there twice.
    own_names = {notify.queue.name for notify in settings.notifies}
    for queue in settings.queues:
        if queue.name not in own_names:
            lines += _queue(queue)
    for notify in settings.notifies:
        lines += _notify(notify)
    return lines


def _table(
    name: str,
    values: Mapping[str, Any],
) -> list[str]:
    lines = [f"[{name}]"]
    for key, value in values.items():
        lines.append(_line(key, value))
    lines.append("")
    return lines


def _queue(queue: Queue) -> list[str]:
    values = asdict(queue)
    match = _without_empty(values.pop("match"))
    lines = _table("[queue]", values)
    lines[-1] = f"match = {_inline(match)}" if match else "# match: everything"
    return [*lines, ""]


def _notify(notify: Notify) -> list[str]:
    values = asdict(notify)
    match = _without_empty(values.pop("match"))
    # Its scheme and user are not used: feeds.toml has no keys for them.
    auth = values.pop("secret") or {}
    secret = {key: auth.get(key) for key in ("environment", "file")}
    lines = _table("[notify]", _without_empty(values))[:-1]
    for name, table in (("match", match), ("secret", _without_empty(secret))):
        if table:
            lines.append(f"{name} = {_inline(table)}")
    return [*lines, ""]


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _inline(table: Mapping[str, Any]) -> str:
    """An inline table."""
    pairs = [f"{key} = {_value(value)}" for key, value in table.items()]
    return f"{{ {', '.join(pairs)} }}"


def _line(key: str, value: Any) -> str:
    # TOML has no null.
    if value is None or value == "":
        return f"# {key}: not set"
    if not key.endswith("_bytes"):
        return f"{key} = {_value(value)}"
    name = key if key == _SAME_NAME else key.removesuffix("_bytes")
    return f"{name} = {_value(_size(value))}"


def _size(byte_count: int) -> str | int:
    for unit, size in _SIZES:
        if byte_count % size == 0:
            return f"{byte_count // size}{unit}"
    return byte_count


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
