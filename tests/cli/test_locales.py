"""Where the locale is not UTF-8: every command prints, files are named and filled as anywhere else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.daemon.program import ENVIRONMENT, Program, feeds_of, until
from tests.origin import Answer, Origin

TITLE = "花莲外海地震 – séisme à Hualien"
OWN = {
    name: value
    for name, value in ENVIRONMENT.items()
    if name not in ("COLUMNS", "FORCE_COLOR", "LANG")
}
ASCII = OWN | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""As `LANG=C` was before PEP 540, and as every locale is that the machine has not installed: names of files, arguments and
output are ASCII."""
LOCALES = {
    "LC_ALL=C": OWN | {"LC_ALL": "C"},
    "ASCII": ASCII,
    "PYTHONIOENCODING=ascii": OWN | {"PYTHONIOENCODING": "ascii"},
    "ISO-8859-1": OWN | {"LC_ALL": "de_DE.ISO-8859-1"},
}


@pytest.fixture(scope="module", autouse=True)
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A locale that the machine need not have installed; where it cannot be made, it is C."""
    folder = tmp_path_factory.mktemp("locales")
    place = folder / "de_DE.ISO-8859-1"
    if shutil.which("localedef"):
        subprocess.run(
            ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(place)],
            check=False,
            capture_output=True,
        )
    LOCALES["ISO-8859-1"]["LOCPATH"] = str(folder)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A daemon in an ASCII locale, its places named in Chinese."""
    folder = tmp_path_factory.mktemp("l")
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    item = {"id": "1", "title": TITLE, "content_text": "六级。", "date_published": at}
    body = json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "中央社",
            "items": [item],
        }
    ).encode()
    with Origin.in_thread(hosts=1) as origin:
        origin.script(
            "/f",
            Answer(body=body, headers=(("content-type", "application/feed+json"),)),
        )
        feeds = feeds_of(origin.url("/f"), categories='["新闻", "中央社"]')
        own = Program(folder, feeds, head='archive_dir = "文档"')
        own.config.write_text(
            own.config.read_text().replace('state_dir = "state"', 'state_dir = "état"')
        )
        own.environment = ASCII
        with own.running() as process:
            until(
                lambda: own.logged("entries_assigned"), what="an event", alive=process
            )
            yield own


RUN = """
import json, os, sys
from aggregator.cli import main
from aggregator.cli.streams import use_utf8
use_utf8()
ends = []
for number, words in enumerate(json.loads(os.environ["WORDS"])):
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{sys.argv[1]}/{number}.{name}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), stream)
    sys.argv[:] = [sys.argv[0], sys.argv[1]]
    try:
        main(words)
    except SystemExit as end:
        ends.append(end.code)
    sys.stdout.flush()
print(json.dumps(ends), file=open(f"{sys.argv[1]}/ends", "w"))
"""


@dataclass
class Done:
    words: str
    status: int
    out: bytes
    err: str


def commands(
    folder: Path,
    program: Program,
    environment: dict[str, str],
    words: Sequence[Sequence[str]],
) -> list[Done]:
    """What each of these commands printed, run by one interpreter to save the time of starting it."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = [[*one, "--config", str(program.config)] for one in words]
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        capture_output=True, timeout=100, env=environment | {"WORDS": json.dumps(asked)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    ends = json.loads((folder / "ends").read_text())
    return [
        Done(
            " ".join(one),
            end,
            (folder / f"{n}.out").read_bytes(),
            (folder / f"{n}.err").read_text("utf-8", "replace"),
        )
        for n, (one, end) in enumerate(zip(words, ends, strict=True))
    ]


PRINTING = (
    ("tail",), ("tail", "--reports", "--json"), ("digest",), ("digest", "--format", "markdown"), ("digest", "--format", "html"),
    ("digest", "--format", "json"), ("check",), ("check", "--json"), ("status",), ("status", "f0"), ("status", "--json"), ("events", "list"),
    ("events", "list", "--json"), ("events", "show", "EVENT"), ("events", "doubtful"), ("search", "花莲"), ("search", "--json", "séisme"),
    ("feeds", "list"), ("feeds", "list", "--json"), ("feeds", "export"), ("poll", "--dry-run", "--explain", "f0"), ("export", "出"),
)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "ASCII",
        "ISO-8859-1",
        *(
            pytest.param(n, marks=pytest.mark.slow)
            for n in ("LC_ALL=C", "PYTHONIOENCODING=ascii")
        ),
    ],
)
def test_every_command_prints_whatever_the_locale(
    program: Program, tmp_path: Path, name: str
):
    environment = LOCALES[name]
    [listed] = commands(
        tmp_path / "0", program, environment, [("events", "list", "--json")]
    )
    event = json.loads(listed.out.splitlines()[0])["event_id"]
    put = {"EVENT": event, "出": str(tmp_path / "出")}
    ended = commands(
        tmp_path / "1",
        program,
        environment,
        [[put.get(word, word) for word in words] for words in PRINTING],
    )
    assert [
        (one.words, one.status, one.err)
        for one in ended
        if one.status or "Error" in one.err
    ] == []
    told = {one.words.split(" /")[0]: one.out for one in ended}
    assert [
        words for words, out in told.items() if not out and words != "events doubtful"
    ] == []
    assert json.loads(told["tail --reports --json"])["title"] == TITLE
    encoding = {
        "ISO-8859-1": "latin-1" if "LOCPATH" in environment else "utf-8",
        "PYTHONIOENCODING=ascii": "ascii",
    }.get(name, "utf-8")
    assert TITLE.encode(encoding, "backslashreplace") in told["tail"]
    documents = list((tmp_path / "出" / "新闻").rglob("*.md"))
    assert any(TITLE in document.read_text(encoding="utf-8") for document in documents)


def test_the_daemon_writes_where_feeds_toml_says(program: Program):
    until(
        lambda: list((program.folder / "文档").rglob("*.md")),
        what="the archive is written",
    )
    assert (program.folder / "état" / "engine").is_dir()


@pytest.mark.parametrize("name", ["ASCII", "ISO-8859-1"])
def test_the_command_line_takes_words_whatever_the_locale(tmp_path: Path, name: str):
    own = tmp_path / "订阅.toml"
    words = [
        "feeds",
        "add",
        "https://a.example/f",
        "--force",
        "--category",
        "新闻",
        "--config",
        str(own),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "aggregator", *words],
        capture_output=True,
        timeout=110,
        env=LOCALES[name],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '["新闻"]' in own.read_text(encoding="utf-8")
