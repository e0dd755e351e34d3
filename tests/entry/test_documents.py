"""A document read back for `aggregator explain`."""

from __future__ import annotations

import pytest

from aggregator.entry.documents import report_of_document

HEAD = "---\ntitle: 'The mayor''s speech'\ncategories:\n - News\n - City\ndate: 2026-11-22 10:00:00 +0000\n---"


@pytest.mark.parametrize(
    "text", [f"\n{HEAD}\n<p>She spoke.</p>", f"\ufeff{HEAD}\n", HEAD]
)
def test_a_document_is_read_with_or_without_a_body_and_a_byte_order_mark(text: str):
    report = report_of_document(text, name="a.md")
    assert report.title == "The mayor's speech"
    assert report.categories == ("News", "City")
    assert report.published_at is not None


def test_a_rule_inside_the_body_is_no_end_of_the_front_matter():
    assert report_of_document(
        f"{HEAD}\nOne\n\n---\n\nTwo", name="a.md"
    ).text.split() == ["One", "---", "Two"]


def test_what_has_no_front_matter_is_refused():
    with pytest.raises(ValueError, match="front matter"):
        report_of_document("title: x\n", name="a.md")
