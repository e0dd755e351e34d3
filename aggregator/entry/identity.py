"""Which entry an item is: one seen before, or a new one.

An entry has a birth name, its identity key, which never changes, and up to three aliases, which follow the feed: its
current guid, link, and title with date. The key is one letter and 20 hex digits, whatever the publisher wrote.

*The ladder.* The name is made of the guid (`g`), else of the canonical link (`l`), else of the content (`c`: title and
date, or the text where there is no title). A rung serves an item only if its value stands for one item of the document;
a link to a site's front page is no link. `IdentityRule.ladder` says at which rung a feed begins, and why:

- `guid` at first; `link` if most items have no guid, `content` if they have no link of their own either;
- one rung down when at least three items, or a fifth, share a value of the rung; when guids known for some entries come
  back on others (position numbers); when most guids (links) of a document changed a second time.

Nothing is renamed by such a change, so it is reversible: with the old ladder the same entries are found again.

*Copies.* Items of one document with the same guid, link, title and date are one entry, the others `repeated`; without
guid or without title the text must be the same, too. Items without title, text and link are `empty`.

*Finding.* An item is first looked up by the feed's rung: name, or current alias. Items not found are compared with the
known entries that are nowhere else in the document, and are the same if exactly one of each side has

1. the same link and date (title or guid were edited), or
2. the same link and title, unless both have dates and these differ, or
3. the same title and date, if the date has a time (slug and guid were edited; tokens in links).

*A feed that renames everything.* If most items of a document (and two at least) were not found, then also those are the
same that have 4. the same title, where one side has no date, and, from five items on, 5. the same link and title
whatever the dates. These two count only if most of the items not found are found so. It gives one notice,
`reidentified`.

Titles alone are never enough elsewhere: "Daily briefing" of today is not that of yesterday.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from aggregator.entry.characters import collapsed
from aggregator.entry.dates import instant
from aggregator.entry.urls import absolute_url, canonical_url
from aggregator.model import IdentityRule, KnownEntry, Notice, ParsedEntry

EMPTY = "empty"
REPEATED = "repeated"
LADDERS = ("guid", "link", "content")

_NO_GUID = frozenset(
    {
        "",
        "0",
        "-1",
        "null",
        "none",
        "nil",
        "undefined",
        "n/a",
        "http://",
        "https://",
        "false",
        "true",
    }
)
NO_HASH = "00000000"
"""In place of a title or a date that an item does not have."""
_FRONT_PAGE = re.compile(r"https?://[^/?#]+/?")
_HAS_TIME = re.compile(
    r"\d\s?[:時时点시h]\s?\d|^\s*\d{9,}|\d\s?[ap]\.?m", re.IGNORECASE
)
_SHARED_COUNT, _SHARED_PART = 3, 0.2
_MOST = 0.6
_FEWEST = 2
_FEWEST_WITH_OTHER_DATES = 5
_FIRST_REASONS = (
    "entries have guids",
    "entries have no guids",
    "entries have neither guids nor links of their own",
)
"""Reasons that hold for one document and are judged again at the next."""
_CHANGED_ONCE = "changed for most entries at once"


class Identity(NamedTuple):
    """One item's answer. `rejected` is '' or why it is left out (EMPTY, REPEATED), then all else is ''.

    `found_by` says how a known entry was recognised, '' for a new one. `guid_key`, `link_key` (16 hex) and `title_key`
    (8 hex of the title, 8 of the date) belong into the known entry, and are to be written there whenever they differ.
    """

    feed_id: str = ""
    identity_key: str = ""
    guid_key: str = ""
    link_key: str = ""
    title_key: str = ""
    found_by: str = ""
    rejected: str = ""

    @property
    def entry_id(self) -> str:
        """Made when it is asked for: of nearly every item of nearly every poll nobody asks."""
        if not self.identity_key:
            return ""
        return entry_id(self.feed_id, self.identity_key)


@dataclass(frozen=True, slots=True)
class Identified:
    """The identity of each entry, in the order of the entries, and the rule to keep for the feed."""

    rule: IdentityRule
    entries: tuple[Identity, ...]
    notices: tuple[Notice, ...] = ()


class Facts(NamedTuple):
    """What an item can be known by, as short hashes; '' where it has none. `date` and `title` are '00000000' then."""

    guid: str
    link: str
    title: str
    date: str
    has_time: bool
    text: str
    is_empty: bool

    @property
    def title_key(self) -> str:
        """Title and date together; '' where there is neither."""
        if self.title == NO_HASH and self.date == NO_HASH:
            return ""
        return self.title + self.date


class _Known:
    """A known entry's aliases, taken apart."""

    __slots__ = ("date", "guid", "link", "title")

    def __init__(self, entry: KnownEntry) -> None:
        self.guid = entry.guid_key
        self.link = entry.link_key
        self.title = entry.title_key[:8] or NO_HASH
        self.date = entry.title_key[8:] or NO_HASH


def entry_id(feed_id: str, key: str) -> str:
    """20 hex of sha256(feed id, NUL, identity key): unique over all feeds."""
    return sha256(f"{feed_id}\0{key}".encode()).hexdigest()[:20]


def identified(
    entries: Sequence[ParsedEntry],
    *,
    feed_id: str,
    known: Mapping[str, KnownEntry],
    rule: IdentityRule,
    host: str = "",
) -> Identified:
    """The identity of each item of one document, given the feed's known entries by identity key."""
    return identified_by_facts(
        list(map(facts_of, entries)),
        feed_id=feed_id,
        known=known,
        rule=rule,
        host=host,
    )


def identified_by_facts(
    facts: Sequence[Facts],
    *,
    feed_id: str,
    known: Mapping[str, KnownEntry],
    rule: IdentityRule,
    host: str = "",
) -> Identified:
    """The same for items of which only the facts are at hand."""
    rejected = _rejected(facts)
    live = [position for position in range(len(facts)) if not rejected[position]]
    items = [facts[position] for position in live]
    rule = _rule_for(items, known, rule)
    names = _names(items, rule.ladder)
    found = _found_directly(items, names, known, rule.ladder)
    missing = [position for position in range(len(items)) if position not in found]
    matched = _matched(items, missing, found, known)
    found.update(matched)
    notices: tuple[Notice, ...] = ()
    if len(matched) >= _FEWEST and len(matched) >= _MOST * len(items):
        rule, detail = _after_renaming(rule, len(matched), len(items))
        notices = (Notice("reidentified", feed_id, host, detail),)
    answers = iter(_answers(items, names, found, feed_id))
    identities = []
    for reason in rejected:
        identity = Identity(rejected=reason) if reason else next(answers)
        identities.append(identity)
    return Identified(rule, _without_collisions(identities), notices)


# --- what an item can be known by ----------------------------------------------------------------------------------


def facts_of(entry: ParsedEntry) -> Facts:
    """What an item can be known by."""
    stated = entry.link if entry.known_link is None else entry.known_link
    link = ""
    if stated:
        link = canonical_url(absolute_url(entry.base_url, stated))
    # Every item of some feeds links to the front page.
    if _FRONT_PAGE.fullmatch(link):
        link = ""
    raw = entry.published_raw or entry.updated_raw
    date = instant(raw, language=entry.language) if raw else None
    title = collapsed(entry.title.value).casefold()
    text = entry.content.value or entry.summary.value
    return Facts(
        guid=_hash(_guid(entry.guid), 16),
        link=_hash(link, 16),
        title=_hash(title, 8) or NO_HASH,
        date=_hash(date.isoformat(), 8) if date else NO_HASH,
        has_time=_HAS_TIME.search(raw) is not None,
        text=_hash(collapsed(text), 16),
        is_empty=not (title or text.strip() or stated),
    )


def _guid(guid: str) -> str:
    """A guid as compared: of an address the scheme and the case of the host do not count (moves to https)."""
    guid = guid.strip()
    if guid.lower() in _NO_GUID:
        return ""
    address = re.match(r"https?://([^/?#]*)", guid, re.IGNORECASE)
    if address is None:
        return guid
    host = address[1].lower()
    return f"//{host}{guid[address.end() :]}"


def _hash(text: str, length: int) -> str:
    if not text:
        return ""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


def _rejected(facts: Sequence[Facts]) -> list[str]:
    """For each item '' or why it is left out; of copies the first stays."""
    reasons: list[str] = []
    seen: set[tuple[str, str, str, str]] = set()
    for item in facts:
        if item.is_empty:
            reasons.append(EMPTY)
            continue
        # Without guid or title only the text tells two items apart.
        is_named = item.guid and item.title != NO_HASH
        text = "" if is_named else item.text
        copy = (item.guid, item.link, item.title_key, text)
        reasons.append(REPEATED if copy in seen else "")
        seen.add(copy)
    return reasons


# --- the ladder ----------------------------------------------------------------------------------------------------


def _rule_for(
    items: Sequence[Facts], known: Mapping[str, KnownEntry], rule: IdentityRule
) -> IdentityRule:
    """The rule in force for this document: the kept one, or one further down if the document shows it is needed."""
    if not items:
        return rule
    if not rule.reason or rule.reason in _FIRST_REASONS:
        rule = _first_rule(items)
    if rule.ladder == "guid":
        rule = _without_guids(items, known) or rule
    if rule.ladder == "link":
        rule = _without_links(items) or rule
    return rule


def _without_guids(
    items: Sequence[Facts],
    known: Mapping[str, KnownEntry],
) -> IdentityRule | None:
    """The rule where guids do not stand for items; None where they do."""
    shared = _shared([item.guid for item in items])
    if shared:
        return _lower(items, f"{shared} entries of one document share guids")
    # Position numbers: the newest entry is always 1.
    recycled = _recycled(items, known)
    if recycled:
        return _lower(items, f"{recycled} guids came back on other entries")
    return None


def _without_links(items: Sequence[Facts]) -> IdentityRule | None:
    """The rule where links do not stand for items; None where they do."""
    shared = _shared([item.link for item in items])
    if not shared:
        return None
    return IdentityRule("content", f"{shared} entries of one document share links")


def _first_rule(items: Sequence[Facts]) -> IdentityRule:
    half = len(items) / 2
    if sum(bool(item.guid) for item in items) >= half:
        return IdentityRule("guid", _FIRST_REASONS[0])
    if sum(bool(item.link) for item in items) >= half:
        return IdentityRule("link", _FIRST_REASONS[1])
    return IdentityRule("content", _FIRST_REASONS[2])


def _lower(items: Sequence[Facts], reason: str) -> IdentityRule:
    """From guids to links, if most items have one of their own."""
    counts = Counter(item.link for item in items if item.link)
    own = sum(counts[item.link] == 1 for item in items)
    ladder = "link" if own >= _MOST * len(items) else "content"
    return IdentityRule(ladder, reason)


def _shared(values: Sequence[str]) -> int:
    """How many items share a value with another, if these are too many for accidents; else 0."""
    counts = Counter(value for value in values if value)
    shared = sum(count for count in counts.values() if count > 1)
    is_habit = shared >= _SHARED_COUNT or shared > _SHARED_PART * len(values)
    return shared if is_habit else 0


def _recycled(
    items: Sequence[Facts],
    known: Mapping[str, KnownEntry],
) -> int:
    """How many known guids stand on items that agree with the known entry in nothing, if these are most; else 0."""
    count = 0
    others = 0
    for item in items:
        entry = known.get(f"g{item.guid}")
        if entry is not None:
            count += 1
            others += not _agree(item, _Known(entry))
    are_most = others >= _SHARED_COUNT and others >= _MOST * count
    return others if are_most else 0


def _agree(item: Facts, entry: _Known) -> bool:
    if item.link == entry.link:
        return True
    return item.title == entry.title or item.date == entry.date


def _names(
    items: Sequence[Facts],
    ladder: str,
) -> list[str]:
    """The birth name each item would get: the first rung, from the feed's down, whose value it has alone."""
    names = [""] * len(items)
    for rung in _rungs(items, ladder):
        counts = Counter(rung)
        for at, name in enumerate(rung):
            if not names[at] and name and counts[name] == 1:
                names[at] = name
        if all(names):
            return names
    return [name or last for name, last in zip(names, rung, strict=True)]


def _rungs(
    items: Sequence[Facts],
    ladder: str,
) -> Iterator[list[str]]:
    """The names of all items on each rung, from the feed's down; '' where one has no value."""
    guids = [_name("g", item.guid) for item in items]
    links = [_name("l", item.link) for item in items]
    if ladder == "guid":
        yield guids
        yield links
    elif ladder == "link":
        yield links
        yield guids
    contents = [_content(item) for item in items]
    yield [_name("c", _hash(content, 20)) for content in contents]
    # Two of one title and date: each a little more, until it stands alone.
    named: list[str] = []
    for content, item in zip(contents, items, strict=True):
        named.append(f"{content} {item.link} {item.guid}")
    yield [_name("c", _hash(value, 20)) for value in named]
    whole = [f"{item.title_key} {item.link} {item.text}" for item in items]
    yield [_name("c", _hash(value, 20)) for value in whole]


def _content(item: Facts) -> str:
    """Title and date, or the text where there is no title."""
    if item.title != NO_HASH:
        return item.title_key
    return item.date + item.text


def _name(letter: str, value: str) -> str:
    return letter + value if value else ""


# --- finding known entries -----------------------------------------------------------------------------------------


def _found_directly(
    items: Sequence[Facts],
    names: Sequence[str],
    known: Mapping[str, KnownEntry],
    ladder: str,
) -> dict[int, tuple[str, str]]:
    """Position of the item to (identity key, how), by name or by the alias of the same rung."""
    aliases = _aliases(known, ladder)
    found: dict[int, tuple[str, str]] = {}
    taken: set[str] = set()
    # In the order of their names, so that it makes no difference in which order the document has them.
    for position in sorted(range(len(items)), key=lambda at: names[at]):
        name = names[position]
        key = name if name in known else _alias_owner(items[position], name, aliases)
        if key and key not in taken:
            found[position] = (key, LADDERS["glc".index(name[0])])
            taken.add(key)
    return found


def _alias_owner(
    item: Facts,
    name: str,
    aliases: Mapping[str, Sequence[str]],
) -> str:
    """The one known entry that now goes by what the item's name is made of; '' for none, or for more than one."""
    letter = name[0]
    alias = {
        "g": item.guid,
        "l": item.link,
    }.get(letter, item.title_key)
    if not alias:
        return ""
    keys = aliases.get(letter + alias, ())
    return keys[0] if len(keys) == 1 else ""


def _aliases(
    known: Mapping[str, KnownEntry],
    ladder: str,
) -> dict[str, list[str]]:
    """Letter and current alias to the identity keys of the known entries that have it."""
    aliases: dict[str, list[str]] = defaultdict(list)
    for key, entry in known.items():
        if entry.guid_key:
            aliases["g" + entry.guid_key].append(key)
        if entry.link_key and ladder != "guid":
            aliases["l" + entry.link_key].append(key)
        # Titles alone are no alias: "Daily briefing" of today is not that of yesterday.
        if ladder == "content":
            named = _Known(entry)
            if (named.title, named.date) != (NO_HASH, NO_HASH):
                aliases["c" + named.title + named.date].append(key)
    return aliases


_Trait = Callable[[str, str, str, bool], str]
"""From link, title, date and whether the date has a time to what must be equal; '' where the rule does not apply."""


def _same_link_and_date(
    link: str,
    title: str,
    date: str,
    has_time: bool,
) -> str:
    if not link or date == NO_HASH:
        return ""
    return link + date


def _same_link_and_title(
    link: str,
    title: str,
    date: str,
    has_time: bool,
) -> str:
    if not link or title == NO_HASH:
        return ""
    return link + title


def _same_title_and_time(
    link: str,
    title: str,
    date: str,
    has_time: bool,
) -> str:
    # A day alone does not tell "Daily briefing" of two desks apart.
    if not has_time or NO_HASH in (title, date):
        return ""
    return title + date


def _same_title(
    link: str,
    title: str,
    date: str,
    has_time: bool,
) -> str:
    if title == NO_HASH:
        return ""
    return title


def _matched(
    items: Sequence[Facts],
    missing: Sequence[int],
    found: Mapping[int, tuple[str, str]],
    known: Mapping[str, KnownEntry],
) -> dict[int, tuple[str, str]]:
    """Items that were not found directly, but are known: position to (identity key, how)."""
    if not missing:
        return {}
    taken = {key for key, _ in found.values()}
    near = _near([items[position] for position in missing], known)
    free = {key: entry for key, entry in near.items() if key not in taken}
    if not free:
        return {}
    matched: dict[int, tuple[str, str]] = {}
    for how in _ALWAYS:
        _pair(items, missing, free, matched, how)
    if len(missing) < _FEWEST or len(missing) < _MOST * len(items):
        return matched
    # The feed has renamed everything: weaker traits count, if they explain it.
    further = dict(matched)
    _pair(items, missing, free, further, _BY_TITLE)
    if len(missing) >= _FEWEST_WITH_OTHER_DATES:
        _pair(items, missing, free, further, _WITH_OTHER_DATES)
    if len(further) < _MOST * len(missing):
        return matched
    return further


def _near(
    items: Sequence[Facts],
    known: Mapping[str, KnownEntry],
) -> dict[str, _Known]:
    """The known entries that have the link or the title of one of the items: every trait holds one of them.

    A feed has thousands of known entries, of which all but these need not be taken apart.
    """
    links = {item.link for item in items} - {""}
    titles = {item.title for item in items} - {NO_HASH}
    near: dict[str, _Known] = {}
    for key, entry in known.items():
        if entry.link_key in links or entry.title_key[:8] in titles:
            near[key] = _Known(entry)
    return near


_How = tuple[_Trait, str, bool]
"""What must be equal, how that is called, and whether the dates may differ."""
_ALWAYS: tuple[_How, ...] = (
    (_same_link_and_date, "link and date", True),
    (_same_link_and_title, "link and title", False),
    (_same_title_and_time, "title and date", True),
)
_BY_TITLE: _How = (_same_title, "title", False)
_WITH_OTHER_DATES: _How = (_same_link_and_title, "link and title", True)


def _pair(
    items: Sequence[Facts],
    missing: Sequence[int],
    free: Mapping[str, _Known],
    matched: dict[int, tuple[str, str]],
    how: _How,
) -> None:
    """Add to `matched` the pairs of one item and one free known entry that alone have a trait in common."""
    trait, word, any_dates = how
    taken = {key for key, _ in matched.values()}
    here: dict[str, list[int]] = defaultdict(list)
    there: dict[str, list[str]] = defaultdict(list)
    for position in missing:
        item = items[position]
        if position not in matched:
            value = trait(
                item.link,
                item.title,
                item.date,
                item.has_time,
            )
            here[value].append(position)
    for key, entry in free.items():
        if key not in taken:
            value = trait(
                entry.link,
                entry.title,
                entry.date,
                True,
            )
            there[value].append(key)
    for value, positions in here.items():
        keys = there.get(value, ())
        # Of two that share it neither is sure.
        if not value or len(positions) != 1 or len(keys) != 1:
            continue
        position, key = positions[0], keys[0]
        dates = {
            items[position].date,
            free[key].date,
        } - {NO_HASH}
        if any_dates or len(dates) < 2:
            matched[position] = (key, word)


# --- the answer ----------------------------------------------------------------------------------------------------


def _after_renaming(
    rule: IdentityRule, count: int, total: int
) -> tuple[IdentityRule, str]:
    """The rule after most entries of a document came under other names, and the sentence for the operator."""
    subject = {
        "guid": "guids",
        "link": "links",
    }.get(rule.ladder, "entries")
    detail = (
        f"{subject} of {count} of {total} entries changed at once; "
        "the entries were recognised, none is published again"
    )
    if rule.ladder == "content":
        return rule, detail
    if not rule.reason.endswith(_CHANGED_ONCE):
        return replace(rule, reason=f"{subject} {_CHANGED_ONCE}"), detail
    lower = LADDERS[LADDERS.index(rule.ladder) + 1]
    lower_rule = IdentityRule(lower, f"{subject} keep changing")
    return lower_rule, f"{detail}; from now on entries are known by their {lower}"


def _answers(
    items: Sequence[Facts],
    names: Sequence[str],
    found: Mapping[int, tuple[str, str]],
    feed_id: str,
) -> list[Identity]:
    answers = []
    for position, (item, name) in enumerate(
        zip(
            items,
            names,
            strict=True,
        )
    ):
        key, how = found.get(position, (name, ""))
        identity = Identity(
            feed_id=feed_id,
            identity_key=key,
            # Not kept where it is the name itself: a feed of thousands keeps as many.
            guid_key="" if key == f"g{item.guid}" else item.guid,
            link_key=item.link,
            title_key=item.title_key,
            found_by=how,
        )
        answers.append(identity)
    return answers


def _without_collisions(identities: Sequence[Identity]) -> tuple[Identity, ...]:
    """Two items never share a key: the later one is a repetition after all."""
    seen: set[str] = set()
    answers: list[Identity] = []
    for identity in identities:
        key = identity.identity_key
        is_repeated = bool(key) and key in seen
        answers.append(Identity(rejected=REPEATED) if is_repeated else identity)
        seen.add(key)
    return tuple(answers)
