"""`[dedup] meaning` in the real program, and its child process without the extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from aggregator.daemon.encoder import Encoder
from aggregator.dedup.extra import is_installed
from aggregator.dedup.fingerprint import MEANING_BYTES
from aggregator.watch.metrics import Metrics
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_program import rss
from tests.origin import Answer, Origin

encoder = pytest.mark.skipif(
    not is_installed(), reason="needs the extra `meaning`; .ci/run installs it"
)
ENGLISH = (
    "Fed cuts interest rates by 50 basis points",
    "The Fed has cut interest rates by 50 basis points.",
)
FIRE = (
    "Fire at warehouse in Saint Petersburg kills six",
    "Fire at warehouse in Saint Petersburg kills six.",
)
FIRE_TOO = (
    "Пожар на складе в Санкт-Петербурге: шесть человек погибли",
    "Пожар на складе в Санкт-Петербурге: шесть человек погибли.",
)
"""One of the pairs of tests.bench.languages that meanings make one event (0.86), and words do not (0.32)."""


@pytest.mark.skipif(is_installed(), reason="the extra `meaning` is installed here")
async def test_an_encoder_that_breaks_costs_the_meanings_and_nothing_else():
    async with Encoder(Metrics(), preload=()) as encoder:
        assert await encoder.encode([("A ship runs aground", ""), ("Another", "")]) == [
            b"",
            b"",
        ]


LOADED: list[float] = []


def slow_to_load(texts: Sequence[tuple[str, str]]) -> list[bytes]:
    """An encoder that takes longer to load than a batch may take."""
    if not LOADED:
        time.sleep(1.5)
        LOADED.append(time.monotonic())
    if any(title == "too long" for title, _ in texts):
        time.sleep(60)
    return [b"x" for _ in texts]


async def test_a_machine_that_loads_slowly_still_gets_its_embeddings():
    """Each batch was killed while its child was loading, and the next one began to load again."""
    async with Encoder(
        Metrics(),
        preload=(),
        function=slow_to_load,
        limit=timedelta(seconds=1),
        loading_limit=timedelta(seconds=30),
    ) as encoder:
        assert await encoder.encode([("A ship runs aground", "")]) == [b"x"]
        assert await encoder.encode([("too long", "")]) == [b""]
        assert await encoder.encode([("A ship floats again", "")]) == [b"x"]


MEANINGS_FIRST = """
import asyncio, datetime
from aggregator.daemon.encoder import CHILDREN_LOAD, Encoder
from aggregator.children.sandbox import Sandbox
from aggregator.watch.metrics import Metrics
from tests.children.functions import obey


async def main():
    async with Encoder(Metrics()) as encoder:
        await encoder.encode([("A ship runs aground", "")])
    while_reading = datetime.timedelta(seconds=20)
    async with Sandbox(obey, processes=1, wall=while_reading, cpu=while_reading, memory_bytes=1 << 30) as readers:
        print(*[await readers.run(("is_loaded", name)) for name in (*CHILDREN_LOAD, "aggregator.dedup.meaning")])


if __name__ == "__main__":
    asyncio.run(main())
"""


def test_an_encoder_that_starts_first_leaves_readers_what_they_share(tmp_path: Path):
    script = tmp_path / "meanings_first.py"
    script.write_text(MEANINGS_FIRST, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=environment,
    )
    assert done.stdout.splitlines()[-1:] == ["True True False"], done.stderr


@encoder
@pytest.mark.slow
async def test_the_child_answers_with_a_vector_for_each_headline():
    async with Encoder(Metrics(), preload=()) as encoder:
        found = await encoder.encode(
            [("A ship runs aground", "It is empty."), ("", ""), ("货轮搁浅", "")]
        )
    assert [len(vector) for vector in found] == [MEANING_BYTES, 0, MEANING_BYTES]


@encoder
@pytest.mark.slow
def test_the_program_joins_an_english_and_a_russian_report_of_one_event(tmp_path: Path):
    with Origin.in_thread() as origin:
        origin.script("/a", Answer(body=rss(FIRE, site="a"), etag='"a1"'))
        origin.script("/b", Answer(body=rss(FIRE_TOO, site="b"), etag='"b1"'))
        program = Program(
            tmp_path,
            feeds_of(origin.url("/a"), origin.url("/b", 2))
            + "\n[dedup]  # meanings: where the encoder is\n",
        )
        with program.running():
            client = program.client()
            until(lambda: client.xlen("agg:reports") == 2, what="two reports")
            reports = [fields for _, fields in client.xrange("agg:reports")]
        assert [report["kind"] for report in reports] == ["event.new", "event.joined"]
        assert len(json.loads(reports[1]["sources"])) == 2


QUAKE = ("土耳其东部发生强烈地震", "土耳其东部星期一发生强烈地震，许多房屋倒塌。")
SHIP = (
    "Un cargo s'échoue près de Marseille",
    "Un navire de marchandises s'est échoué dimanche près du port de Marseille.",
)
ASKED = {
    "strong earthquake in Turkey": QUAKE[0],
    "cargo ship runs aground": SHIP[0],
    "美国央行下调利率": ENGLISH[0],
}
"""What somebody types, in another language than what it is to find, and no word of it in common."""


@encoder
@pytest.mark.slow
def test_a_running_program_is_searched_by_meaning_in_three_languages(
    tmp_path: Path, free_port: int
):
    """On the page, in the API and by the command, with the encoder that ships."""
    base = f"http://127.0.0.1:{free_port}"
    with Origin.in_thread() as origin:
        for number, told in enumerate((ENGLISH, QUAKE, SHIP)):
            body = rss(told, site=f"s{number}")
            origin.script(f"/{number}", Answer(body=body, etag='"1"'))
        feeds = feeds_of(*(origin.url(f"/{n}", n + 1) for n in range(3)))
        http = f'[http]\nlisten = "127.0.0.1:{free_port}"\n'
        program = Program(tmp_path, f"{feeds}\n{http}[dedup]\nmeaning = true\n")
        with program.running():
            client = program.client()
            until(lambda: client.xlen("agg:events") == 3, what="three events")
            for words, title in ASKED.items():
                query = urlencode({"words": words, "meaning": "yes", "since": "24h"})
                answer = json.loads(_text(f"{base}/api/events?{query}"))
                assert answer["events"] == []
                assert answer["by_meaning"][0]["title"] == title
                page = _text(f"{base}/?{query}")
                assert escape(title, quote=False).replace("'", "&#39;") in page
                assert 'id="meaning"' in page
                found = program.json_lines("search", words)
                assert (found[0]["title"], found[0]["likeness"] > 0.35) == (title, True)
                assert program.json_lines("search", words, "--words-only") == []


def _text(url: str) -> str:
    with urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())
