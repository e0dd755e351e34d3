"""Signals that operators and their tools send: none but those that ask for the end is one."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.daemon.program import Program, feeds_of, until
from tests.origin import Answer, Origin, feed_document


def test_a_running_daemon_hears_of_signals_and_of_a_file_that_was_emptied_and_goes_on(
    tmp_path: Path,
):
    with Origin.in_thread(hosts=1) as origin:
        origin.script(
            "/f", Answer(body=feed_document(items=[("1", "The weir is mended", "")]))
        )
        program = Program(tmp_path, feeds_of(origin.url("/f")))
        with program.running() as process:
            until(
                lambda: program.logged("entries_assigned"),
                what="the feed is polled",
                alive=process,
            )
            process.send_signal(signal.SIGUSR1)
            until(
                lambda: program.logged("daemon_status"),
                what="the status is told",
                alive=process,
            )
            process.send_signal(signal.SIGUSR2)
            until(
                lambda: program.logged("signal_ignored"),
                what="the signal is told of",
                alive=process,
            )
            for text in (
                "",
                "# all of it\n",
                "[fetch]\nallow_private_networks = true\n",
            ):
                refused = len(program.logged("config_refused"))
                program.config.write_text(text)
                process.send_signal(signal.SIGHUP)
                until(
                    lambda n=refused: len(program.logged("config_refused")) > n,
                    what="it is refused",
                    alive=process,
                )  # type: ignore[misc]
            polls = len(origin.seen("/f"))
            until(
                lambda: len(origin.seen("/f")) > polls,
                what="the feed is polled still",
                alive=process,
            )
            program.config.write_text('feed = []\n[aggregator]\nstate_dir = "state"\n')
            until(
                lambda: program.logged("config_reloaded"),
                what="no feeds are asked for",
                alive=process,
            )
        assert process.returncode == 0
    [status] = program.logged("daemon_status")
    assert (status["status"], status["troubles"], status["stuck"]) == (
        "1 feeds, polling and assigning",
        [],
        [],
    )
    assert "feed = []" in program.logged("config_refused")[0]["error"]


def test_a_single_round_is_not_ended_by_them(tmp_path: Path):
    with Origin.in_thread(hosts=1) as origin:
        origin.script(
            "/f",
            Answer(
                body=feed_document(items=[("1", "The weir is mended", "")]), delay=2
            ),
        )
        program = Program(tmp_path, feeds_of(origin.url("/f")))
        process = program.start("--once")
        until(lambda: origin.seen("/f"), what="the feed is asked", alive=process)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
        assert process.wait(60) == 0
    assert json.dumps(program.logged("run_once_ended"))
    assert len(program.logged("signal_ignored")) == 2
