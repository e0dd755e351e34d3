"""Every record that passes from one stage to the next, in pipeline order.

Rules: records are frozen; a step answers with a new record instead of changing one. Instants are aware UTC
`datetime`s ending in `_at`; spans are `timedelta`; sizes end in `_bytes`; scores lie in 0..1; counts end in
`_count`. An expected outcome is a value of a union (`FetchResult`, `ReadResult`), never an exception.

The records hold no behaviour beyond questions about themselves, and import nothing of ours, so that every wing
can speak of them without knowing another wing.
"""

from typing import TYPE_CHECKING

from aggregator.model.digest import (
    Digest,
    DigestEvent,
    DigestFeed,
    Totals,
)
from aggregator.model.entry import (
    TRUNCATED,
    DateSource,
    Entry,
    KnownEntry,
    Markup,
    Outcome,
    ParsedEntry,
    ParsedFeed,
    Unparsable,
)
from aggregator.model.event import (
    Event,
    Kind,
    Message,
    Publication,
    Published,
    Source,
)
from aggregator.model.feed import (
    EPOCH,
    UNDETERMINED,
    Auth,
    Backlog,
    Feed,
)
from aggregator.model.fetch import (
    Caching,
    Fetched,
    FetchFailed,
    FetchResult,
    NotModified,
    PollRequest,
    Redirect,
    body_hash,
)
from aggregator.model.fingerprint import (
    Assignment,
    Decision,
    FingerprintRecord,
)
from aggregator.model.poll import (
    FeedRead,
    Notice,
    Poll,
    ReadResult,
)
from aggregator.model.poll_state import (
    Claim,
    FailureKind,
    FeedHints,
    Health,
    IdentityRule,
    Lease,
    PollState,
    Validators,
)
from aggregator.model.ruling import (
    Example,
    Ruling,
    RulingAnswer,
    RulingPublication,
    RulingRequest,
    RulingState,
    Verb,
    Verdict,
)
from aggregator.model.settings import (
    DedupSettings,
    DigestSettings,
    DocumentSettings,
    FetchSettings,
    Match,
    Notify,
    Queue,
    RetentionSettings,
    Settings,
    Strictness,
)

if TYPE_CHECKING:
    # The same for whoever checks types: of the library's the names and types of the fields are checked.
    from dataclasses import replace
else:
    from aggregator.model.records import replace

__all__ = [
    "EPOCH",
    "TRUNCATED",
    "UNDETERMINED",
    "Assignment",
    "Auth",
    "Backlog",
    "Caching",
    "Claim",
    "DateSource",
    "Decision",
    "DedupSettings",
    "Digest",
    "DigestEvent",
    "DigestFeed",
    "DigestSettings",
    "DocumentSettings",
    "Entry",
    "Event",
    "Example",
    "FailureKind",
    "Feed",
    "FeedHints",
    "FeedRead",
    "FetchFailed",
    "FetchResult",
    "FetchSettings",
    "Fetched",
    "FingerprintRecord",
    "Health",
    "IdentityRule",
    "Kind",
    "KnownEntry",
    "Lease",
    "Markup",
    "Match",
    "Message",
    "NotModified",
    "Notice",
    "Notify",
    "Outcome",
    "ParsedEntry",
    "ParsedFeed",
    "Poll",
    "PollRequest",
    "PollState",
    "Publication",
    "Published",
    "Queue",
    "ReadResult",
    "Redirect",
    "RetentionSettings",
    "Ruling",
    "RulingAnswer",
    "RulingPublication",
    "RulingRequest",
    "RulingState",
    "Settings",
    "Source",
    "Strictness",
    "Totals",
    "Unparsable",
    "Validators",
    "Verb",
    "Verdict",
    "body_hash",
    "replace",
]
