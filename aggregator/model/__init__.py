"""Every record that passes from one stage to the next, in pipeline order.

Rules: records are frozen; a step answers with a new record instead of changing one. Instants are aware UTC
`datetime`s ending in `_at`; spans are `timedelta`; sizes end in `_bytes`; scores lie in 0..1; counts end in
`_count`. An expected outcome is a value of a union (`FetchResult`, `ReadResult`), never an exception.

The records hold no behaviour beyond questions about themselves, and import nothing of ours, so that every wing
can speak of them without knowing another wing.

A module is imported when one of its names is first asked for: making all these dataclasses took a seventh of the time
that `aggregator feeds list` takes, which needs those of two modules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The same for whoever checks types: of the library's the names and types of the fields are checked.
    from dataclasses import replace

    from aggregator.model.digest import (
        Digest,
        DigestEvent,
        DigestFeed,
        Totals,
    )
    from aggregator.model.entry import (
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

__all__ = [
    "EPOCH",
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

_MODULE_OF = {
    "Digest": "digest",
    "DigestEvent": "digest",
    "DigestFeed": "digest",
    "Totals": "digest",
    "DateSource": "entry",
    "Entry": "entry",
    "KnownEntry": "entry",
    "Markup": "entry",
    "Outcome": "entry",
    "ParsedEntry": "entry",
    "ParsedFeed": "entry",
    "Unparsable": "entry",
    "Event": "event",
    "Kind": "event",
    "Message": "event",
    "Publication": "event",
    "Published": "event",
    "Source": "event",
    "EPOCH": "feed",
    "UNDETERMINED": "feed",
    "Auth": "feed",
    "Backlog": "feed",
    "Feed": "feed",
    "Caching": "fetch",
    "Fetched": "fetch",
    "FetchFailed": "fetch",
    "FetchResult": "fetch",
    "NotModified": "fetch",
    "PollRequest": "fetch",
    "Redirect": "fetch",
    "body_hash": "fetch",
    "Assignment": "fingerprint",
    "Decision": "fingerprint",
    "FingerprintRecord": "fingerprint",
    "FeedRead": "poll",
    "Notice": "poll",
    "Poll": "poll",
    "ReadResult": "poll",
    "Claim": "poll_state",
    "FailureKind": "poll_state",
    "FeedHints": "poll_state",
    "Health": "poll_state",
    "IdentityRule": "poll_state",
    "Lease": "poll_state",
    "PollState": "poll_state",
    "Validators": "poll_state",
    "Example": "ruling",
    "Ruling": "ruling",
    "RulingAnswer": "ruling",
    "RulingPublication": "ruling",
    "RulingRequest": "ruling",
    "RulingState": "ruling",
    "Verb": "ruling",
    "Verdict": "ruling",
    "DedupSettings": "settings",
    "DigestSettings": "settings",
    "DocumentSettings": "settings",
    "FetchSettings": "settings",
    "Match": "settings",
    "Notify": "settings",
    "Queue": "settings",
    "RetentionSettings": "settings",
    "Settings": "settings",
    "Strictness": "settings",
    "replace": "records",
}


def __getattr__(name: str) -> Any:
    """The record, or what else has that name, of the module that holds it. AttributeError: there is none."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    # Asked for once: later it is found like any other name.
    globals()[name] = value
    return value
