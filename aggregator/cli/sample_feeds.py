"""The sample feeds of `aggregator demo`, in all three formats: what each outlet serves at a moment of the demo.

Rules: the moment is an argument; an outlet lists what has appeared so far, newest first; the texts are package data
(`sample/reports.toml`), invented and our own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from importlib.resources import files
from xml.etree import ElementTree

import orjson

ATOM = "http://www.w3.org/2005/Atom"
CONTENT_TYPES = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
}


@dataclass(frozen=True, slots=True)
class SampleReport:
    """An item: it appears `after` the start, and says that it was published `age` before the start."""

    after: timedelta
    age: timedelta
    event: str
    """What it tells of. Tests compare it with what comes out; no feed serves it."""
    title: str
    text: str
    link: str


@dataclass(frozen=True, slots=True)
class Outlet:
    """One of the made-up publishers."""

    feed_id: str
    name: str
    host: str
    language: str
    form: str
    category: str
    reports: tuple[SampleReport, ...]

    @property
    def content_type(self) -> str:
        """What an outlet of this format sends as Content-Type."""
        return f"{CONTENT_TYPES[self.form]}; charset=utf-8"

    def listed(self, elapsed: timedelta) -> list[SampleReport]:
        """What has appeared by then, newest first."""
        shown = [report for report in self.reports if report.after <= elapsed]
        return sorted(shown, key=lambda report: report.after, reverse=True)

    def body(
        self,
        *,
        started_at: datetime,
        elapsed: timedelta,
    ) -> bytes:
        """The feed as it is served `elapsed` after the start."""
        reports = self.listed(elapsed)
        match self.form:
            case "atom":
                return _atom(self, reports, started_at)
            case "json":
                return _json(self, reports, started_at)
            case _:
                return _rss(self, reports, started_at)


def outlets() -> tuple[Outlet, ...]:
    """All sample feeds."""
    text = (files("aggregator.cli") / "sample" / "reports.toml").read_text(
        encoding="utf-8"
    )
    tables = tomllib.loads(text)
    outlets = []
    for table in tables["outlet"]:
        feed_id = table.pop("id")
        reports: list[SampleReport] = []
        for row in tables["report"]:
            if row["outlet"] == feed_id:
                reports.append(_report(row, table["host"], len(reports) + 1))
        outlets.append(Outlet(feed_id=feed_id, reports=tuple(reports), **table))
    return tuple(outlets)


def _report(
    row: dict[str, str | int | float],
    host: str,
    number: int,
) -> SampleReport:
    return SampleReport(
        after=timedelta(seconds=float(row["after"])),
        age=timedelta(minutes=int(row["minutes"])),
        event=str(row["event"]),
        title=str(row["title"]),
        text=str(row["text"]),
        link=f"https://{host}/{number}",
    )


def _rss(
    outlet: Outlet,
    reports: Sequence[SampleReport],
    started_at: datetime,
) -> bytes:
    root = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(root, "channel")
    _texts(
        channel,
        title=outlet.name,
        link=f"https://{outlet.host}/",
        language=outlet.language,
    )
    for report in reports:
        item = ElementTree.SubElement(channel, "item")
        # RSS has dates of RFC 822, the other two of RFC 3339.
        at = format_datetime(started_at - report.age)
        _texts(
            item,
            title=report.title,
            link=report.link,
            guid=report.link,
            pubDate=at,
            description=report.text,
        )
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _atom(
    outlet: Outlet,
    reports: Sequence[SampleReport],
    started_at: datetime,
) -> bytes:
    root = ElementTree.Element(
        "feed",
        {"xmlns": ATOM, "xml:lang": outlet.language},
    )
    _texts(
        root,
        title=outlet.name,
        id=f"https://{outlet.host}/",
        updated=started_at.isoformat(),
    )
    for report in reports:
        entry = ElementTree.SubElement(root, "entry")
        at = (started_at - report.age).isoformat()
        _texts(
            entry,
            title=report.title,
            id=report.link,
            updated=at,
            published=at,
            summary=report.text,
        )
        ElementTree.SubElement(entry, "link", href=report.link)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _json(
    outlet: Outlet,
    reports: Sequence[SampleReport],
    started_at: datetime,
) -> bytes:
    items = []
    for report in reports:
        at = (started_at - report.age).isoformat()
        item = {
            "id": report.link,
            "url": report.link,
            "title": report.title,
            "content_text": report.text,
        }
        items.append(item | {"date_published": at})
    version = "https://jsonfeed.org/version/1.1"
    return orjson.dumps(
        {
            "version": version,
            "title": outlet.name,
            "language": outlet.language,
            "items": items,
        }
    )


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text
