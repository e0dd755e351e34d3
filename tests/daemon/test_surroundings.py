"""Containers and limits: what the machine does not give is told in words, and counts against no feed."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from redis import exceptions as failed

from aggregator.cli.surroundings import files_needed, use_temporary_directory
from aggregator.engine.client import engine_errors
from aggregator.errors import AggregatorError, EngineDown
from aggregator.fetch.failures import failure_of_error
from aggregator.model import FailureKind, FetchSettings
from tests.daemon.program import ENVIRONMENT, Program, feeds_of, until
from tests.origin import Answer, Origin, feed_document

FEED = feed_document(items=[("1", "The weir is mended", "")])


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test sets is put back."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    monkeypatch.setenv("TMPDIR", tempfile.gettempdir())


@pytest.mark.usefixtures("temporary")
def test_temporary_files_go_to_the_usual_place_else_to_the_state_directory(
    tmp_path: Path,
):
    state, usual = (
        Path(tempfile.mkdtemp(dir="/tmp")),
        Path(tempfile.mkdtemp(dir="/tmp")),
    )
    try:
        (tmp_path / "file").write_text("no directory")
        assert use_temporary_directory(state, {"TMPDIR": str(usual)}) == usual
        for unusable in (
            tmp_path / "none",
            tmp_path / "file",
            Path("/proc"),
            state / ("long" * 30),
        ):
            assert (
                use_temporary_directory(state, {"TMPDIR": str(unusable)})
                == state / "tmp"
            )
        assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (
            str(state / "tmp"),
            str(state / "tmp"),
        )
        with pytest.raises(AggregatorError, match="no place for temporary files"):
            use_temporary_directory(
                Path("/proc/none"), {"TMPDIR": str(tmp_path / "none")}
            )
    finally:
        shutil.rmtree(state)
        shutil.rmtree(usual)


def test_feeds_are_read_without_any_usual_place_for_temporary_files():
    folder = Path(
        tempfile.mkdtemp(dir="/tmp")
    )  # pytest's own is too deep for a socket below it
    try:
        with Origin.in_thread(hosts=1) as origin:
            origin.script("/f", Answer(body=FEED))
            program = Program(folder, feeds_of(origin.url("/f")))
            program.environment = ENVIRONMENT | {"TMPDIR": "/nonexistent"}
            with program.running() as process:
                until(
                    lambda: program.logged("entries_assigned"),
                    what="an event",
                    alive=process,
                )
        assert program.logged("temporary_directory")[0]["directory"] == str(
            folder / "state" / "tmp"
        )
        assert program.logged("parser_killed") == []
    finally:
        shutil.rmtree(folder)


OWN = [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EPERM]


@pytest.mark.parametrize("number", OWN, ids=errno.errorcode.get)
def test_what_the_kernel_says_of_us_is_no_failure_of_the_host(number: int):
    key = ConnectionKey("h.example", 443, False, True, None, None, None)
    for error in (
        OSError(number, "x"),
        aiohttp.ClientConnectorError(key, OSError(number, "x")),
    ):
        failure = failure_of_error(error, "h.example")
        assert failure is not None
        assert failure.kind is FailureKind.INTERNAL
        assert "h.example" not in failure.detail


def test_a_limit_of_open_files_is_not_told_as_a_server_that_is_down():
    told = f"Error 24 connecting to unix socket: /s. {os.strerror(errno.EMFILE)}."
    with (
        pytest.raises(EngineDown, match=r"open no more files.*ulimit -n"),
        engine_errors(),
    ):
        raise failed.ConnectionError(told)
    with pytest.raises(EngineDown, match="takes no more connections"), engine_errors():
        raise failed.ConnectionError("max number of clients reached")


def test_with_64_open_files_fewer_feeds_are_polled_at_once_and_none_is_to_blame(
    tmp_path: Path,
):
    with Origin.in_thread(hosts=40) as origin:
        for number in range(40):
            origin.script(f"/{number}", Answer(body=FEED, delay=1))
        urls = [origin.url(f"/{number}", number + 1) for number in range(40)]
        program = Program(tmp_path, feeds_of(*urls))
        process = program.start()
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (64, 64))
        try:
            until(
                lambda: program.logged("too_few_files"), what="a warning", alive=process
            )
            until(
                lambda: len(_polled(program)) == 40,
                what="every feed was polled",
                alive=process,
            )
        finally:
            process.terminate()
            process.wait(15)
    [warned] = program.logged("too_few_files")
    assert (warned["limit"], warned["needed"]) == (64, files_needed(FetchSettings()))
    assert warned["polls_at_once"] < 12
    assert [row for row in program.logged("feed_polled") if "failure" in row] == []
    assert (
        program.logged("engine_unavailable") + program.logged("poll_not_committed")
        == []
    )


def _polled(program: Program) -> set[str]:
    return {row["feed_id"] for row in program.logged("feed_polled")}


@pytest.mark.parametrize("limit", [40, 64, 128, 256, 1024])
def test_as_many_polls_at_once_as_files_allow(limit: int):
    asked = (
        "import resource; from aggregator.cli.surroundings import within_file_limit; from aggregator.model import FetchSettings;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}));"
        "print(within_file_limit(FetchSettings(parse_processes=2)).concurrency)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == max(1, min(64, (limit - 40) // 3))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_on_a_read_only_root_without_tmp(tmp_path: Path):
    """As `podman run --read-only` with a volume for the state and no tmpfs."""
    script = f"""
mount --make-rprivate / && mount --bind {tmp_path} /mnt && for place in /tmp /var/tmp /usr/tmp; do
[ ! -d $place ] || mount -t tmpfs -o ro none $place; done
cd / && unset TMPDIR && exec {sys.executable} -m aggregator run --once --config /mnt/feeds.toml"""
    if subprocess.run(
        ["unshare", "-rm", "true"], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine does not let us have mounts of our own (unshare -rm)")
    with Origin.in_thread(hosts=1) as origin:
        origin.script("/f", Answer(body=FEED))
        Program(tmp_path, feeds_of(origin.url("/f")))
        checkout = str(Path(__file__).resolve().parents[2])
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=200, check=False,
            env=ENVIRONMENT | {"PYTHONPATH": checkout},
        )  # fmt: skip
    rows = [
        json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")
    ]
    events = {row["event"]: row for row in rows}
    assert done.returncode == 0, done.stderr + done.stdout
    assert events["temporary_directory"]["directory"] == "/mnt/state/tmp"
    assert (events["feed_polled"]["result"], events["feed_polled"].get("failure")) == (
        "new",
        None,
    )
