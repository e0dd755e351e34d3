"""What a reload of feeds.toml changes, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from aggregator.config import Configuration
from aggregator.model import Settings

RESTART_KEYS = (
    "redis_url",
    "redis_url_file",
    "redis_url_environment",
    "state_dir",
    "key_prefix",
    "server_listen",
    "http_listen",
    "http_public_url",
    "contact",
    "archive_dir",
)
RESTART_DIGEST_KEYS = ("dir", "timezone")
"""What a running daemon keeps as it was at its start: servers, directories, addresses."""


def config_changes(before: Configuration, after: Configuration) -> Mapping[str, Any]:
    """What a reload changes, in words for the log; empty when nothing does."""
    old = {feed.feed_id: feed for feed in before.feeds}
    new = {feed.feed_id: feed for feed in after.feeds}
    in_both = old.keys() & new.keys()
    settings = _changed(
        before.settings,
        after.settings,
        [column.name for column in fields(Settings)],
    )
    digest = _changed(
        before.settings.digest,
        after.settings.digest,
        RESTART_DIGEST_KEYS,
    )
    needs_restart = [name for name in settings if name in RESTART_KEYS]
    needs_restart += [f"digest.{name}" for name in digest]
    changes = {
        "feeds_added": sorted(new.keys() - old.keys()),
        "feeds_removed": sorted(old.keys() - new.keys()),
        "feeds_changed": sorted(name for name in in_both if old[name] != new[name]),
        "settings_changed": settings,
        "needs_restart": needs_restart,
    }
    return {name: value for name, value in changes.items() if value}


def _changed(
    old: object,
    new: object,
    names: Iterable[str],
) -> list[str]:
    return [name for name in names if getattr(old, name) != getattr(new, name)]
