"""The program under a clock that is set while it runs (`set_clock`); the server keeps the right time."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from tests.daemon.program import ENVIRONMENT, Program, feeds_of, until
from tests.daemon.test_program import HARBOUR, rss
from tests.daemon.test_stop import a_server
from tests.origin import Answer, Origin


def test_polling_goes_on_when_the_clock_is_set(tmp_path: Path, free_port: int):
    """An hour back, as by a first step of NTP; right again, and an hour forward, as after an hour of sleep."""
    offset = tmp_path / "offset"
    offset.write_text("0", encoding="ascii")
    with Origin.in_thread() as origin, a_server(tmp_path / "server") as server:
        origin.script("/a", Answer(body=rss(HARBOUR, site="a"), etag='"1"'))
        text = f'{feeds_of(origin.url("/a"))}[http]\nlisten = "127.0.0.1:{free_port}"\n'
        program = Program(tmp_path, text, head=f'redis_url = "{server.url}"')
        program.environment = {**ENVIRONMENT, "SET_CLOCK_FILE": str(offset)}
        with program.running(module=("tests.daemon.set_clock",)) as process:
            until(lambda: len(origin.seen("/a")) >= 2, what="polls", alive=process)
            for step, seconds in enumerate(("-3600", "0", "3600"), start=1):
                offset.write_text(seconds, encoding="ascii")
                until(
                    lambda step=step: len(program.logged("clock_moved")) >= step,
                    what="the step is noticed",
                    alive=process,
                    seconds=10,
                )
                count = len(origin.seen("/a"))
                until(
                    lambda count=count: len(origin.seen("/a")) >= count + 2,
                    what="polling goes on",
                    alive=process,
                    seconds=20,
                )
            with urllib.request.urlopen(
                f"http://127.0.0.1:{free_port}/healthz", timeout=5
            ) as answer:
                assert json.load(answer)["healthy"]
        steps = [round(line["by_s"] / 3600) for line in program.logged("clock_moved")]
        assert steps == [-1, 1, 1]
