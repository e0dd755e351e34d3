"""Notices as lines of `agg:trouble` and as payloads of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import orjson

from aggregator.engine import wire
from aggregator.engine.scripts import Argument, Engine, flattened
from aggregator.model import Notice
from aggregator.visible import visible


def notice_arguments(
    engine: Engine,
    notices: Sequence[Notice],
    at: datetime,
) -> list[Argument]:
    """The notices as scripts take them: number of fields, fields, channel, payload."""
    arguments: list[Argument] = []
    for notice in notices:
        fields = notice_fields(notice, at)
        channel = f"{engine.keys.trouble_channel}{notice.feed_id}"
        # The field `json` holds what goes to the channel: a subscriber needs one form only.
        payload = fields["json"]
        arguments += [2 * len(fields), *flattened(fields.items()), channel, payload]
    return arguments


def notice_fields(notice: Notice, at: datetime) -> dict[str, str]:
    """A line of `agg:trouble`; its id follows from its content."""
    stamp = wire.iso(at)
    content = (
        notice.kind,
        notice.feed_id,
        notice.host,
        stamp,
        notice.detail,
    )
    digest = sha256("\0".join(content).encode()).hexdigest()
    plain = {
        "v": str(wire.VERSION),
        "id": digest[:32],
        "kind": notice.kind,
        "feed_id": notice.feed_id,
        "host": visible(notice.host),
        "at": stamp,
        "detail": visible(notice.detail[:4000]),
    }
    return {**plain, "json": orjson.dumps({**plain, "v": wire.VERSION}).decode()}
