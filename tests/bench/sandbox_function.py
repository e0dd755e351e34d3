"""The function that sandbox_cost runs in the children, in a module of its own as a reader is."""

from __future__ import annotations

import io

import charset_normalizer  # noqa: F401  part of what a reader loads
import feedparser
import nh3  # noqa: F401


def entry_count(body: bytes) -> int:
    return len(feedparser.parse(io.BytesIO(body)).entries)
