from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.watch.notify import Notifier


class Manager:
    """The service manager's end of the notification socket."""

    def __init__(self, address: str | bytes, shown: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind(address)
        self.shown = shown

    def heard(self) -> list[str]:
        return self.socket.recv(4096).decode().splitlines()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[Manager]:
    with tempfile.TemporaryDirectory(
        dir="/tmp"
    ) as folder:  # a socket's path holds 107 bytes; tmp_path may be longer
        if request.param == "path":
            path = str(Path(folder) / "notify")
            held = Manager(path, path)
        else:
            name = f"aggregator-test-{os.getpid()}-{Path(folder).name}"
            held = Manager(f"\0{name}".encode(), f"@{name}")
        try:
            yield held
        finally:
            held.socket.close()


def test_each_state_is_one_datagram(manager):
    notifier = Notifier.from_environment(
        {"NOTIFY_SOCKET": manager.shown}, pid=os.getpid()
    )

    assert notifier.ready("18 feeds")
    assert manager.heard() == ["READY=1", "STATUS=18 feeds"]
    assert notifier.reloading(monotonic_usec=1234567)
    assert manager.heard() == ["RELOADING=1", "MONOTONIC_USEC=1234567"]
    assert notifier.status("polling\nquietly")
    assert manager.heard() == ["STATUS=polling quietly"]
    assert notifier.alive()
    assert manager.heard() == ["WATCHDOG=1"]
    assert notifier.extend(timedelta(seconds=30))
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=30000000"]
    assert notifier.stopping()
    assert manager.heard() == ["STOPPING=1"]


def test_what_concerns_systemd_is_taken_out_of_the_environment(manager):
    environment = {
        "NOTIFY_SOCKET": manager.shown,
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": "7",
        "HOME": "/x",
    }
    Notifier.from_environment(environment, pid=7)
    assert environment == {"HOME": "/x"}


@pytest.mark.parametrize(
    ("usec", "pid", "watchdog"),
    [
        ("30000000", "7", timedelta(seconds=30)),
        ("30000000", "", timedelta(seconds=30)),
        ("30000000", "8", None),
        ("", "7", None),
        ("0", "7", None),
        ("soon", "7", None),
    ],
)
def test_the_watchdog_is_ours_only_if_it_names_us(usec, pid, watchdog):
    environment = {
        key: value
        for key, value in {"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}.items()
        if value
    }
    notifier = Notifier.from_environment(environment, pid=7)
    assert notifier.watchdog == watchdog
    assert notifier.beat == (timedelta(seconds=10) if watchdog else None)


def test_without_a_supervisor_nothing_is_sent():
    notifier = Notifier.from_environment({}, pid=1)
    assert not notifier.ready("x")
    assert not notifier.alive()


def test_a_supervisor_that_is_gone_does_no_harm(tmp_path):
    assert not Notifier(str(tmp_path / "nobody")).ready()


@pytest.mark.parametrize("address", ["vsock:2:1234", "relative/path", ""])
def test_addresses_of_other_kinds_are_left_alone(address):
    assert not Notifier.from_environment({"NOTIFY_SOCKET": address}, pid=1).ready()
