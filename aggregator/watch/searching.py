"""Which of many events hold some words, found beside the event loop.

Rules: a thread of its own reads the texts, one search at a time, so that neither a search nor many of them hold up the
pages and the rest of the daemon. The text of an event is prepared once and kept for the next search, as long as the
event is one of those that are searched; who looks at the page has them prepared before the first words are typed.

Why: preparing 20,000 events, a third of each Chinese and French, takes 0.5 s of processor time, looking through those
prepared 0.05 s; they hold 21 MB (tests/bench/page_speed.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from aggregator import mentions
from aggregator.model import Event
from aggregator.watch.choice import report_of


class Search:
    """See the module."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._prepared: dict[str, tuple[Event, mentions.Prepared]] = {}
        self._expected: Sequence[Event] = ()
        self._is_closed = False

    async def mentioning(
        self,
        events: Sequence[Event],
        words: str,
    ) -> Collection[str]:
        """The ids of those events whose titles and lead hold all the words, by the rules of `mentions`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread,
            self._found,
            events,
            words,
        )

    def expect(self, events: Sequence[Event]) -> None:
        """Have these ready for a search that may come. Returns at once."""
        # The same answer is shown to many readers; at the end pages that are still open are answered.
        if events is not self._expected and not self._is_closed:
            self._expected = events
            self._thread.submit(self._prepare, events)

    def close(self) -> None:
        """Begin no further search; one that runs ends by itself within a second."""
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _found(
        self,
        events: Sequence[Event],
        words: str,
    ) -> Collection[str]:
        self._prepare(events)
        items = mentions.split(words)
        found: set[str] = set()
        for event_id, (_, prepared) in self._prepared.items():
            if mentions.all_of(items, prepared):
                found.add(event_id)
        return found

    def _prepare(self, events: Sequence[Event]) -> None:
        before = self._prepared
        self._prepared = {}
        for event in events:
            known = before.get(event.event_id)
            # A report may have joined it since; of events that were only read anew the texts are the same.
            if known is None or not _is_same(known[0], event):
                prepared = report_of(event).prepared()
            else:
                prepared = known[1]
            self._prepared[event.event_id] = event, prepared


def _is_same(before: Event, event: Event) -> bool:
    # Most are the very same object: twenty thousand are compared for each search.
    return before is event or before == event
