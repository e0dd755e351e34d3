"""Addresses in what is shown: only http(s), and nothing secret in them. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_SECRET = re.compile(
    r"(?i)((?:^|[&;])[^=&;]*(?:auth|key|token|secret|pass|pwd|sig|session|user|login)[^=&;]*=)[^&;]+"
)
HIDDEN = "…"


def safe_link(url: str) -> str:
    """The URL when it is http(s), else ''."""
    return url if url.lower().startswith(("http://", "https://")) else ""


def event_page(event_id: str, base: str = "") -> str:
    """The address of an event's page below `base`."""
    return f"{base}/events/{event_id}"


def shown_address(url: str) -> str:
    """A feed's address for people: without user and password, and without the values of what looks like a key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        (
            parts.scheme,
            place,
            parts.path,
            _SECRET.sub(rf"\g<1>{HIDDEN}", parts.query),
            "",
        )
    )


def has_secrets(url: str) -> bool:
    """Whether `shown_address` hides a part of it."""
    return shown_address(url) != url.partition("#")[0]
