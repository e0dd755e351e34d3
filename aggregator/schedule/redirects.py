"""When a permanent redirect is believed (politeness.md 7).

Rules: only 301 and 308 count, and only as an unbroken run from the feed's own address. The target is adopted after it
was seen SEEN_TIMES times over at least SEEN_FOR, if it answered with the same feed when it was first seen. 302, 303,
307 are followed and never adopted. Never adopted: a step from https to http, a target without a host, and another
origin when the feed has credentials or headers of its own, since they would go to a stranger. An adopted address that
fails for good is given up for the configured one again (`schedule.failure`). Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aggregator.hosts import host_of
from aggregator.model import Feed, FeedRead, Notice, PollState, Redirect, replace

SEEN_TIMES = 3
SEEN_FOR = timedelta(days=1)
_PERMANENT = frozenset({301, 308})


def permanent_target(redirects: tuple[Redirect, ...]) -> str:
    """The address that the leading run of permanent redirects ends at; '' without one."""
    target = ""
    for hop in redirects:
        if hop.status not in _PERMANENT:
            break
        target = hop.url
    return target


def are_permanent(redirects: tuple[Redirect, ...]) -> bool:
    """Whether each of the hops was meant for good."""
    return all(hop.status in _PERMANENT for hop in redirects)


def after_redirects(
    feed: Feed,
    state: PollState,
    redirects: tuple[Redirect, ...],
    read: FeedRead | None,
    *,
    now: datetime,
) -> tuple[PollState, tuple[Notice, ...]]:
    """The state after a successful poll that took these redirects; `read` None: the content is what it was."""
    target = permanent_target(redirects)
    if not target or not _is_adoptable(feed, state, target):
        return _without_redirect(state), ()
    if target != state.redirect_url:
        # Judged at first sight only: from the next poll on, a stranger's entries are known entries too.
        # A 301 to a maintenance page must not be adopted (vienna-rss#1546).
        first_at, count = None, 0
        if _is_same_feed(state, read):
            first_at, count = now, 1
        first_seen = replace(
            state,
            redirect_url=target,
            redirect_count=count,
            redirect_first_at=first_at,
        )
        return first_seen, ()
    if state.redirect_first_at is None:
        return state, ()
    count = state.redirect_count + 1
    if count < SEEN_TIMES or now - state.redirect_first_at < SEEN_FOR:
        return replace(state, redirect_count=count), ()
    # Never adopting hurts, too: the old address goes away some day (feedbin#100).
    words = f"moved for good: now asked at {_shown(target)}"
    notice = Notice("moved", feed.feed_id, host_of(target), words)
    return replace(_without_redirect(state), url=target), (notice,)


def _without_redirect(state: PollState) -> PollState:
    if not state.redirect_url:
        return state
    return replace(state, redirect_url="", redirect_count=0, redirect_first_at=None)


def _is_adoptable(
    feed: Feed,
    state: PollState,
    target: str,
) -> bool:
    old = urlsplit(state.url)
    new = urlsplit(target)
    if not host_of(target):
        return False
    if old.scheme == "https" and new.scheme != "https":
        return False
    has_userinfo = "@" in urlsplit(feed.url).netloc
    if not feed.auth and not feed.headers and not has_userinfo:
        return True
    # Its credentials would go to a stranger.
    return (old.scheme, old.netloc) == (new.scheme, new.netloc)


def _is_same_feed(state: PollState, read: FeedRead | None) -> bool:
    """Known entries in it, or the same title; what the very first poll brings is the feed, whatever it is."""
    if read is None or state.last_success_at is None:
        return True
    known_count = read.outcomes.get("seen", 0) + read.outcomes.get("edited", 0)
    if known_count > 0:
        return True
    return bool(state.title) and read.title == state.title


def _shown(url: str) -> str:
    """Without userinfo: a notice goes to logs and pages."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl()
