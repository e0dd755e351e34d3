"""The names of all keys and channels of one installation.

All stand under one prefix, and on a Redis Cluster in one slot (`key_prefix = "{agg}"`), because a script writes to
several of them at once. Public names (events, reports, queues, digest, trouble, channels) are design.md's contract;
the others are ours and may change between versions.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """`database` is the number that SELECT takes. Keys of two databases are apart, channels are not (Pub/Sub knows no
    databases): those of another database than 0 carry its number."""

    prefix: str
    database: int = 0

    # public
    @property
    def events(self) -> str:
        """Stream of messages: of each event the first one, and merges."""
        return f"{self.prefix}:events"

    @property
    def reports(self) -> str:
        """Stream of messages: every report, new, joined or edited."""
        return f"{self.prefix}:reports"

    @property
    def digest(self) -> str:
        """Stream of digests: `v id window_from window_to json`."""
        return f"{self.prefix}:digest"

    @property
    def trouble(self) -> str:
        """Stream of notices: `v id kind feed_id host at detail json`."""
        return f"{self.prefix}:trouble"

    def queue(self, name: str) -> str:
        """Stream or list of messages for one consumer."""
        return f"{self.prefix}:queue:{name}"

    @property
    def channels(self) -> str:
        """What all channels begin with: `agg:ch`, on database 3 `agg:ch3`."""
        return f"{self.prefix}:ch{self.database or ''}"

    @property
    def event_channel(self) -> str:
        """Followed by `<kind>:<language>:<feed id>`."""
        return f"{self.channels}:event:"

    @property
    def digest_channel(self) -> str:
        """Each digest as JSON under 16,000 bytes."""
        return f"{self.channels}:digest"

    @property
    def trouble_channel(self) -> str:
        """Followed by the feed id."""
        return f"{self.channels}:trouble:"

    # the installation
    @property
    def installation(self) -> str:
        """String: the mark of the newest registration on an empty server."""
        return f"{self.prefix}:installation"

    # the poll stage
    @property
    def due(self) -> str:
        """Sorted set: feed id → due time in ms; +inf for a feed that is never polled again by itself."""
        return f"{self.prefix}:due"

    @property
    def token(self) -> str:
        """String: the newest fencing token given out."""
        return f"{self.prefix}:token"

    @property
    def feeds(self) -> str:
        """Set: every feed ever registered of which something is still known."""
        return f"{self.prefix}:feeds"

    def feed(self, feed_id: str) -> str:
        """Hash: state, token, lease (ms), host, nonce, done (token of the last commit), released."""
        return f"{self.prefix}:feed:{feed_id}"

    def host(self, host: str) -> str:
        """Hash: held (ms), next (ms), and of an open connection token and lapses (ms). It expires by itself."""
        return f"{self.prefix}:host:{host}"

    def known(self, feed_id: str) -> str:
        """Hash: identity key → known entry."""
        return f"{self.prefix}:known:{feed_id}"

    @property
    def leases(self) -> str:
        """Hash: feed id → its WebSub subscription."""
        return f"{self.prefix}:websub"

    @property
    def websub_secret(self) -> str:
        """String: what callbacks and signatures of hubs derive from."""
        return f"{self.prefix}:websub:secret"

    # between the stages
    @property
    def entries(self) -> str:
        """Stream of entries that wait for the event stage: one field `e`."""
        return f"{self.prefix}:entries"

    # the event stage
    @property
    def leader(self) -> str:
        """Hash: worker, token, lapses (ms)."""
        return f"{self.prefix}:leader"

    def gate(self, entry_id: str) -> str:
        """Hash: revision → event id. What stands here has been published."""
        return f"{self.prefix}:gate:{entry_id}"

    def event(self, event_id: str) -> str:
        """String: the event's record. It expires by itself."""
        return f"{self.prefix}:event:{event_id}"

    @property
    def merged(self) -> str:
        """Hash: absorbed event id → `survivor|ms`."""
        return f"{self.prefix}:merged"

    @property
    def fingerprints(self) -> str:
        """Stream of what was published: `f` the record, `d` why it was put there (not in rows of earlier versions)."""
        return f"{self.prefix}:fingerprints"

    # between the workers
    @property
    def slow(self) -> str:
        """String: why polling waits for a consumer. It lapses by itself."""
        return f"{self.prefix}:slow"

    @property
    def held(self) -> str:
        """String: why the event stage waits."""
        return f"{self.prefix}:held"

    # the operator's word
    @property
    def asked(self) -> str:
        """Stream of requests that no event worker has answered yet: `id`, `r`."""
        return f"{self.prefix}:asked"

    @property
    def rulings(self) -> str:
        """Stream of the rulings that were applied, in their order: one field `r`."""
        return f"{self.prefix}:rulings"

    @property
    def examples(self) -> str:
        """Hash: entry id → a report that a ruling names, `|ms` of the newest one that does."""
        return f"{self.prefix}:examples"

    def ruling(self, ruling_id: str) -> str:
        """String: the answer to one request, `waiting` before there is one. It expires by itself."""
        return f"{self.prefix}:ruling:{ruling_id}"

    # counts
    def stats(self, hour: int) -> str:
        """Hash of counts for one hour since 1970: `MM:name` for each minute, `name` for hours long ago."""
        return f"{self.prefix}:stats:{hour}"

    @property
    def dropped(self) -> str:
        """Hash: key (and group), or ` <type> <key>` of a queue that holds another type → messages lost that nobody was
        told of yet."""
        return f"{self.prefix}:dropped"

    @property
    def unreadable(self) -> str:
        """Hash: place of what was found and is not ours → `|ms` when it was told."""
        return f"{self.prefix}:unreadable"

    @property
    def queues(self) -> str:
        """Set: names of the queues there have been and whose messages may still stand."""
        return f"{self.prefix}:queues"

    @property
    def groups(self) -> str:
        """Hash: `<stream> <group>` → `<progress>|<ms since when>`, to tell when a group was last alive."""
        return f"{self.prefix}:groups"
