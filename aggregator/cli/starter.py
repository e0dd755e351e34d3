"""The starter list: the feeds.toml that `aggregator init` writes, by language and theme.

Rules: the lists are package data beside this module, `starter/<theme>.<language>.toml`; `starter/head.toml` stands
before them. The feeds.toml of the checkout is what `init` writes without options (a test says so).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from aggregator.config import configuration

LANGUAGES = ("en", "zh", "de", "es", "fr")
THEMES = ("world", "technology")
DEFAULT_LANGUAGES = ("en", "zh")


def head() -> str:
    """The settings without any feed, commented."""
    return _part("head")


def starter(
    *,
    languages: Sequence[str] = DEFAULT_LANGUAGES,
    themes: Sequence[str] = THEMES,
) -> str:
    """A whole feeds.toml: the settings, then each theme in each language there is a list of."""
    parts = [head()]
    for theme in themes:
        for language in languages:
            # Not every theme has feeds in every language.
            if has_list(theme, language):
                parts.append(_part(f"{theme}.{language}"))
    return "\n".join(parts)


def has_list(theme: str, language: str) -> bool:
    """Whether there are feeds of this theme in this language."""
    return _file(f"{theme}.{language}").is_file()


def feed_count(text: str) -> int:
    """How many feeds a feeds.toml asks for. Raises ConfigError."""
    return len(configuration(text).feeds)


def _part(name: str) -> str:
    return _file(name).read_text(encoding="utf-8")


def _file(name: str) -> Traversable:
    return files("aggregator.cli") / "starter" / f"{name}.toml"
