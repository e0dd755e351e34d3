"""Files of an export are written whole, and never outside their directory."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from aggregator.watch.archive import Written, read_index, write


def names(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() or path.is_symlink()
    }


def test_files_are_written_under_the_directory_which_is_made(tmp_path: Path) -> None:
    there = tmp_path / "a" / "b"
    assert write(there, {"x/y/新.md": "text\n", "_index.json": "[]"}) == Written(2, 0)
    assert names(there) == {"x/y/新.md", "_index.json"}
    assert (there / "x/y/新.md").read_bytes() == b"text\n"
    assert read_index(there) == "[]"


def test_a_file_with_the_same_text_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "one", "b.md": "two"})
    os.utime(tmp_path / "a.md", (1, 1))
    assert write(tmp_path, {"a.md": "one", "b.md": "three"}) == Written(1, 0)
    assert (tmp_path / "a.md").stat().st_mtime == 1
    assert (tmp_path / "b.md").read_text() == "three"


def test_stale_files_go_unless_they_are_written_again(tmp_path: Path) -> None:
    write(tmp_path, {"x/a.md": "one", "x/b.md": "two"})
    assert write(
        tmp_path,
        {"x/b.md": "two"},
        stale=["x/a.md", "x/b.md", "x/none.md", "none/x.md"],
    ) == Written(0, 1)
    assert names(tmp_path) == {"x/b.md"}


@pytest.mark.parametrize(
    "path",
    [
        "../out.md",
        "x/../../out.md",
        "/out.md",
        "x//y.md",
        "./x.md",
        "",
        "x/",
        "a\x00b.md",
    ],
)
def test_a_path_that_leads_out_is_refused_and_the_rest_is_written(
    tmp_path: Path, path: str
) -> None:
    inside = tmp_path / "in"
    result = write(inside, {path: "bad", "good.md": "good"}, stale=[path])
    assert (result.written_count, [refused for refused, _ in result.refused]) == (
        1,
        [path],
    )
    assert names(tmp_path) == {"in/good.md"}


def test_links_in_the_archive_are_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "in"
    outside.mkdir()
    inside.mkdir()
    (outside / "kept.md").write_text("kept")
    (inside / "folder").symlink_to(outside)
    (inside / "file.md").symlink_to(outside / "kept.md")
    result = write(
        inside, {"folder/x.md": "bad", "file.md": "ours"}, stale=["folder/kept.md"]
    )
    assert [path for path, _ in result.refused] == ["folder/x.md"]
    assert result.removed_count == 0
    assert (outside / "kept.md").read_text() == "kept"
    assert names(outside) == {"kept.md"}
    assert not (inside / "file.md").is_symlink()
    assert (inside / "file.md").read_text() == "ours"


def test_what_stands_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "dir.md").mkdir()
    result = write(
        tmp_path,
        {"file/x.md": "1", "dir.md": "2", "n" * 300 + ".md": "3", "ok.md": "4"},
    )
    assert (result.written_count, len(result.refused)) == (1, 3)
    assert names(tmp_path) == {"file", "ok.md"}


def test_a_temporary_file_left_by_a_kill_is_in_nobodys_way(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "one"})
    (tmp_path / f".{sha256(b'a.md').hexdigest()[:16]}.tmp").write_text("half")
    write(tmp_path, {"a.md": "two"})
    assert names(tmp_path) == {"a.md"}
    assert (tmp_path / "a.md").read_text() == "two"


def test_a_directory_that_cannot_be_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="exists"):
        write(tmp_path / "file", {"a.md": "one"})


def test_no_index_reads_as_none(tmp_path: Path) -> None:
    assert read_index(tmp_path) == ""
    assert read_index(tmp_path / "missing") == ""
    (tmp_path / "_index.json").write_bytes(b"\xff")
    assert read_index(tmp_path) == ""
