"""The program under a clock that is set while it runs: libfaketime moves its wall clock and leaves the monotonic one.

The server keeps the right time: libfaketime keeps it from starting now and then.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import program as programs
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_program import HARBOUR, rss
from tests.daemon.test_stop import a_server
from tests.origin import Answer, Origin

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not LIBRARIES, reason="needs libfaketime (apt install libfaketime)"
    ),
]


@pytest.mark.parametrize("by", ["-3600", "+3600"])
def test_polling_goes_on_when_the_clock_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int, by: str
):
    offset = tmp_path / "offset"
    offset.write_text("+0", encoding="utf-8")
    fake: dict[str, Any] = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    monkeypatch.setattr(programs, "ENVIRONMENT", {**programs.ENVIRONMENT, **fake})
    with Origin.in_thread() as origin, a_server(tmp_path / "server") as server:
        origin.script("/a", Answer(body=rss(HARBOUR, site="a"), etag='"1"'))
        text = f'{feeds_of(origin.url("/a"))}[http]\nlisten = "127.0.0.1:{free_port}"\n'
        program = Program(tmp_path, text, head=f'redis_url = "{server.url}"')
        with program.running() as process:
            until(lambda: len(origin.seen("/a")) >= 2, what="polls", alive=process)
            offset.write_text(by, encoding="utf-8")
            until(
                lambda: program.logged("clock_moved"),
                what="the step is noticed",
                alive=process,
                seconds=10,
            )
            count = len(origin.seen("/a"))
            until(
                lambda: len(origin.seen("/a")) >= count + 3,
                what="polling goes on",
                alive=process,
                seconds=20,
            )
            with urllib.request.urlopen(
                f"http://127.0.0.1:{free_port}/healthz", timeout=5
            ) as answer:
                assert json.load(answer)["healthy"]
