"""`aggregator status`: how feeds, stages and consumers are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator import __version__
from aggregator.cli import engines, options
from aggregator.cli.console import console
from aggregator.cli.waits import Waits, address_of, waits
from aggregator.config_problems import nearest
from aggregator.daemon import files
from aggregator.daemon.files import Loaded
from aggregator.engine.embedded import attach
from aggregator.engine.holds import Holds
from aggregator.engine.store import Store
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed, Health, PollState
from aggregator.watch.redaction import redacted
from aggregator.watch.wording import counted, roughly

DAY = timedelta(hours=24)
_COLUMNS = (
    ("feed", 0),
    ("health", 0),
    ("last", 0),
    ("next", 0),
    ("every", 76),
    ("fails", 76),
    ("entries", 76),
    ("why", 110),
)
"""Each column of the table of feeds, and from which width on it is there: at 60 columns all of them at once cut ids and
reasons into pieces of five letters."""
_STYLES = {
    Health.OK: "green",
    Health.NEW: "dim",
    Health.FAILING: "red",
    Health.GONE: "red",
    Health.QUARANTINED: "yellow",
    Health.OFFLINE: "yellow",
}


_TROUBLE = (Health.GONE, Health.QUARANTINED, Health.FAILING, Health.OFFLINE)
"""Health of feeds in trouble, what needs somebody first."""


@click.command()
@click.argument("names", nargs=-1, metavar="[ID]...")
@click.option("--failing", is_flag=True, help="Only feeds in trouble.")
@click.option(
    "--secrets",
    is_flag=True,
    help="Show the users and passwords of [server] listen.",
)
@options.config
@options.as_json
def status(
    names: tuple[str, ...],
    failing: bool,
    config_file: str | None,
    as_json: bool,
    secrets: bool,
) -> None:
    """Feeds: health, last and next poll and why then, failures, entries; totals of a day; lag of every consumer group.

    Feeds in trouble come first. With ids (or URLs): everything that is known of these feeds.
    """
    read = files.loaded(config_file)
    chosen = _chosen(read.configuration.feeds, names)
    found = asyncio.run(_status(read, chosen, secrets=secrets))
    if failing:
        found["feeds"] = [
            feed for feed in found["feeds"] if Health(feed["health"]) in _TROUBLE
        ]
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    elif names:
        _print_whole(found)
    else:
        _print(found)


def _chosen(feeds: Sequence[Feed], names: Sequence[str]) -> list[Feed]:
    """The feeds of these ids or URLs, or all that are on. Raises ConfigError for one that is not there."""
    if not names:
        return [feed for feed in feeds if feed.enabled]
    chosen = []
    for name in names:
        feed = next((feed for feed in feeds if name in (feed.feed_id, feed.url)), None)
        if feed is None:
            known = nearest(name, [feed.feed_id for feed in feeds])
            raise ConfigError(Problem(f'no feed has the id "{name}"{known}'))
        chosen.append(feed)
    return chosen


async def _status(
    read: Loaded,
    feeds: list[Feed],
    *,
    secrets: bool,
) -> dict[str, Any]:
    async with engines.attached_engine(read) as engine:
        store = engine.store
        now = await store.server_time()
        ids = [feed.feed_id for feed in feeds]
        states, holds = await store.polls.states(ids), await store.holds.standing()
        polls = await waits(store, feeds, states, holds)
        found: dict[str, Any] = {
            "version": __version__,
            "config": str(read.file.resolve()),
            "redis": engine.place,
            "now": now,
            "feeds": _trouble_first(
                [_feed(feed, states.get(feed.feed_id), polls) for feed in feeds]
            ),
            "unregistered": sorted(polls.unregistered),
            **await _totals(store, now, holds),
        }
    if secrets or read.configuration.settings.server_listen:
        found["server"] = await _server(read, secrets=secrets)
    return found


def _trouble_first(feeds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that need somebody before the others, each group in the file's order."""
    worst = {health: rank for rank, health in enumerate(_TROUBLE)}
    return sorted(feeds, key=lambda feed: worst.get(Health(feed["health"]), len(worst)))


async def _totals(store: Store, now: datetime, holds: Holds) -> dict[str, Any]:
    due = await store.polls.due_counts()
    totals = await store.watch.totals(now - DAY)
    leader = await store.watch.leader()
    return {
        "risks": await store.watch.server_risks(),
        "due": {
            "total": due.total_count,
            "due": due.due_count,
            "stopped": due.parked_count,
        },
        "waiting_entries": holds.waiting_count,
        "waiting_words": await store.rulings.asked_count(),
        "holds": {"polling": holds.slow_consumer, "events": holds.event_stage},
        "leader": {"worker": leader.worker, "until": leader.lapses_at}
        if leader
        else None,
        "last_24h": {
            "polls": totals.polls,
            "entries": totals.entries,
            "reports": totals.reports,
        },
        "groups": [
            {
                "stream": g.stream,
                "group": g.group,
                "waiting": g.waiting_count,
                "pending": g.pending_count,
            }
            for g in await store.retention.groups()
        ],
    }


async def _server(read: Loaded, *, secrets: bool) -> dict[str, Any]:
    if read.configuration.settings.redis_url:
        return {}
    running = await attach(read.state_dir)
    shown = {
        name: password
        for name, password in running.users.items()
        if name in ("consumer", "operator")
    }
    return {
        "listen": running.listen,
        "users": shown if secrets else dict.fromkeys(shown, "hidden; see --secrets"),
    }


def _feed(feed: Feed, state: PollState | None, polls: Waits) -> dict[str, Any]:
    known = {
        "id": feed.feed_id,
        "url": redacted(address_of(feed, state)),
        "next_poll_at": polls.next_poll_at(feed.feed_id),
        "waits": polls.why(feed, state),
    }
    if state is None:
        return known | {"health": Health.NEW.value, "detail": ""}
    return known | {
        "health": state.health.value,
        "last_poll_at": state.last_poll_at,
        "last_success_at": state.last_success_at,
        "last_change_at": state.last_change_at,
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
        "clock_error_s": state.clock_error.total_seconds()
        if state.clock_error
        else None,
        "beyond_max_entries": state.dropped_count,
        "history": "".join(state.history),
    }


# --- for people -----------------------------------------------------------------------------------------------


def _print(found: dict[str, Any]) -> None:
    out = console()
    for name, words in _facts(found):
        out.print(Text.assemble(f"{name:<8} ", words), soft_wrap=True)
    if found["feeds"]:
        out.print()
        out.print(_table(found["feeds"], found["now"], width=out.width))
    if out.width < dict(_COLUMNS)["why"]:
        _print_reasons(found["feeds"], out)


def _print_whole(found: dict[str, Any]) -> None:
    """All facts of each feed, one a line."""
    out, now = console(), found["now"]
    for position, feed in enumerate(found["feeds"]):
        if position:
            out.print()
        out.print(Text(feed["id"], style="bold"), soft_wrap=True)
        for name, value in _whole(feed, now):
            out.print(Text.assemble((f"  {name:<9} ", "dim"), value), soft_wrap=True)


def _whole(feed: dict[str, Any], now: datetime) -> Iterator[tuple[str, str | Text]]:
    yield "url", feed["url"]
    if feed.get("title"):
        yield "title", feed["title"]
    yield "health", Text(feed["health"], style=_STYLES[Health(feed["health"])])
    if _what(feed):
        yield "because", _what(feed)
    yield "last poll", _ago(feed.get("last_poll_at"), now)
    yield "success", _ago(feed.get("last_success_at"), now)
    yield "change", _ago(feed.get("last_change_at"), now)
    because = _why_then(feed)
    yield (
        "next poll",
        _ahead(feed["next_poll_at"], now) + (f" ({because})" if because else ""),
    )
    if feed.get("interval_s"):
        yield "every", roughly(timedelta(seconds=feed["interval_s"]))
    if "polls" in feed:
        yield (
            "polls",
            f"{counted(feed['polls'], 'poll')}, {counted(feed['entries'], 'entry', 'entries')}",
        )
    if feed.get("failures"):
        yield "failures", f"{feed['failures']} in a row"
    if feed.get("identity", {}).get("by"):
        yield "entries", f"told apart by {feed['identity']['by']}"
    if feed.get("history"):
        yield "history", f"{feed['history']} (newest last)"


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, str | Text]]:
    """(name, words) of each line above the table. The words may hold what others chose, such as a group's name."""
    yield "version", f"aggregator {found['version']}"
    yield "config", found["config"]
    yield "server", found["redis"]
    yield from _listening(found.get("server") or {})
    leader = found["leader"]
    yield (
        "events",
        f"led by {leader['worker']}" if leader else "nobody leads the event stage now",
    )
    yield from _feeds_facts(found)
    for risk in found["risks"]:
        yield "risk", Text(risk, style="yellow")
    for name, counts in found["last_24h"].items():
        words = (
            ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
            or "none"
        )
        yield name, f"{words} (24 h)"
    if found["waiting_entries"]:
        yield (
            "waiting",
            f"{counted(found['waiting_entries'], 'entry', 'entries')} for the event stage",
        )
    if found["waiting_words"]:
        yield (
            "waiting",
            f"operators' words for the event stage: {found['waiting_words']}",
        )
    for stage, why in found["holds"].items():
        if why:
            yield "held", Text.assemble((stage, "red"), f": {why}")
    for group in found["groups"]:
        yield (
            "group",
            f"{group['group']} on {group['stream']}: {group['waiting']} waiting, {group['pending']} pending",
        )


def _feeds_facts(found: dict[str, Any]) -> Iterator[tuple[str, str | Text]]:
    healths = Counter(feed["health"] for feed in found["feeds"])
    summary = ", ".join(f"{count} {health}" for health, count in healths.most_common())
    yield (
        "feeds",
        f"{len(found['feeds'])}: {summary}"
        if summary
        else "none yet: `aggregator feeds add URL`",
    )
    unknown = len(found["unregistered"])
    if unknown:
        words = f"the server does not know {unknown} of them: `aggregator run` registers them"
        yield "feeds", Text(words, style="yellow")
    if healths[Health.OFFLINE.value]:
        down = Text("our own network seems to be down", style="yellow")
        yield (
            "network",
            Text.assemble(
                down,
                ": feeds are tried again, later each time, none is blamed",
            ),
        )


def _listening(server: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if server:
        yield (
            "listen",
            server["listen"] or "no TCP port is open: start the daemon again",
        )
    for user, password in server.get("users", {}).items():
        yield "user", f"{user}: {password}"


def _table(
    feeds: list[dict[str, Any]],
    now: datetime,
    *,
    width: int,
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = [heading for heading, least in _COLUMNS if width >= least]
    for heading in headings:
        folds = heading in ("feed", "why")
        right = heading in ("fails", "entries")
        table.add_column(
            heading,
            overflow="fold",
            no_wrap=not folds,
            justify="right" if right else "left",
        )
    for feed in feeds:
        cells = _cells(feed, now)
        table.add_row(*(cells[heading] for heading in headings))
    return table


def _cells(feed: dict[str, Any], now: datetime) -> dict[str, Text]:
    interval = feed.get("interval_s")
    cells = {
        "feed": feed["id"],
        "last": _ago(feed.get("last_poll_at"), now),
        "next": _ahead(feed["next_poll_at"], now),
        "every": roughly(timedelta(seconds=interval)) if interval else "",
        "fails": str(feed.get("failures") or ""),
        "entries": str(feed.get("entries") or ""),
        "why": _what(feed) or _why_then(feed),
    }
    health = Text(feed["health"], style=_STYLES[Health(feed["health"])])
    return {name: Text(words) for name, words in cells.items()} | {"health": health}


def _print_reasons(feeds: list[dict[str, Any]], out: Console) -> None:
    """What a narrow table has no column for, a line for each feed that needs a word."""
    told = [(feed, what) for feed in feeds if (what := _what(feed))]
    if told:
        out.print()
    for feed, what in told:
        out.print(
            Text.assemble((feed["id"], _STYLES[Health(feed["health"])]), f"  {what}"),
            soft_wrap=True,
        )


def _what(feed: dict[str, Any]) -> str:
    if feed["detail"]:
        return str(feed["detail"])
    clock, beyond = feed.get("clock_error_s"), feed.get("beyond_max_entries")
    words = [f"its clock is off by {clock / 3600:+g} h"] if clock else []
    words += [f"{beyond:,} old entries lie beyond max_entries"] if beyond else []
    return "; ".join(words)


def _why_then(feed: dict[str, Any]) -> str:
    """What a poll that is due waits for, and why it is when it is."""
    return "; ".join(filter(None, (feed["waits"], feed.get("why_then"))))


def _ago(at: datetime | None, now: datetime) -> str:
    return f"{roughly(now - at)} ago" if at else "never"


def _ahead(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "-"
    return f"in {roughly(at - now)}" if at > now else "now"
