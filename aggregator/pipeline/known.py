"""What is known of published reports: read back from the messages that told of them.

A message holds nearly all of the entry it was made of, so that a report can be told once more when an operator moves
it to another event, and its text be exported as an example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aggregator.entry.documents import report_of_document
from aggregator.entry.urls import site_of
from aggregator.model import EPOCH, DateSource, Entry, Event, Kind, Message, Source

OPERATOR = "operator"
"""The reason of what is told on an operator's word."""


@dataclass(frozen=True, slots=True)
class Known:
    """A report as its newest message told it, its event, and whether it is a copy of another report there.

    `site` is the host its link claims, `publisher` that of its feed, the unit of independence.
    """

    message: Message
    event_id: str
    is_copy: bool
    site: str
    publisher: str


class Reports:
    """The reports of some events, gathered from the messages of the reports stream, oldest first.

    `aliases` holds absorbed events with their survivors, `feed_urls` the addresses of feeds, whose domains are
    the sources that count.
    """

    def __init__(
        self,
        event_ids: Iterable[str],
        aliases: Mapping[str, str],
        feed_urls: Mapping[str, str],
    ) -> None:
        self._wanted = frozenset(event_ids)
        self._aliases = aliases
        self._feed_urls = feed_urls
        self._known: dict[str, Known] = {}

    def concerns(self, *, entry_id: str, event_id: str) -> bool:
        """Whether a message tells of one of these events, or of a report that has been in one."""
        if entry_id in self._known:
            return True
        return self._standing_id(event_id) in self._wanted

    def add(self, message: Message) -> None:
        """Take in the next message, in the order of the stream."""
        before = self._known.get(message.entry_id)
        was_copy = before is not None and before.is_copy
        self._known[message.entry_id] = Known(
            message,
            self._standing_id(message.event_id),
            _is_copy(message, was=was_copy),
            self._site(message.url, message.feed_id),
            self._site("", message.feed_id),
        )

    def _standing_id(self, event_id: str) -> str:
        return self._aliases.get(event_id, event_id)

    def of(self, event: Event) -> list[Known]:
        """What is known of the event's reports, in the order they came; of some only what the event itself lists."""
        reports = {s.entry_id: self._listed(s, event) for s in event.sources}
        # A message tells more than the event lists, so it comes after.
        for entry_id, known in self._known.items():
            if known.event_id == event.event_id:
                reports[entry_id] = known
        return sorted(
            reports.values(),
            key=lambda known: known.message.first_seen_at or EPOCH,
        )

    def _listed(self, source: Source, event: Event) -> Known:
        return Known(
            _listed(source, event),
            event.event_id,
            is_copy=False,
            site=self._site(source.url, source.feed_id),
            publisher=self._site("", source.feed_id),
        )

    def _site(self, url: str, feed_id: str) -> str:
        address = url or self._feed_urls.get(feed_id, "")
        # A feed that was removed has no address any more, and counts for itself.
        return site_of(address) or feed_id


def _is_copy(message: Message, *, was: bool) -> bool:
    """Whether the report is left out of its event's independent sources: an event's first report never is."""
    match message.kind:
        case Kind.NEW:
            return False
        case Kind.JOINED if message.split_from:
            # Told by an operator's word, whose reason stands where "copy" stood.
            return was
        case Kind.JOINED:
            return message.reason == "copy"
        case Kind.EDITED:
            return was and message.reason != OPERATOR
        case Kind.MERGED:
            return was


def _listed(source: Source, event: Event) -> Message:
    """As much of a report's message as its event tells."""
    return Message(
        id="",
        kind=Kind.JOINED,
        event_id=event.event_id,
        entry_id=source.entry_id,
        feed_id=source.feed_id,
        lang=event.lang,
        title=source.title,
        url=source.url,
        categories=event.categories,
        published_at=source.published_at,
        first_seen_at=source.published_at or event.first_seen_at,
    )


def entry_of(known: Known) -> Entry:
    """The entry that a report's message was made of, as far as it tells."""
    message = known.message
    date_source = DateSource.FEED
    if message.date_source:
        date_source = DateSource(message.date_source)
    return Entry(
        entry_id=message.entry_id,
        feed_id=message.feed_id,
        revision=message.revision,
        identity_key="",
        guid=message.guid,
        url=message.url,
        canonical_url=message.url,
        title=message.title,
        lang=message.lang,
        author=message.author,
        categories=message.categories,
        tags=message.tags,
        published_at=message.published_at,
        matched_at=message.published_at,
        published_raw=message.published_raw,
        date_source=date_source,
        first_seen_at=message.first_seen_at or EPOCH,
        content_hash="",
        text=text_of(message),
        document=message.document,
        site=known.site,
        publisher=known.publisher,
    )


def text_of(message: Message) -> str:
    """The body of a message's document without markup, as matching read it; '' where no document is kept."""
    try:
        return report_of_document(message.document, name=message.entry_id).text
    except ValueError:
        return ""
