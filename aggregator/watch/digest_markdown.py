"""The digest as Markdown (CommonMark), for the dated files and for pasting.

Rules: a feed's text is never markup: every character that could start some is escaped, and line breaks become spaces.
No wrapping: Chinese has no spaces to wrap at. Pure.
"""

from __future__ import annotations

import re
from datetime import UTC, tzinfo

from aggregator.model import Digest, DigestEvent, DigestFeed, Source
from aggregator.watch import wording

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&$^=])")
_LINE_START = re.compile(r"^(\d+)([.)])|^([-+:])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_URL_ESCAPES = {
    " ": "%20",
    "<": "%3C",
    ">": "%3E",
    "(": "%28",
    ")": "%29",
    "\\": "%5C",
    '"': "%22",
    "`": "%60",
}


def digest_markdown(record: Digest, *, zone: tzinfo = UTC) -> str:
    """The whole digest, ending in one newline; times are told in `zone`."""
    blocks = [_heading(record, zone), _summary(record)]
    blocks += [_event(rank, event, zone) for rank, event in enumerate(record.events, 1)]
    if record.event_count > len(record.events):
        blocks.append(
            f"*and {wording.counted(record.event_count - len(record.events), 'more event')}*"
        )
    if record.trouble:
        blocks.append(_trouble(record))
    if record.slow:
        blocks.append(_slow(record))
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """The text as CommonMark that shows exactly it, on one line."""
    line = _CONTROLS.sub(" ", text).strip()
    line = _MARKUP.sub(r"\\\1", line)
    return _LINE_START.sub(
        lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", line
    )


def linked(text: str, url: str) -> str:
    """`[text](url)` for http(s) URLs, else the text alone."""
    shown = escaped(text) or escaped(url) or "(no title)"
    if not url.lower().startswith(("http://", "https://")):
        return shown
    target = "".join(_URL_ESCAPES.get(sign, sign) for sign in _CONTROLS.sub("", url))
    return f"[{shown}]({target})"


def _heading(record: Digest, zone: tzinfo) -> str:
    chosen = ", ".join(
        escaped(part) for part in (record.language, record.category) if part
    )
    return f"## {wording.window(record, zone)}" + (f" ({chosen})" if chosen else "")


def _summary(record: Digest) -> str:
    counts = ", ".join(
        f"{number:,} {name}" for name, number in wording.outcomes(record.totals)
    )
    saved = wording.counted(record.saved_count, "duplicate report")
    return (
        f"**{wording.counted(record.event_count, 'event')}** ({counts}); {saved} saved."
    )


def _event(rank: int, event: DigestEvent, zone: tzinfo) -> str:
    first = event.sources[0] if event.sources else None
    title = linked(event.title, first.url if first else "")
    facts = [
        wording.sources(event),
        f"first {wording.day_and_clock(event.first_seen_at, zone)}",
    ]
    facts += [
        part
        for part in (
            wording.spread(event),
            " / ".join(escaped(name) for name in event.categories),
        )
        if part
    ]
    lines = [f"{rank}. {title}  ", f"   {' · '.join(facts)}"]
    lines += [f"   - {_source(source)}" for source in event.sources[1:]]
    return "\n".join(lines)


def _source(source: Source) -> str:
    return f"{escaped(source.feed_id)}: {linked(source.title, source.url)}"


def _trouble(record: Digest) -> str:
    lines = [f"### {wording.counted(record.trouble_count, 'feed')} in trouble", ""]
    lines += [_troubled(feed) for feed in record.trouble]
    return "\n".join(lines)


def _troubled(feed: DigestFeed) -> str:
    times = (
        f" ({wording.counted(feed.failure_count, 'failure')} in a row)"
        if feed.failure_count
        else ""
    )
    detail = f": {escaped(feed.detail)}" if feed.detail else ""
    return f"- **{escaped(feed.feed_id)}** {feed.health}{times}{detail}"


def _slow(record: Digest) -> str:
    lines = ["### Slowest hosts", ""]
    lines += [
        f"- {escaped(feed.host)}: {wording.span(feed.elapsed)}"
        for feed in record.slow
        if feed.elapsed is not None
    ]
    return "\n".join(lines)
