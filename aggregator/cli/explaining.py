"""The conversation of one poll, in words: what was asked, what was answered, and why the next poll is when it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from aggregator.redaction import redacted
from aggregator.schedule.request import request_for
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


def _asked(
    feed: Feed,
    poll: Poll,
    agent: str,
) -> list[str]:
    now = poll.state.last_poll_at or poll.before.next_poll_at
    request = request_for(feed, poll.before, now=now)
    as_whom = request.user_agent or agent
    verb = "We sent" if _was_sent(poll) else "We would have sent"
    # RFC 3229 with the registered value `feed`: of a large document the new items alone.
    accepting = "gzip, brotli and zstd, and only-what-is-new (A-IM: feed)"
    line = f"{verb}: GET {redacted(request.url)} as {as_whom}, accepting {accepting}."
    validators = request.validators
    conditions: list[str] = []
    if validators.etag:
        conditions.append(f"If-None-Match: {validators.etag}")
    if validators.last_modified:
        conditions.append(f"If-Modified-Since: {validators.last_modified}")
    if conditions:
        since = "; ".join(conditions)
        return [line, f"We asked only for a change since the last answer ({since})."]
    why = "no validators are known"
    if poll.before.last_success_at:
        why = "once in 24 h we ask for the whole feed"
    return [line, f"We asked for the whole feed: {why}."]


def _was_sent(poll: Poll) -> bool:
    """Whether the request left us: it does not when its address is refused, unknown or unreachable."""
    match poll.fetched:
        case FetchFailed(kind=kind, redirects=redirects):
            # What failed behind a redirect had been sent before it.
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
    validators = filter(
        None,
        (result.validators.etag, result.validators.last_modified),
    )
    known = ", ".join(validators)
    if not known:
        return [
            "It gave no validators, so the next request must fetch everything again."
        ]
    return [f"It gave validators, which the next request sends back: {known}."]


def _caching(caching: Caching) -> list[str]:
    lines = []
    if caching.fresh_for and caching.fresh_for > timedelta(0):
        span = written(caching.fresh_for)
        lines.append(f"Its cache headers allow no request for {span}.")
    if caching.retry_after:
        span = written(caching.retry_after)
        lines.append(
            f"It asks to be left alone for {span} (Retry-After); so is its whole host."
        )
    return lines


def _read(poll: Poll) -> list[str]:
    match poll.read:
        case None if isinstance(poll.fetched, FetchFailed):
            return ["There was nothing to read."]
        case None:
            # A 304, or the bytes of the last time: nothing is parsed then.
            return ["The body is the known one."]
        case Unparsable() as unread:
            return [f"The body is no feed: {unread.detail}."]
        case FeedRead() as read:
            return list(_read_lines(read))


def _read_lines(read: FeedRead) -> Iterator[str]:
    form = f"{read.version or 'a feed'} in {read.encoding}"
    yield f"It is {form}, with entries: {_listed(read.outcomes) or 'none'}."
    if read.reasons:
        yield f"Of these: {_listed(read.reasons)}."
    rule = read.identity
    if rule.reason:
        yield f"Entries are told apart by {rule.ladder}: {rule.reason}."


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _next(poll: Poll) -> list[str]:
    state = poll.state
    if poll.due_at is None:
        return [f"It is not polled again by itself: {state.next_poll_reason}."]
    lines: list[str] = []
    # RSS 2.0's skipHours are of GMT.
    if state.hints.skip_hours:
        hours = ", ".join(map(str, sorted(state.hints.skip_hours)))
        lines.append(f"The document asks not to be read at these hours (GMT): {hours}.")
    why = str(state.next_poll_reason)
    if state.change_gap:
        why += f"; it changes every {roughly(state.change_gap)} or so"
    lines.append(f"The next poll is due at {poll.due_at:%Y-%m-%d %H:%M:%S} UTC: {why}.")
    return lines
