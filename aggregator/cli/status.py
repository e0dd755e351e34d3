"""`aggregator status`: how feeds, stages and consumers are."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from aggregator import __version__
from aggregator.cli import engines, files, options
from aggregator.cli.check import written
from aggregator.cli.files import Loaded
from aggregator.engine.embedded import attach
from aggregator.engine.store import Store
from aggregator.model import Feed, Health, PollState

DAY = timedelta(hours=24)
_STYLES = {
    Health.OK: "green",
    Health.NEW: "dim",
    Health.FAILING: "red",
    Health.GONE: "red",
    Health.QUARANTINED: "yellow",
    Health.OFFLINE: "yellow",
}


@click.command()
@click.option("--secrets", is_flag=True, help="Show the users and passwords of [server] listen.")
@options.config
@options.as_json
def status(config_file: str | None, as_json: bool, secrets: bool) -> None:
    """Feeds: health, last and next poll, interval, failures, entries; totals of a day; lag of every consumer group."""
    read = files.loaded(config_file)
    found = asyncio.run(_status(read, secrets=secrets))
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        _print(found)


async def _status(read: Loaded, *, secrets: bool) -> dict[str, Any]:
    async with engines.attached_engine(read) as engine:
        store = engine.store
        now = await store.server_time()
        feeds = [feed for feed in read.configuration.feeds if feed.enabled]
        states = await store.states([feed.feed_id for feed in feeds])
        found: dict[str, Any] = {
            "version": __version__,
            "config": str(read.file.resolve()),
            "redis": engine.place,
            "now": now,
            "feeds": [_feed(feed, states.get(feed.feed_id)) for feed in feeds],
            **await _totals(store, now),
        }
    if secrets or read.configuration.settings.server_listen:
        found["server"] = await _server(read, secrets=secrets)
    return found


async def _totals(store: Store, now: datetime) -> dict[str, Any]:
    due = await store.due_counts()
    totals = await store.totals(now - DAY)
    leader = await store.leader()
    return {
        "due": {"total": due.total_count, "due": due.due_count, "stopped": due.parked_count},
        "waiting_entries": await store.waiting_count(),
        "leader": {"worker": leader.worker, "until": leader.lapses_at} if leader else None,
        "last_24h": {"polls": totals.polls, "entries": totals.entries, "reports": totals.reports},
        "groups": [
            {"stream": g.stream, "group": g.group, "waiting": g.waiting_count, "pending": g.pending_count}
            for g in await store.groups()
        ],
    }


async def _server(read: Loaded, *, secrets: bool) -> dict[str, Any]:
    if read.configuration.settings.redis_url:
        return {}
    running = await attach(read.state_dir)
    shown = {name: password for name, password in running.users.items() if name in ("consumer", "operator")}
    return {"listen": running.listen, "users": shown if secrets else dict.fromkeys(shown, "hidden; see --secrets")}


def _feed(feed: Feed, state: PollState | None) -> dict[str, Any]:
    if state is None:
        return {"id": feed.feed_id, "url": feed.url, "health": Health.NEW.value, "next_poll_at": None, "detail": ""}
    return {
        "id": feed.feed_id,
        "url": state.url,
        "health": state.health.value,
        "last_poll_at": state.last_poll_at,
        "last_success_at": state.last_success_at,
        "last_change_at": state.last_change_at,
        "next_poll_at": None if state.health is Health.GONE else state.next_poll_at,
        "why_then": state.next_poll_reason,
        "interval_s": state.interval.total_seconds(),
        "failures": state.failure_count,
        "failure": state.failure_kind,
        "detail": state.failure_detail,
        "polls": state.poll_count,
        "entries": state.entry_count,
        "title": state.title,
        "language": state.language,
        "identity": {"by": state.identity.ladder, "reason": state.identity.reason},
        "clock_error_s": state.clock_error.total_seconds() if state.clock_error else None,
        "history": "".join(state.history),
    }


# --- for people -----------------------------------------------------------------------------------------------


def _print(found: dict[str, Any]) -> None:
    console = Console(highlight=False)
    healths = Counter(feed["health"] for feed in found["feeds"])
    summary = ", ".join(f"{count} {health}" for health, count in healths.most_common())
    console.print(f"[bold]aggregator {found['version']}[/] · {found['config']}", soft_wrap=True)
    console.print(f"server   {found['redis']}", soft_wrap=True)
    if found.get("server"):
        console.print(f"listen   {found['server']['listen']} {found['server']['users']}", soft_wrap=True, markup=False)
    leader = found["leader"]
    console.print(
        f"events   {'led by ' + leader['worker'] if leader else 'nobody leads the event stage now'}", soft_wrap=True
    )
    console.print(f"feeds    {len(found['feeds'])}: {summary}" if summary else "feeds    none")
    if healths[Health.OFFLINE.value]:
        console.print(
            "network  [yellow]our own network seems to be down[/]: feeds are tried each minute, none is blamed"
        )
    for name, counts in found["last_24h"].items():
        words = ", ".join(f"{number} {word}" for word, number in sorted(counts.items())) or "none"
        console.print(f"{name:<8} {words} (24 h)")
    if found["waiting_entries"]:
        console.print(f"waiting  {found['waiting_entries']} entries for the event stage")
    for group in found["groups"]:
        console.print(
            f"group    {group['group']} on {group['stream']}: {group['waiting']} waiting, {group['pending']} pending"
        )
    console.print()
    console.print(_table(found["feeds"], found["now"]))


def _table(feeds: list[dict[str, Any]], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("feed", "health", "last", "next", "every", "fails", "entries", "what"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("fails", "entries") else "left")
    for feed in feeds:
        style = _STYLES[Health(feed["health"])]
        every = written(timedelta(seconds=round(feed["interval_s"]))) if feed.get("interval_s") else ""
        table.add_row(
            feed["id"],
            f"[{style}]{feed['health']}[/]",
            _ago(feed.get("last_poll_at"), now),
            _ahead(feed["next_poll_at"], now),
            every,
            str(feed.get("failures") or ""),
            str(feed.get("entries") or ""),
            _what(feed),
        )
    return table


def _what(feed: dict[str, Any]) -> str:
    if feed["detail"]:
        return str(feed["detail"])
    clock = feed.get("clock_error_s")
    return f"its clock is off by {clock / 3600:+g} h" if clock else ""


def _ago(at: datetime | None, now: datetime) -> str:
    return f"{_short(now - at)} ago" if at else "never"


def _ahead(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "-"
    return f"in {_short(at - now)}" if at > now else "now"


def _short(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
