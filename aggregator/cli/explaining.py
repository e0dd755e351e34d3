"""The conversation of one poll, in words: what was asked, what was answered, and why the next poll is when it is."""

from __future__ import annotations

from datetime import timedelta

from aggregator.cli.effective import written
from aggregator.model import (
    Caching,
    FailureKind,
    Feed,
    FeedRead,
    Fetched,
    FetchFailed,
    NotModified,
    Poll,
    Unparsable,
)
from aggregator.schedule.request import request_for
from aggregator.watch.redaction import redacted
from aggregator.watch.wording import roughly

_UNSENT = (
    FailureKind.DNS,
    FailureKind.CONNECT,
    FailureKind.TLS,
    FailureKind.PRIVATE_ADDRESS,
    FailureKind.BAD_URL,
    FailureKind.CREDENTIALS,
)


def conversation(
    feed: Feed,
    poll: Poll,
    *,
    agent: str,
) -> list[str]:
    """One sentence a line. `agent`: the User-Agent of feeds that have none of their own."""
    return [*_asked(feed, poll, agent), *_answered(poll), *_read(poll), *_next(poll)]


def _asked(feed: Feed, poll: Poll, agent: str) -> list[str]:
    now = poll.state.last_poll_at or poll.before.next_poll_at
    request = request_for(feed, poll.before, now=now)
    as_whom = request.user_agent or agent
    told = "We sent" if _was_sent(poll) else "We would have sent"
    accepting = "gzip, brotli and zstd, and only-what-is-new (A-IM: feed)"
    lines = [
        f"{told}: GET {redacted(request.url)} as {as_whom}, accepting {accepting}."
    ]
    sent = (
        [f"If-None-Match: {request.validators.etag}"] if request.validators.etag else []
    )
    sent += (
        [f"If-Modified-Since: {request.validators.last_modified}"]
        if request.validators.last_modified
        else []
    )
    if sent:
        return [
            *lines,
            f"We asked only for a change since the last answer ({'; '.join(sent)}).",
        ]
    why = (
        "no validators are known"
        if not poll.before.last_success_at
        else "once in 24 h we ask for the whole feed"
    )
    return [*lines, f"We asked for the whole feed: {why}."]


def _was_sent(poll: Poll) -> bool:
    """Whether the request left us: it does not when its address is refused, unknown or unreachable."""
    match poll.fetched:
        case FetchFailed(kind=kind, redirects=redirects):
            return bool(redirects) or kind not in _UNSENT
        case Fetched() | NotModified():
            return True
        case None:
            return False


def _answered(poll: Poll) -> list[str]:
    result = poll.fetched
    if result is None:
        return []
    lines = [
        f"It redirected ({hop.status}) to {redacted(hop.url)}."
        for hop in result.redirects
    ]
    took = f"after {result.elapsed.total_seconds() * 1000:.0f} ms"
    match result:
        case Fetched():
            lines.append(
                f"It answered {result.status} {took}: {len(result.body):,} bytes of {result.content_type}."
            )
            lines += _validators(result)
        case NotModified():
            lines.append(f"It answered 304 {took}: nothing has changed.")
        case FetchFailed():
            status = f"{result.status} " if result.status else ""
            lines.append(
                f"It failed {took}: {status}{result.kind.value}: {result.detail}."
            )
    return lines + _caching(result.caching)


def _validators(result: Fetched) -> list[str]:
    if result.validators.etag or result.validators.last_modified:
        known = ", ".join(
            filter(None, (result.validators.etag, result.validators.last_modified))
        )
        return [f"It gave validators, which the next request sends back: {known}."]
    return ["It gave no validators, so the next request must fetch everything again."]


def _caching(caching: Caching) -> list[str]:
    lines = []
    if caching.fresh_for and caching.fresh_for > timedelta(0):
        lines.append(
            f"Its cache headers allow no request for {written(caching.fresh_for)}."
        )
    if caching.retry_after:
        lines.append(
            f"It asks to be left alone for {written(caching.retry_after)} (Retry-After); so is its whole host."
        )
    return lines


def _read(poll: Poll) -> list[str]:
    match poll.read:
        case None:
            return (
                ["There was nothing to read."]
                if isinstance(poll.fetched, FetchFailed)
                else ["The body is the known one."]
            )
        case Unparsable() as unread:
            return [f"The body is no feed: {unread.detail}."]
        case FeedRead() as read:
            counts = ", ".join(
                f"{count} {outcome}" for outcome, count in read.outcomes.items()
            )
            reasons = ", ".join(
                f"{count} {reason}" for reason, count in read.reasons.items()
            )
            lines = [
                f"It is {read.version or 'a feed'} in {read.encoding}, with entries: {counts or 'none'}."
            ]
            lines += [f"Of these: {reasons}."] if reasons else []
            return lines + (
                [
                    f"Entries are told apart by {read.identity.ladder}: {read.identity.reason}."
                ]
                if read.identity.reason
                else []
            )


def _next(poll: Poll) -> list[str]:
    state, due = poll.state, poll.due_at
    if due is None:
        return [f"It is not polled again by itself: {state.next_poll_reason}."]
    gap = (
        f"; it changes every {roughly(state.change_gap)} or so"
        if state.change_gap
        else ""
    )
    hours = ", ".join(str(hour) for hour in sorted(state.hints.skip_hours))
    skipped = (
        [f"The document asks not to be read at these hours (GMT): {hours}."]
        if hours
        else []
    )
    return [
        *skipped,
        f"The next poll is due at {due:%Y-%m-%d %H:%M:%S} UTC: {state.next_poll_reason}{gap}.",
    ]
