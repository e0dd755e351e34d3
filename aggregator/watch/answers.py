"""How the status port answers: HTML, JSON and files, each with what caches and browsers are told of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from typing import Any

import orjson
from aiohttp import web

from aggregator.http_dates import http_date

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def html(
    text: str,
    *,
    status: int = 200,
) -> web.Response:
    """A page: never kept, always asked for anew."""
    response = web.Response(
        body=text.encode("utf-8", "replace"),
        status=status,
    )
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    response.enable_compression()
    return response


def json(
    value: Mapping[str, Any],
    *,
    status: int = 200,
) -> web.Response:
    """A JSON object that is never kept."""
    return web.Response(
        body=orjson.dumps(value),
        status=status,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


def validated(
    request: web.Request,
    body: bytes,
    content_type: str,
    *,
    modified_at: datetime | None = None,
) -> web.Response:
    """The body with its validators, or 304 where the asker has it (RFC 9110, 13.2.2: ETag before the date)."""
    tag = sha256(body).hexdigest()[:24]
    # Weak: the same tag stands for the body as it is and for its compressed form.
    headers = {
        "ETag": f'W/"{tag}"',
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
    }
    if modified_at is not None:
        whole_second = modified_at.astimezone(UTC).replace(microsecond=0)
        headers["Last-Modified"] = format_datetime(whole_second, usegmt=True)
    if _has_it(request, tag, modified_at):
        return web.Response(status=304, headers=headers)
    response = web.Response(
        body=body, headers={**headers, "Content-Type": content_type}
    )
    response.enable_compression()
    return response


def _has_it(
    request: web.Request,
    tag: str,
    modified_at: datetime | None,
) -> bool:
    asked = request.headers.get("If-None-Match")
    # A tag is exact, a date only to the second: where both are given the date is not looked at.
    if asked is not None:
        return asked.strip() == "*" or tag in _TAG.findall(asked)
    since_at = http_date(request.headers.get("If-Modified-Since", ""))
    if since_at is None or modified_at is None:
        return False
    return modified_at.replace(microsecond=0) <= since_at
