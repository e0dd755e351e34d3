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
_URL_ESCAPES = str.maketrans(
    {
        " ": "%20",
        "<": "%3C",
        ">": "%3E",
        "(": "%28",
        ")": "%29",
        "\\": "%5C",
        '"': "%22",
        "`": "%60",
    }
)
"""What would end a link's target."""


def digest_markdown(
    record: Digest,
    *,
    zone: tzinfo = UTC,
) -> str:
    """The whole digest, ending in one newline; times are told in `zone`."""
    blocks = [_heading(record, zone), _summary(record)]
    for rank, event in enumerate(record.events, 1):
        blocks.append(_event(rank, event, zone))
    hidden = record.event_count - len(record.events)
    if hidden > 0:
        blocks.append(f"*and {wording.counted(hidden, 'more event')}*")
    if record.trouble:
        blocks.append(_trouble(record))
    if record.slow:
        blocks.append(_slow(record))
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """The text as CommonMark that shows exactly it, on one line."""
    line = _CONTROLS.sub(" ", text).strip()
    line = _MARKUP.sub(r"\\\1", line)
    return _LINE_START.sub(_escaped_start, line)


def _escaped_start(start: re.Match[str]) -> str:
    """`3.` would begin a list, `-` too, and `:` a table's or a definition's line."""
    number, sign, bullet = start.groups()
    if number:
        return f"{number}\\{sign}"
    return f"\\{bullet}"


def linked(text: str, url: str) -> str:
    """`[text](url)` for http(s) URLs, else the text alone."""
    shown = escaped(text) or escaped(url) or "(no title)"
    if not url.lower().startswith(("http://", "https://")):
        return shown
    target = _CONTROLS.sub("", url).translate(_URL_ESCAPES)
    return f"[{shown}]({target})"


def _heading(record: Digest, zone: tzinfo) -> str:
    heading = f"## {wording.window(record, zone)}"
    asked = filter(None, (record.language, record.category))
    chosen = ", ".join(map(escaped, asked))
    if chosen:
        heading += f" ({chosen})"
    return heading


def _summary(record: Digest) -> str:
    outcomes = wording.outcomes(record.totals)
    counts = ", ".join(f"{number:,} {name}" for name, number in outcomes)
    events = wording.counted(record.event_count, "event")
    saved = wording.counted(record.saved_count, "duplicate report")
    return f"**{events}** ({counts}); {saved} saved."


def _event(
    rank: int,
    event: DigestEvent,
    zone: tzinfo,
) -> str:
    url = event.sources[0].url if event.sources else ""
    title = linked(event.title, url)
    facts = [
        wording.sources(event),
        f"first {wording.day_and_clock(event.first_seen_at, zone)}",
        wording.spread(event),
        " / ".join(map(escaped, event.categories)),
    ]
    # Two spaces at the end of a line break it.
    lines = [f"{rank}. {title}  ", f"   {' · '.join(filter(None, facts))}"]
    lines += [f"   - {_source(source)}" for source in event.sources[1:]]
    return "\n".join(lines)


def _source(source: Source) -> str:
    return f"{escaped(source.feed_id)}: {linked(source.title, source.url)}"


def _trouble(record: Digest) -> str:
    lines = [f"### {wording.counted(record.trouble_count, 'feed')} in trouble", ""]
    lines += [_troubled(feed) for feed in record.trouble]
    return "\n".join(lines)


def _troubled(feed: DigestFeed) -> str:
    line = f"- **{escaped(feed.feed_id)}** {feed.health}"
    if feed.failure_count:
        line += f" ({wording.counted(feed.failure_count, 'failure')} in a row)"
    if feed.detail:
        line += f": {escaped(feed.detail)}"
    return line


def _slow(record: Digest) -> str:
    lines = ["### Slowest hosts", ""]
    for feed in record.slow:
        if feed.elapsed is not None:
            lines.append(f"- {escaped(feed.host)}: {wording.span(feed.elapsed)}")
    return "\n".join(lines)
