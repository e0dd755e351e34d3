"""A Redis client from a URL, and redis-py's errors in our words.

Schemes: `redis://`, `rediss://` (TLS), `unix://`, `redis+sentinel://host:port,host:port/service/db` (user and password
of the URL are the data server's; a Sentinel's own go into the query as `sentinel_username`, `sentinel_password`; with
`ssl=true` both speak TLS) and `redis+cluster://host:port,host:port`
(`rediss+cluster://` with TLS), which needs a key prefix in braces.

Every write of ours is a gated script, so that the retries set here are safe. They are few: redis-py's own defaults
block 4–5 s when the server is down, and the daemon has an outer loop with back-off around them.

redis is owned by this module, scripts.py and embedded.py, hiredis by this one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import hiredis
from redis import exceptions as failed
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff

from aggregator.errors import ConfigError, EngineDown, EngineRefused, Problem

Client = Redis | RedisCluster
T = TypeVar("T")

SOCKET_TIMEOUT_S = 5.0
"""A server that does not answer for so long counts as down. Blocking reads ask for less (BLOCK_MS in scripts.py)."""
RETRIES = 2
HEALTH_CHECK_S = 15
MAX_CONNECTIONS = 512
"""Of one client: polls in flight (64 by default) plus readers; a guess with room."""

_NOT_NOW = (
    ("LOADING", "is loading its data; it will answer when that is done"),
    (
        "READONLY",
        "takes no writes (a read-only replica): give redis_url the primary, or wait for the fail-over to end",
    ),
    (
        "OOM",
        "is out of memory: raise maxmemory, or shorten [retention] or max_stream_bytes",
    ),
    (
        "command not allowed when used memory",
        "is out of memory: raise maxmemory, or shorten [retention]",
    ),
    ("MISCONF", "cannot write to its disk: free space there and look into its log"),
    (
        "NOREPLICAS",
        "has too few replicas connected to take writes (min-replicas-to-write)",
    ),
    ("BUSY", "is busy with a script"),
    ("MASTERDOWN", "has lost its primary"),
    ("CLUSTERDOWN", "belongs to a cluster that is not whole: see CLUSTER INFO"),
    ("TRYAGAIN", "is moving our keys to another node"),
    (
        "max number of clients reached",
        "takes no more connections: raise its maxclients, or its limit of open files",
    ),
    ("UNBLOCKED", "changed its role while we waited"),
)
_NEVER = (
    ("WRONGPASS", "refuses the user or password: correct them in redis_url"),
    (
        "NOAUTH",
        "asks for a password: put it into redis_url (redis://user:password@host)",
    ),
    (
        "Authentication required",
        "asks for a password: put it into redis_url (redis://user:password@host)",
    ),
    (
        "invalid username-password",
        "refuses the user or password: correct them in redis_url",
    ),
    (
        "NOPERM",
        "lets this user not do what we need (ACL): all commands on our keys and channels",
    ),
    (
        "no permissions",
        "lets this user not do what we need (ACL): all commands on our keys and channels",
    ),
    (
        "WRONGTYPE",
        "holds something else under one of our keys: another program uses this key_prefix",
    ),
    (
        "unknown command",
        "is too old or not a Redis: Redis 6.2, Valkey, or newer is needed",
    ),
    ("NOPROTO", "is too old: Redis 6.2, Valkey, or newer is needed"),
)


def _is_refusal(error: BaseException | None) -> bool:
    """A refused login, or the connection error that redis-py makes of one."""
    if isinstance(error, failed.AuthenticationError | failed.AuthorizationError):
        return True
    return error is not None and _is_refusal(error.__cause__)


class _Retry(Retry):
    """Tries again where that can help."""

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[T]],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        def may_pass(error: Exception) -> bool:
            # redis-py asks a server that refuses our password again and again, at every level of its own calls: a
            # recursion that ran for minutes.
            if _is_refusal(error):
                return False
            return is_retryable is None or is_retryable(error)

        return await super().call_with_retry(do, fail, may_pass, with_failure_count)


class _QuickPacking(AbstractConnection):
    """Packs commands by hiredis, in half the time: of a publication's sixty words redis-py looks at each in several
    calls. Its blocking connections do the same."""

    def pack_command(self, *words: Any) -> list[bytes]:
        """The same bytes as redis-py's."""
        name = words[0]
        # redis-py cuts names in two: "CONFIG GET".
        if not isinstance(name, str) or " " in name:
            return super().pack_command(*words)
        try:
            return [hiredis.pack_command(words)]
        except TypeError:
            # redis-py takes more kinds of words, and names the one that it refuses.
            return super().pack_command(*words)


class _QuickConnection(_QuickPacking, Connection):
    """By TCP."""


class _QuickTLSConnection(_QuickPacking, SSLConnection):
    """By TLS."""


class _QuickSocketConnection(_QuickPacking, UnixDomainSocketConnection):
    """By a socket of this machine."""


_QUICK: Mapping[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: _QuickConnection,
    SSLConnection: _QuickTLSConnection,
    UnixDomainSocketConnection: _QuickSocketConnection,
}


def connect(
    url: str,
    *,
    key_prefix: str = "agg",
    client_name: str = "aggregator",
) -> Client:
    """A client that connects at its first command; close it with `aclose()`. ConfigError: the URL cannot be used."""
    try:
        return _client(urlsplit(url), url, _options(client_name), key_prefix)
    except ValueError as error:
        raise ConfigError(
            Problem(f"cannot be used: {error}", key="aggregator.redis_url")
        ) from error


def _client(
    parts: SplitResult,
    url: str,
    options: dict[str, Any],
    key_prefix: str,
) -> Client:
    _check_database(parts)
    _check_place(parts)
    if parts.scheme in ("redis", "rediss", "unix"):
        client = Redis.from_url(url, max_connections=MAX_CONNECTIONS, **options)
        pool = client.connection_pool
        pool.connection_class = _QUICK[pool.connection_class]
        return client
    if parts.scheme == "redis+sentinel":
        return _sentinel(parts, options)
    if parts.scheme in ("redis+cluster", "rediss+cluster"):
        return _cluster(parts, options, key_prefix)
    known = "redis://, rediss://, unix://, redis+sentinel://, redis+cluster://, rediss+cluster://"
    text = f"must begin with one of {known}; it begins with {parts.scheme!r}"
    raise ConfigError(Problem(text, key="aggregator.redis_url"))


def _cited(database: str) -> str:
    """What stands in the number's place; not where that is a user and password (`redis:user:pw@host`)."""
    return "" if "@" in database else f"; it is {database!r}"


def _check_database(parts: SplitResult) -> None:
    """ValueError: the URL names a database that is no number."""
    named = parse_qs(parts.query).get("db", [""])[-1]
    path = parts.path.strip("/")
    if parts.scheme in ("redis", "rediss"):
        named = named or path
    elif parts.scheme == "redis+sentinel":
        named = named or path.partition("/")[2]
    elif parts.scheme.endswith("+cluster") and path not in ("", "0"):
        raise ValueError("a cluster has one database only: leave the path out")
    # redis-py takes `/news` for database 0.
    if named and not (named.isascii() and named.isdecimal()):
        raise ValueError(
            f"the database must be a number: redis://host:6379/0{_cited(named)}"
        )


_OPTIONS = frozenset(
    name
    for kind in (AbstractConnection, Connection, SSLConnection)
    for name in signature(kind.__init__).parameters
)
"""What may stand in a URL's query, beside what redis-py reads of it itself."""


def _check_place(parts: SplitResult) -> None:
    """ValueError: what redis-py would only find when it connects, or never."""
    if parts.scheme == "unix":
        # unix://run/redis.sock: `run` is a host to urlsplit.
        host = parts.netloc.rpartition("@")[2]
        if host or parts.path in ("", "/"):
            raise ValueError(
                "the path of a socket stands after three slashes: unix:///run/redis/redis.sock"
            )
    if parts.scheme in ("redis", "rediss") and parts.port == 0:
        raise ValueError("port 0 is no port: redis://host:6379/0")
    if parts.scheme in ("redis", "rediss", "unix"):
        known = _OPTIONS | {"db", "max_connections"}
        unknown = sorted(set(parse_qs(parts.query)) - known)
        if unknown:
            raise ValueError(f"there is no option named {unknown[0]!r}")


def database_of(client: Client) -> int:
    """The number of the database that the client speaks to; a cluster has one."""
    if not isinstance(client, Redis):
        return 0
    return int(client.connection_pool.connection_kwargs.get("db") or 0)


def without_secrets(url: str) -> str:
    """The URL as it may be logged: no password, no query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _options(client_name: str) -> dict[str, Any]:
    return {
        "retry": _Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES),
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
        "health_check_interval": HEALTH_CHECK_S,
        "client_name": client_name,
        "protocol": 3,
        # Answers have one shape then, whatever the protocol and the command.
        "legacy_responses": False,
    }


def _addresses(
    parts: SplitResult,
    default_port: int,
) -> list[tuple[str, int]]:
    addresses = []
    for place in parts.netloc.rpartition("@")[2].split(","):
        node = urlsplit(f"//{place}")
        if not node.hostname:
            raise ValueError(f"no host in {place!r}")
        addresses.append((node.hostname, node.port or default_port))
    return addresses


def _login(parts: SplitResult) -> dict[str, Any]:
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    login = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in login.items() if value}


def _sentinel(parts: SplitResult, options: dict[str, Any]) -> Redis:
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError(
            "the path must name the service: redis+sentinel://host:26379/mymaster"
        )
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    tls: dict[str, Any] = {}
    if query.get("ssl", "").lower() in ("1", "true", "yes"):
        tls["ssl"] = True
    # A Sentinel has users of its own: the data server's password is not told to it.
    sentinel_options = {**_sentinel_login(query), **tls}
    for name in ("socket_timeout", "socket_connect_timeout", "retry", "protocol"):
        sentinel_options[name] = options[name]
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        _addresses(parts, 26379),
        sentinel_kwargs=sentinel_options,
        **_login(parts),
        **options,
        **tls,
    )
    client = sentinels.master_for(
        service,
        redis_class=_SentinelClient,
        db=int(database or 0),
        max_connections=MAX_CONNECTIONS,
    )
    assert isinstance(client, Redis)
    return client


def _sentinel_login(query: Mapping[str, str]) -> dict[str, Any]:
    login: dict[str, Any] = {}
    for name in ("username", "password"):
        value = query.get(f"sentinel_{name}")
        if value is not None:
            login[name] = value
    return login


class _SentinelClient(Redis):
    """Closes its connections to the Sentinels, too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool = self.connection_pool
        assert isinstance(pool, SentinelConnectionPool)
        # redis-py leaves these open.
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _cluster(
    parts: SplitResult,
    options: dict[str, Any],
    key_prefix: str,
) -> RedisCluster:
    in_braces = key_prefix.startswith("{") and key_prefix.endswith("}")
    # `{}` is no hash tag: the whole key is hashed then.
    if not in_braces or len(key_prefix) <= 2:
        message = f'a cluster needs key_prefix = "{{{key_prefix}}}", in braces: all our keys must be in one slot'
        raise ConfigError(Problem(message, key="aggregator.key_prefix"))
    nodes = [ClusterNode(host, port) for host, port in _addresses(parts, 6379)]
    tls: dict[str, Any] = {"ssl": True} if parts.scheme.startswith("rediss") else {}
    return RedisCluster(
        startup_nodes=nodes,
        # Our keys lie in one slot: what other nodes lack does not concern us.
        require_full_coverage=False,
        max_connections=MAX_CONNECTIONS,
        **_login(parts),
        **options,
        **tls,
    )


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turns what redis-py raises into EngineDown (may pass) and EngineRefused (will not), with what to do."""
    try:
        yield
    # A value that redis-py cannot send is a fault of ours, not the server's.
    except failed.DataError:
        raise
    except (failed.RedisError, OSError) as error:
        raise _translated(error) from error


def engine_error(answer: object) -> EngineDown | EngineRefused | None:
    """What an answer to one of many calls means where it is an error; None where it is none."""
    return _translated(answer) if isinstance(answer, failed.RedisError) else None


def _translated(error: Exception) -> EngineDown | EngineRefused:
    text = f"{_code(error)} {error}"
    for mark, words in _NEVER:
        if mark in text:
            return EngineRefused(f"the Redis server {words} ({error})")
    for mark, words in _NOT_NOW:
        if mark in text:
            return EngineDown(f"the Redis server {words} ({error})")
    if _is_refusal(error):
        return EngineRefused(
            f"the Redis server refuses us: check user and password in redis_url ({error})"
        )
    # redis-py derives ClusterError, a node that is not there, from ResponseError.
    is_of_cluster = isinstance(error, failed.ClusterError)
    if isinstance(error, failed.ResponseError) and not is_of_cluster:
        return EngineRefused(f"the Redis server refuses a command of ours ({error})")
    if _out_of_files(error):
        limit = "this process may open no more files or connections: raise its limit (`ulimit -n`, LimitNOFILE=)"
        return EngineDown(f"the Redis server cannot be asked: {limit} ({error})")
    return EngineDown(
        f"the Redis server does not answer: is it running, and is redis_url right? ({error})"
    )


def _out_of_files(error: BaseException | None) -> bool:
    """Whether a connection failed for our own limit; redis-py names the cause in its text alone, or as its cause."""
    if error is None:
        return False
    for number in (errno.EMFILE, errno.ENFILE):
        if isinstance(error, OSError) and error.errno == number:
            return True
        if os.strerror(number) in str(error):
            return True
    return _out_of_files(error.__cause__)


def _code(error: Exception) -> str:
    """The error code that redis-py took off the text when it chose the class."""
    codes: tuple[tuple[type[Exception], str], ...] = (
        (failed.BusyLoadingError, "LOADING"),
        (failed.ReadOnlyError, "READONLY"),
        (failed.OutOfMemoryError, "OOM"),
        (failed.NoPermissionError, "NOPERM"),
        (failed.MasterDownError, "MASTERDOWN"),
        (failed.ClusterDownError, "CLUSTERDOWN"),
        (failed.TryAgainError, "TRYAGAIN"),
    )
    for kind, code in codes:
        if isinstance(error, kind):
            return code
    return ""
