"""Identity: every situation in which feeds change names, and in which entries only look alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.entry.identity import EMPTY, REPEATED, Identified, entry_id, identified
from aggregator.model import IdentityRule, KnownEntry, Markup, ParsedEntry

AT = datetime(2026, 3, 1, tzinfo=UTC)


def item(n: int = 1, **changes: object) -> ParsedEntry:
    """An entry like the others of its feed: own guid, link, title, text and time."""
    plain = ParsedEntry(
        guid=f"https://news.test/?p={n}",
        link=f"https://news.test/2026/report-{n}",
        title=Markup(f"Report number {n} from the town hall"),
        summary=Markup(f"<p>What was said in session {n}.</p>"),
        published_raw=f"Sun, 01 Mar 2026 {n % 24:02}:{n // 24 % 60:02}:00 GMT",
        base_url="https://news.test/feed",
    )
    if isinstance(changes.get("title"), str):
        changes["title"] = Markup(str(changes["title"]))
    return replace(plain, **changes)  # type: ignore[arg-type]


@dataclass
class Polls:
    """One feed over its polls: keeps what a daemon would keep."""

    known: dict[str, KnownEntry] = field(default_factory=dict)
    rule: IdentityRule = field(default_factory=IdentityRule)
    notices: list[str] = field(default_factory=list)

    def see(self, entries: Sequence[ParsedEntry]) -> Identified:
        found = identified(entries, feed_id="f", known=self.known, rule=self.rule)
        self.rule = found.rule
        self.notices += [notice.kind for notice in found.notices]
        for one in found.entries:
            if not one.rejected:
                self.known[one.identity_key] = KnownEntry(
                    content_hash="",
                    first_seen_at=AT,
                    guid_key=one.guid_key,
                    link_key=one.link_key,
                    title_key=one.title_key,
                )
        return found

    def new_count(self, entries: Sequence[ParsedEntry]) -> int:
        return sum(
            1
            for one in self.see(entries).entries
            if not one.rejected and not one.found_by
        )


def ids(found: Identified) -> list[str]:
    return [one.entry_id for one in found.entries]


def test_an_entry_id_is_of_feed_and_key_together() -> None:
    assert len({entry_id("a", "bc"), entry_id("ab", "c"), entry_id("a", "b")}) == 3
    assert len(entry_id("a", "b")) == 20


def test_the_same_document_twice_brings_nothing_new() -> None:
    polls, entries = Polls(), [item(n) for n in range(30)]
    assert polls.new_count(entries) == 30
    assert polls.new_count(entries) == 0
    assert polls.notices == []


def test_a_new_title_under_the_same_guid_is_the_same_entry() -> None:
    polls = Polls()
    first = ids(polls.see([item(1), item(2)]))
    assert ids(polls.see([item(1, title="Corrected"), item(2)])) == first


def test_an_edited_slug_is_the_same_entry() -> None:
    polls = Polls()
    first = ids(polls.see([item(1), item(2)]))
    assert (
        ids(polls.see([item(1, link="https://news.test/2026/better-slug"), item(2)]))
        == first
    )


def test_an_edited_guid_is_the_same_entry_for_good() -> None:
    polls = Polls()
    first = ids(polls.see([item(1), item(2)]))
    assert ids(polls.see([item(1, guid="other"), item(2)])) == first
    assert (
        ids(
            polls.see(
                [
                    item(
                        1,
                        guid="other",
                        title="Later edited",
                        link="https://news.test/x",
                    ),
                    item(2),
                ]
            )
        )
        == first
    )


def test_slug_and_guid_edited_together_are_the_same_entry_by_title_and_time() -> None:
    polls = Polls()
    first = ids(polls.see([item(1), item(2)]))
    assert (
        ids(polls.see([item(1, guid="other", link="https://news.test/other"), item(2)]))
        == first
    )


def test_tracking_parameters_and_the_move_to_https_change_nothing() -> None:
    polls = Polls()
    first = ids(
        polls.see(
            [
                item(
                    n,
                    link=f"http://www.news.test/{n}?utm_source=rss",
                    guid=f"http://news.test/{n}",
                )
                for n in range(5)
            ]
        )
    )
    second = [
        item(
            n,
            link=f"https://news.test/{n}?utm_source=x",
            guid=f"https://NEWS.test/{n}",
            title=f"T{n}",
        )
        for n in range(5)
    ]
    assert ids(polls.see(second)) == first


def test_guids_that_change_at_every_poll_publish_nothing_new() -> None:
    polls = Polls()
    polls.see([item(n, guid=f"rand-0-{n}") for n in range(10)])
    for poll in range(1, 6):
        assert (
            polls.new_count([item(n, guid=f"rand-{poll}-{n}") for n in range(10)]) == 0
        )
    assert polls.rule == IdentityRule("link", "guids keep changing")
    assert polls.notices == ["reidentified", "reidentified"]
    assert polls.new_count([item(n, guid=f"rand-9-{n}") for n in range(1, 11)]) == 1


def test_random_guids_of_a_feed_with_one_entry_publish_nothing_new() -> None:
    polls = Polls()
    polls.see([item(1, guid="rand-0")])
    assert [
        polls.new_count([item(1, guid=f"rand-{poll}")]) for poll in range(1, 4)
    ] == [0, 0, 0]


def test_tokens_in_links_without_guids_publish_nothing_new() -> None:
    polls = Polls()
    polls.see(
        [
            item(n, guid="", link=f"https://news.test/r?id={n}&token=aaa{n}")
            for n in range(8)
        ]
    )
    for poll in range(1, 5):
        assert (
            polls.new_count(
                [
                    item(n, guid="", link=f"https://news.test/r?id={n}&token={poll}{n}")
                    for n in range(8)
                ]
            )
            == 0
        )


def test_undated_entries_with_tokens_publish_nothing_new() -> None:
    polls = Polls()
    for poll in range(3):
        entries = [
            item(
                n,
                guid="",
                published_raw="",
                link=f"https://news.test/r?id={n}&token={poll}{n}",
            )
            for n in range(8)
        ]
        assert polls.new_count(entries) == (0 if poll else 8)


def test_a_platform_move_publishes_nothing_again_and_gives_one_notice() -> None:
    polls, before = Polls(), [item(n) for n in range(20)]
    first = ids(polls.see(before))
    after = [
        replace(each, guid=f"urn:uuid:{n}", link=f"https://new-home.test/{n}")
        for n, each in enumerate(before)
    ]
    assert ids(polls.see(after)) == first
    assert ids(polls.see(after)) == first
    assert polls.new_count([item(99, guid="urn:uuid:99"), *after]) == 1
    assert polls.notices == ["reidentified"]
    assert polls.rule.ladder == "guid"
    assert "guids changed" in polls.rule.reason


def test_one_guid_for_all_entries_keeps_all() -> None:
    polls, entries = Polls(), [item(n, guid="SAME") for n in range(50)]
    assert polls.new_count(entries) == 50
    assert polls.new_count(entries) == 0
    assert polls.rule.ladder == "link"
    assert polls.new_count([item(60, guid="SAME")]) == 1


def test_one_guid_and_one_link_for_all_keeps_all_by_title() -> None:
    polls = Polls()
    entries = [
        item(
            n,
            guid="SAME",
            link="https://news.test/live",
            published_raw="Sun, 01 Mar 2026 10:00 GMT",
        )
        for n in range(20)
    ]
    assert polls.new_count(entries) == 20
    assert polls.new_count(entries) == 0
    assert polls.rule.ladder == "content"


def test_same_link_and_date_without_guid_keeps_all() -> None:
    polls = Polls()
    entries = [
        item(
            n,
            guid="",
            link="https://news.test/live",
            published_raw="Sun, 01 Mar 2026 10:00 GMT",
        )
        for n in range(6)
    ]
    assert polls.new_count(entries) == 6
    assert polls.new_count(entries[::-1]) == 0


def test_texts_alone_identify_entries_without_anything_else() -> None:
    polls = Polls()
    entries = [ParsedEntry(summary=Markup(f"only text {n}")) for n in range(3)]
    assert polls.new_count(entries) == 3
    assert polls.new_count(entries) == 0


def test_an_entry_with_nothing_to_show_is_rejected_as_empty() -> None:
    found = Polls().see(
        [ParsedEntry(), ParsedEntry(guid="x", published_raw="2026-03-01"), item(1)]
    )
    assert [one.rejected for one in found.entries] == [EMPTY, EMPTY, ""]
    assert found.entries[0].entry_id == ""


def test_an_entry_listed_twice_is_repeated_once() -> None:
    found = Polls().see([item(1), item(2), item(1)])
    assert [one.rejected for one in found.entries] == ["", "", REPEATED]


def test_a_recurring_title_is_a_new_entry_each_day() -> None:
    polls = Polls()
    for day in range(1, 6):
        entry = item(
            day,
            title="Daily briefing",
            published_raw=f"2026-03-{day:02}T06:00:00Z",
            link="https://news.test/briefing",
        )
        assert polls.new_count([entry]) == 1


def test_recurring_titles_without_guids_on_one_page_are_new_each_day() -> None:
    polls = Polls()
    for day in range(1, 4):
        entries = [
            item(
                day,
                guid="",
                title=f"{name} briefing",
                published_raw=f"2026-03-{day:02}T{hour}:00:00Z",
                link="https://news.test/",
            )
            for name, hour in (("Morning", "06"), ("Evening", "18"))
        ]
        assert polls.new_count(entries) == 2


def test_recurring_titles_without_dates_stay_apart_by_guid() -> None:
    polls = Polls()
    assert polls.new_count([item(1, title="Weather warning", published_raw="")]) == 1
    assert polls.new_count([item(2, title="Weather warning", published_raw="")]) == 1


def test_a_page_that_all_entries_link_to_does_not_make_them_one() -> None:
    polls = Polls()
    for n in range(4):
        assert polls.new_count([item(n, link="https://news.test/alerts")]) == 1


def test_position_numbers_as_guids_are_found_out() -> None:
    polls = Polls()
    polls.see([item(n, guid=f"item{n}") for n in range(5)])
    moved = [item(n + 5, guid=f"item{n}") for n in range(5)]
    assert polls.new_count(moved) == 5
    assert polls.rule.ladder == "link"


def test_a_feed_empty_once_and_full_again_has_no_new_entries() -> None:
    polls, entries = Polls(), [item(n) for n in range(9)]
    polls.see(entries)
    assert polls.see([]).entries == ()
    assert polls.new_count(entries) == 0


def test_entries_served_again_after_weeks_are_known() -> None:
    polls = Polls()
    polls.see([item(n) for n in range(9)])
    polls.see([item(n) for n in range(20, 29)])
    assert polls.new_count([item(n) for n in range(9)]) == 0


def test_guids_added_to_a_feed_without_them_publish_nothing_again() -> None:
    polls = Polls()
    first = ids(polls.see([item(n, guid="") for n in range(6)]))
    assert ids(polls.see([item(n) for n in range(6)])) == first


def test_a_better_first_impression_is_judged_again() -> None:
    polls = Polls()
    polls.see([ParsedEntry(summary=Markup("welcome to this feed"))])
    polls.see([item(n) for n in range(6)])
    assert polls.rule == IdentityRule("guid", "entries have guids")


def test_a_notice_names_the_feed_and_says_what_happened() -> None:
    polls = Polls()
    polls.see([item(n) for n in range(4)])
    moved = [item(n, guid=f"new-{n}") for n in range(4)]
    found = identified(
        moved, feed_id="f", known=polls.known, rule=polls.rule, host="news.test"
    )
    (notice,) = found.notices
    assert (notice.kind, notice.feed_id, notice.host) == (
        "reidentified",
        "f",
        "news.test",
    )
    assert "4 of 4" in notice.detail


def test_the_choice_of_a_rung_is_reversible() -> None:
    polls, entries = Polls(), [item(n) for n in range(8)]
    first = ids(polls.see(entries))
    polls.rule = IdentityRule("link", "an operator's or a document's reason")
    assert ids(polls.see(entries)) == first
    polls.rule = IdentityRule("content", "another reason")
    assert ids(polls.see(entries)) == first
    polls.rule = IdentityRule()
    assert ids(polls.see(entries)) == first
    assert polls.notices == []


few = st.sampled_from(["", "a", "b", "c"])
parsed = st.builds(
    ParsedEntry,
    guid=few,
    link=st.sampled_from(
        ["", "https://h.test/", "https://h.test/1", "https://h.test/2", "javascript:x"]
    ),
    title=st.builds(Markup, few),
    summary=st.builds(Markup, few),
    published_raw=st.sampled_from(
        ["", "2026-03-01", "2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", "soon"]
    ),
    base_url=st.just("https://h.test/feed"),
)
ladders = st.sampled_from(["guid", "link", "content"])


@given(st.lists(parsed, max_size=8), st.lists(parsed, max_size=8), ladders)
def test_every_item_has_one_answer_and_ids_are_never_shared(
    first: list, second: list, ladder: str
) -> None:
    polls = Polls(rule=IdentityRule(ladder, "kept"))
    for entries in (first, second):
        found = polls.see(entries)
        assert len(found.entries) == len(entries)
        kept = [one for one in found.entries if not one.rejected]
        assert all(one.entry_id and one.identity_key for one in kept)
        assert max(Counter(one.entry_id for one in kept).values(), default=1) == 1
        assert all(one.rejected in ("", EMPTY, REPEATED) for one in found.entries)


@given(st.lists(parsed, max_size=8), ladders)
def test_any_document_twice_brings_nothing_new(entries: list, ladder: str) -> None:
    polls = Polls(rule=IdentityRule(ladder, "kept"))
    first = polls.see(entries)
    assert polls.new_count(entries) == 0
    assert ids(polls.see(entries)) == ids(first)


@settings(max_examples=300)
@given(
    st.lists(parsed, max_size=7),
    st.lists(parsed, max_size=7),
    st.randoms(use_true_random=False),
)
def test_the_order_of_items_does_not_matter(
    before: list, entries: list, chance
) -> None:
    polls = Polls()
    polls.see(before)
    mixed = entries[:]
    chance.shuffle(mixed)
    one = identified(entries, feed_id="f", known=polls.known, rule=polls.rule)
    other = identified(mixed, feed_id="f", known=polls.known, rule=polls.rule)
    assert one.rule == other.rule
    assert {each.entry_id for each in one.entries} == {
        each.entry_id for each in other.entries
    }
