"""`--lang`, `--category`, `--words`: which messages and events a command shows, by the rules of a queue's `match`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from aggregator.model import Event, Match, Message

F = TypeVar("F", bound=Callable[..., Any])

EVERYTHING = Match()


def choosing(command: F) -> F:
    """The three options, given to the command as `langs`, `categories` and `words`."""
    words = click.option(
        "--words",
        multiple=True,
        help="Only with this word or phrase; may be given again (any of them).",
    )
    category = click.option(
        "--category",
        "categories",
        multiple=True,
        help="Only of this category, at any level.",
    )
    lang = click.option(
        "--lang",
        "langs",
        multiple=True,
        help="Only in this language, such as zh or en.",
    )
    # As decorators stand: the last one applied comes first in `--help`.
    return lang(category(words(command)))


def match_of(
    langs: tuple[str, ...],
    categories: tuple[str, ...],
    words: tuple[str, ...],
) -> Match:
    """What the options let through: keys joined by AND, the values of one key by OR."""
    return Match(categories=categories, languages=langs, words=words)


@dataclass(frozen=True, slots=True)
class _Shown:
    feed_id: str
    categories: tuple[str, ...]
    lang: str
    title: str
    text: str


def takes_message(match: Match, message: Message) -> bool:
    """Whether a message is to be shown."""
    if match == EVERYTHING:
        return True

    from aggregator.entry.documents import body_text

    # A body is read only where words are looked for in it.
    text = body_text(message.document) if match.words else ""
    shown = _Shown(
        message.feed_id,
        message.categories,
        message.lang,
        message.title,
        text,
    )
    return _takes(match, shown)


def takes_event(match: Match, event: Event) -> bool:
    """Whether an event is to be shown: the words may stand in the title of any of its reports."""
    titles = "\n".join(source.title for source in event.sources)
    return _takes(
        match,
        _Shown("", event.categories, event.lang, event.title, titles),
    )


def _takes(match: Match, shown: _Shown) -> bool:
    if match == EVERYTHING:
        return True

    from aggregator.pipeline.reporting import matches  # with the tables of words, 60 ms

    return matches(match, shown)
