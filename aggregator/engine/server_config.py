"""The configuration file and the users of the embedded server, as text.

Pure. Directives are chosen by the server's version, since an unknown one ends the server at start. Why each:

- AOF with `everysec`: at most a second of writes is lost when the machine dies (14 once in 20 kills of the server);
  state and streams share one log, so they roll back together and the feed is polled again. `always` costs up to 6 ×.
- `aof-load-truncated yes`: a torn tail, as a power cut leaves it, loads.
- `noeviction`: a full server refuses writes instead of forgetting what was seen.
- `min-string-size-avoid-copy-reply`: Valkey 9.1 otherwise does not count large replies in the client output limit,
  and a subscriber that never reads grows without bound (seen connected at 100 MB).
- `save ""`: the AOF is the only store. `stop-writes-on-bgsave-error no`: a failed snapshot must not stop polling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CONSUMER = "consumer"
OPERATOR = "operator"
DAEMON = "aggregator"
"""The user of our own connections when the server listens on TCP; there the default user is off."""

_READING = (
    "+xread +xreadgroup +xack +xclaim +xautoclaim +xpending +xlen +xrange +xrevrange +xinfo "
    "+brpop +rpop +llen +lrange +lindex +lmove +blmove +lrem +type +exists"
)
"""With LMOVE, BLMOVE and LREM a list queue is read so that a crash loses nothing: `agg:queue:<name>:<whose>` takes what
is being worked on."""
_GROUPS = "+xgroup|create +xgroup|createconsumer +xgroup|delconsumer +xgroup|setid +xgroup|destroy"
_LISTENING = "+subscribe +psubscribe +unsubscribe +punsubscribe"
_CONNECTION = "+auth +hello +ping +echo +select +reset +client|setname +client|getname +client|id +command +info"

_SINCE = (((7, 2), "+client|setinfo"),)
"""Rules that an older server does not know; one of them would end it at start. QUIT needs none in any version."""


@dataclass(frozen=True, slots=True)
class Version:
    """`program` is `valkey` or `redis`."""

    program: str
    major: int
    minor: int

    @property
    def is_usable(self) -> bool:
        """Whether our scripts and commands run on it: every Valkey, and Redis from 6.2 on."""
        return self.program == "valkey" or (self.major, self.minor) >= (6, 2)

    @property
    def redis_level(self) -> tuple[int, int]:
        """The Redis version whose ACL rules it understands: every Valkey has those of 7.2."""
        return (7, 2) if self.program == "valkey" else (self.major, self.minor)


def version(answer: str) -> Version | None:
    """From what `--version` prints: `Valkey server v=9.1.2 …` or `Redis server v=7.0.15 …`; None: neither."""
    match = re.search(r"(valkey|redis) server v=(\d+)\.(\d+)", answer, re.IGNORECASE)
    if match is None:
        return None
    program, major, minor = match.groups()
    return Version(program.lower(), int(major), int(minor))


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`listen` is `host:port` or None for the unix socket only; `max_memory_bytes` 0 is no limit."""

    directory: str
    socket: str
    log: str
    listen: str | None = None
    fsync: str = "everysec"
    max_memory_bytes: int = 0


def quoted(value: str) -> str:
    """A value as the server's configuration file takes it. ValueError: it holds a line break or NUL."""
    if any(mark in value for mark in "\n\r\0"):
        raise ValueError(f"a path with a line break: {value!r}")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def configuration(
    settings: ServerSettings,
    *,
    found: Version,
    key_prefix: str,
    passwords: Mapping[str, str],
) -> str:
    """The text of the server's configuration file; `passwords` by user, needed with `listen`."""
    lines = [
        *_listening(settings.listen),
        f"unixsocket {quoted(settings.socket)}",
        "unixsocketperm 700",
        f"dir {quoted(settings.directory)}",
        f"logfile {quoted(settings.log)}",
        "loglevel notice",
        "daemonize no",
        "supervised no",
        'save ""',
        "stop-writes-on-bgsave-error no",
        "appendonly yes",
        f"appendfsync {settings.fsync}",
        "aof-load-truncated yes",
        "auto-aof-rewrite-percentage 100",
        "auto-aof-rewrite-min-size 64mb",
        f"maxmemory {settings.max_memory_bytes}",
        "maxmemory-policy noeviction",
        "client-output-buffer-limit pubsub 32mb 8mb 60",
        "timeout 0",
    ]
    # An unknown directive ends the server at start.
    if found.program == "valkey" and (found.major, found.minor) >= (9, 1):
        lines.append("min-string-size-avoid-copy-reply 1073741824")
    if settings.listen is not None:
        lines += users(found, key_prefix=key_prefix, passwords=passwords)
    return "\n".join(lines) + "\n"


def _listening(listen: str | None) -> list[str]:
    if listen is None:
        return ["port 0"]
    host, _, port = listen.rpartition(":")
    # Protected mode would refuse all but loopback, whatever the passwords.
    return [f"bind {host.strip('[]')}", f"port {int(port)}", "protected-mode no"]


def users(
    found: Version,
    *,
    key_prefix: str,
    passwords: Mapping[str, str],
) -> list[str]:
    """The `user` lines: default off, our own, the operator, and consumers, who read what is public."""
    names = ("events", "reports", "queue:*", "digest", "trouble")
    public = " ".join(f"~{key_prefix}:{name}" for name in names)
    later = [name for level, name in _SINCE if found.redis_level >= level]
    connection = " ".join([_CONNECTION, *later])
    rules = {
        DAEMON: "~* &* +@all",
        OPERATOR: "~* &* +@all -@admin -@dangerous +info +keys +client|list +client|setname +client|getname +client|id",
        # Redis compares the pattern of a PSUBSCRIBE with these rules letter by letter: `&agg:ch:*` would refuse
        # `PSUBSCRIBE agg:ch:event:new:zh:*`. There are no channels here but ours.
        CONSUMER: f"{public} &* -@all {connection} {_READING} {_GROUPS} {_LISTENING}",
    }
    lines = ["user default off"]
    for name, rule in rules.items():
        lines.append(f"user {name} on >{passwords[name]} {rule}")
    return lines
