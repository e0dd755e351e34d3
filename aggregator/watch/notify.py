"""Telling systemd how the service is, by the sd_notify(3) protocol.

Rules: the environment is an argument, and what concerns systemd is taken out of it, so that children (the embedded
server, parsers) never speak for us. A message is one datagram of `KEY=value` lines. Without NOTIFY_SOCKET every call
does nothing. A message that cannot be sent is logged, never raised: being supervised must not break the service.

By hand, because the protocol is this small and the libraries that exist wrap libsystemd or change os.environ.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from datetime import timedelta

import structlog

log = structlog.get_logger()

SEND_TIMEOUT_SECONDS = 2.0
"""How long a datagram may wait for room in systemd's queue. A guess; a queue that stays full means systemd hangs."""


class Notifier:
    """The way to the service manager; `address` is a socket's path, `@name` for an abstract one, '' for none."""

    def __init__(
        self,
        address: str = "",
        *,
        watchdog: timedelta | None = None,
    ) -> None:
        self._address = address
        # sd_notify(3): an abstract socket is written with @ and called with NUL.
        if address.startswith("@"):
            self._address = "\0" + address[1:]
        self.watchdog = watchdog
        """How long systemd waits for a sign of life before it restarts us; None: no watchdog asked for."""

    @classmethod
    def from_environment(
        cls, environment: MutableMapping[str, str], *, pid: int
    ) -> Notifier:
        """The notifier the environment asks for; takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of it."""
        address = environment.pop("NOTIFY_SOCKET", "")
        usec = environment.pop("WATCHDOG_USEC", "")
        owner = environment.pop("WATCHDOG_PID", "")
        # A child that inherited the variables is not the one that is watched.
        is_ours = not owner or owner == str(pid)
        watchdog = None
        if is_ours and usec.isdigit() and int(usec) > 0:
            watchdog = timedelta(microseconds=int(usec))
        # vsock: and others that systemd may write are none that we can call.
        if not address.startswith(("/", "@")):
            address = ""
        return cls(address, watchdog=watchdog)

    @property
    def beat(self) -> timedelta | None:
        """How often to call `alive`: a third of the watchdog's patience, so that one lost beat is forgiven."""
        if self.watchdog is None:
            return None
        return self.watchdog / 3

    def ready(self, status: str = "") -> bool:
        """Starting or reloading is over."""
        return self._send("READY=1", *_status(status))

    def reloading(self, *, monotonic_usec: int) -> bool:
        """A reload begins; `monotonic_usec` is CLOCK_MONOTONIC now, which `Type=notify-reload` insists on."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_usec}")

    def status(self, text: str) -> bool:
        """One line for people, shown by `systemctl status`."""
        return self._send(*_status(text))

    def alive(self) -> bool:
        """Feed the watchdog. Call it only while the stages make progress (`progress.stuck`)."""
        return self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> bool:
        """Tell systemd that we stop; False where it does not listen."""
        return self._send("STOPPING=1", *_status(status))

    def extend(self, span: timedelta) -> bool:
        """Ask for this much more time to start, reload or stop (EXTEND_TIMEOUT_USEC)."""
        return self._send(f"EXTEND_TIMEOUT_USEC={span // timedelta(microseconds=1)}")

    def _send(self, *lines: str) -> bool:
        """True if the message was sent; False without a supervisor, or when it cannot be reached."""
        if not self._address or not lines:
            return False
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        try:
            with socket.socket(socket.AF_UNIX, kind) as sender:
                sender.settimeout(SEND_TIMEOUT_SECONDS)
                sender.connect(self._address)
                sender.sendall("\n".join(lines).encode())
        except OSError as error:
            log.warning(
                "notify_failed",
                message=lines[0],
                error=str(error),
            )
            return False
        return True


def _status(text: str) -> tuple[str, ...]:
    # A line break would begin another variable.
    line = " ".join(text.split())
    if not line:
        return ()
    return (f"STATUS={line}",)
