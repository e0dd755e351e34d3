"""What people call a report or an event: its id, or the address of a report."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.engine.store import Store
from aggregator.entry.urls import canonical_url
from aggregator.model import Feed
from aggregator.watch import wording


async def source_names(
    store: Store,
    feeds: Sequence[Feed],
) -> dict[str, str]:
    """What the source of each feed is called, as on the page."""
    titles = await feed_titles(store, [feed.feed_id for feed in feeds])
    return wording.source_names(feeds, titles)


async def feed_titles(
    store: Store,
    feed_ids: Sequence[str],
) -> dict[str, str]:
    """The titles of feeds by their ids, '' where a feed has none or was never polled."""
    states = await store.polls.states(feed_ids)
    return {name: state.title if state else "" for name, state in states.items()}


def is_address(name: str) -> bool:
    """Whether people gave an address, not an id."""
    return "://" in name


async def entries_at(
    store: Store,
    names: Sequence[str],
) -> dict[str, list[str]]:
    """The reports with each address among the names, newest last, as far as their messages are kept."""
    addresses = list(filter(is_address, names))
    # What people copy out of a browser carries the parameters of trackers.
    wanted = {canonical_url(address): address for address in addresses}
    entry_ids: dict[str, list[str]] = {address: [] for address in addresses}
    if not wanted:
        return entry_ids
    since = await store.server_time() - store.engine.retention.reports
    async for message in store.watch.messages(since):
        address = wanted.get(canonical_url(message.url))
        if address is None:
            continue
        # An edit is a message of the same report.
        if message.entry_id not in entry_ids[address]:
            entry_ids[address].append(message.entry_id)
    return entry_ids
