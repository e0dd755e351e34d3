"""Names and index of an export."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.files import (
    INDEX_JSON,
    INDEX_MARKDOWN,
    Catalog,
    export,
    file_name,
    folder,
    safe_name,
)
from aggregator.model import Kind, Message, Source

AT = datetime(2022, 2, 13, 10, 2, 17, tzinfo=UTC)
NEW = Message(id="m1", kind=Kind.NEW, event_id="e1", entry_id="a1b2c3d4e5f6a7b8c9d0", title="Harbour: closed", url="https://h.example/1", categories=("World", "Example", "Top"), published_at=AT, document="one")  # fmt: skip
JOINED = replace(
    NEW,
    id="m2",
    kind=Kind.JOINED,
    entry_id="b1b2c3d4e5f6a7b8c9d0",
    title="Port closed",
    document="two",
)
PATH = "World/Example/Top/Harbour_ closed-a1b2c3d4.md"
TEXTS = st.one_of(st.text(st.characters(codec=None)), st.lists(st.sampled_from("./\\:*?\"<>|[]#_ \n\x00CONau\u202e很😀"), max_size=80).map("".join))  # fmt: skip


@given(TEXTS)
def test_a_file_name_fits_every_file_system(title: str) -> None:
    name = file_name(title, "a1b2c3d4e5f6")
    assert name.endswith("-a1b2c3d4.md")
    assert len(name.encode()) <= 200
    assert name.count(".") == 1
    assert not set(name) & set('/\\:*?"<>|[]#\x00\n\u202e')
    assert not name.startswith(("_", " ", "."))
    assert name != "-a1b2c3d4.md"


@given(st.lists(TEXTS, min_size=3, max_size=3))
def test_a_folder_never_leads_out_of_the_directory(names: list[str]) -> None:
    parts = folder(names).split("/")
    assert len(parts) == 3
    assert all(
        part and part.strip(".") and not part.startswith(("_", ".")) for part in parts
    )
    assert all(
        part.lower() not in ("con", "nul", "aux", "prn", "com1", "lpt9")
        for part in parts
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("a/b", "a_b"), ("a\\b", "a_b"), ("a:b*c?d“e”f<g>h|i[j]", "a_b_c_d_e_f_g_h_i_j_"), ("name.md", "namemd"), ("C# 9.0", "C 90"), ("涨50%", "涨50_"), ("..", "untitled"),
        ("../../etc/passwd", "etc_passwd"), ("[快讯]港口", "快讯_港口"), (" a\nb ", "a b"), ("", "untitled"),
    ],
)  # fmt: skip
def test_characters_of_a_name(title: str, name: str) -> None:
    assert safe_name(title, limit_bytes=100) == name


def test_a_cut_name_is_whole_characters() -> None:
    assert file_name("很" * 100, "a1b2c3d4e5") == "很" * 62 + "-a1b2c3d4.md"


def test_one_file_for_each_event_or_for_each_report() -> None:
    assert set(export([NEW, JOINED]).files) == {PATH, INDEX_JSON, INDEX_MARKDOWN}
    every = export([NEW, JOINED], all_reports=True).files
    assert set(every) == {
        PATH,
        "World/Example/Top/Port closed-b1b2c3d4.md",
        INDEX_JSON,
        INDEX_MARKDOWN,
    }
    assert every[PATH] == "one"


def test_an_edit_takes_the_place_of_what_it_edits() -> None:
    edit = replace(
        NEW, kind=Kind.EDITED, revision=1, title="Harbour open", document="three"
    )
    other = replace(edit, entry_id=JOINED.entry_id)
    files = export([NEW, edit, other]).files
    assert [text for path, text in files.items() if path.endswith("d4.md")] == ["three"]
    later = export([edit], previous=export([NEW]).files[INDEX_JSON])
    assert later.files["World/Example/Top/Harbour open-a1b2c3d4.md"] == "three"
    assert later.stale == (PATH,)
    assert len(later.index) == 1


def test_an_absorbed_event_has_no_file_any_more() -> None:
    merged = Message(
        id="m3", kind=Kind.MERGED, event_id="e0", merged_into="e0", merged_from="e1"
    )
    assert set(export([NEW, merged]).files) == {INDEX_JSON, INDEX_MARKDOWN}
    assert export([merged], previous=export([NEW]).files[INDEX_JSON]).stale == (PATH,)
    assert PATH in export([NEW, merged], all_reports=True).files


def test_a_report_that_an_operator_took_out_stands_for_its_new_event_and_the_next_for_the_old_one() -> (
    None
):
    out = replace(NEW, id="m3", event_id="e2", split_from="e1")
    rest = replace(
        JOINED,
        id="m4",
        kind=Kind.EDITED,
        sources=(Source("f", JOINED.entry_id, "", "", None),),
    )
    made = export([NEW, JOINED, out, rest])
    assert {(one.entry_id, one.event_id) for one in made.index} == {
        (NEW.entry_id, "e2"),
        (JOINED.entry_id, "e1"),
    }
    moved = replace(out, kind=Kind.JOINED, event_id="e3")
    later = export([moved], previous=made.files[INDEX_JSON])
    assert [one.entry_id for one in later.index] == [JOINED.entry_id]
    assert later.stale == (PATH,)
    assert len(export([NEW, JOINED, moved], all_reports=True).index) == 2


def test_two_entries_of_one_title_have_two_files_even_where_case_does_not_count() -> (
    None
):
    twin = replace(
        NEW,
        entry_id="a1b2c3d4ffffffffffff",
        event_id="e2",
        title="HARBOUR: closed",
        document="twin",
    )
    files = export([NEW, twin]).files
    assert len({path.casefold() for path in files}) == 4
    assert sorted(text for path, text in files.items() if not path.startswith("_")) == [
        "one",
        "twin",
    ]


def test_the_index_names_every_document_by_category() -> None:
    other = replace(
        NEW,
        entry_id="c1",
        event_id="e2",
        title="A [b] *c*",
        categories=("Art", "Example", "Top"),
    )
    result = export([NEW, other])
    rows = json.loads(result.files[INDEX_JSON])
    assert (
        [row["path"] for row in rows]
        == [one.path for one in result.index]
        == ["Art/Example/Top/A _b_ _c_-c1.md", PATH]
    )
    assert rows[1] == {"path": PATH, "entry_id": NEW.entry_id, "event_id": "e1", "title": "Harbour: closed", "categories": ["World", "Example", "Top"], "url": "https://h.example/1", "published_at": "2022-02-13T10:02:17+00:00"}  # fmt: skip
    page = result.files[INDEX_MARKDOWN]
    assert page.index("## Art / Example / Top") < page.index("## World / Example / Top")
    assert "- 2022-02-13 [A \\[b\\] \\*c\\*](<Art/Example/Top/A _b_ _c_-c1.md>)" in page


@pytest.mark.parametrize("previous", ["not json", "{}", '[{"path": 1}]', "[1]"])
def test_an_index_that_is_not_ours_counts_as_none(previous: str) -> None:
    assert export([NEW], previous=previous) == export([NEW])


def test_an_export_is_the_same_when_done_again() -> None:
    first = export([NEW, JOINED])
    again = export([NEW, JOINED], previous=first.files[INDEX_JSON])
    assert again.files == first.files
    assert again.stale == ()


def test_a_document_leads_back_to_its_events_reports_when_asked():
    one = Source("a", "x1", "https://a.example/1?q=1&r=2", "t", None)
    two = Source("b", "x2", "https://b.example/(2)", "t", None)
    hidden = Source("c", "x3", "javascript:alert(1)", "t", None)
    new = Message(
        "m1",
        Kind.NEW,
        "e1",
        "x1" * 10,
        "a",
        title="t",
        document="---\nt\n---\n\nbody\n",
        sources=(one,),
    )
    joined = Message(
        "m2",
        Kind.JOINED,
        "e1",
        "x2" * 10,
        "b",
        title="t",
        document="d",
        sources=(one, two, hidden),
    )
    named = export([new, joined], names={"a": "The <A> [x]"})
    [text] = [
        text for path, text in named.files.items() if not path.startswith("_index")
    ]
    assert text == (
        "---\nt\n---\n\nbody\n\n<p>Reports: "
        '<a href="https://a.example/1?q=1&amp;r=2">The &lt;A&gt; &#91;x&#93;</a>, '
        '<a href="https://b.example/(2)">b</a></p>\n'
    )
    plain = export([new, joined])
    assert "---\nt\n---\n\nbody\n" in plain.files.values()


def test_what_messages_bring_is_the_same_in_one_batch_and_in_many() -> None:
    edits = [
        replace(
            NEW, kind=Kind.EDITED, revision=r, title=f"Title {r}", document=f"text {r}"
        )
        for r in (1, 2)
    ]
    merged = Message(
        id="m9", kind=Kind.MERGED, event_id="e0", merged_into="e0", merged_from="e1"
    )
    messages = [NEW, *edits, JOINED, merged, NEW]
    whole, steps = Catalog(), Catalog()
    one = whole.apply(messages)
    disk: dict[str, str] = {}
    for message in messages:
        changes = steps.apply([message])
        disk = {
            path: text
            for path, text in {**disk, **changes.files}.items()
            if path not in changes.stale
        }
    assert disk == one.files == {PATH: "one"}
    assert steps.index_files() == whole.index_files()


def test_a_batch_after_a_crash_takes_away_the_names_that_came_and_went_before_it() -> (
    None
):
    edits = [
        replace(
            NEW, kind=Kind.EDITED, revision=r, title=f"Title {r}", document=f"text {r}"
        )
        for r in (1, 2)
    ]
    listed = export([NEW]).files[INDEX_JSON]
    assert set(Catalog(listed).apply(edits).stale) == {
        PATH,
        "World/Example/Top/Title 1-a1b2c3d4.md",
    }


def test_what_a_batch_costs_does_not_depend_on_how_much_there_is() -> None:
    """No step looks at what is there: of 2,000 documents none is asked for anything."""

    class Counted(str):
        looks = 0

        def __eq__(self, other: object) -> bool:
            Counted.looks += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    catalog = Catalog()
    catalog.apply(
        replace(NEW, entry_id=f"{n:020x}", event_id=Counted(f"e-{n}"))
        for n in range(2000)
    )
    Counted.looks = 0
    catalog.apply(
        [
            Message(
                id="m3",
                kind=Kind.MERGED,
                event_id="e0",
                merged_into="e0",
                merged_from="e-7",
            ),
            JOINED,
        ]
    )
    assert len(catalog) == 1999
    assert Counted.looks < 10
