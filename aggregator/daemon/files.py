"""Where things are: the configuration file, the state directory, the logs. Finding them is the command line's part."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from aggregator.config import NO_FEEDS, Configuration, configuration
from aggregator.dedup.extra import is_installed
from aggregator.errors import ConfigError, Problem, install_command
from aggregator.model import DedupSettings, Settings

NAME = "aggregator"
_REDIS_KEYS = ("redis_url", "redis_url_file", "redis_url_environment")
NO_FILE_REMEDY = (
    "Write one with `aggregator init`, name one with --config FILE, "
    "or see it all at work first: `aggregator demo`"
)

NO_FEEDS_REMEDY = f"add a feed with `aggregator feeds add URL`, or write `{NO_FEEDS}` at its top if none is meant"


def no_encoder() -> str:
    """The sentence about the missing extra, with the command that installs it here."""
    return f"the encoder is not installed: {install_command('meaning', python=sys.executable, has_pip=has_pip())}"


def has_pip() -> bool:
    """Whether this interpreter has pip: an environment that uv made has none."""
    return importlib.util.find_spec("pip") is not None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, the file it was read from, and the directories in force."""

    file: Path
    text: str
    configuration: Configuration
    state_dir: Path
    digest_dir: Path


def config_path(given: str | None, *, environment: Mapping[str, str]) -> Path:
    """The feeds.toml in force: the one given, else the first that exists. Raises ConfigError when there is none."""
    if given:
        return Path(given)
    file = found_path(environment=environment)
    if file is None:
        looked = ", ".join(str(place) for place in places(environment))
        raise ConfigError(
            Problem(f"no feeds.toml found; looked for {looked}. {NO_FILE_REMEDY}")
        )
    return file


def found_path(*, environment: Mapping[str, str] | None = None) -> Path | None:
    """The first feeds.toml that stands in the usual places; a directory or a link to nothing, too: whoever made it is
    to hear that it cannot be read."""
    for place in places(environment):
        if place.is_symlink() or place.exists():
            return place
    return None


def places(environment: Mapping[str, str] | None = None) -> list[Path]:
    """Where a feeds.toml is looked for, in order."""
    if environment is None:
        environment = os.environ
    directories = [
        Path(),
        *_paths(environment, "CONFIGURATION_DIRECTORY"),
        *_of_user(platformdirs.user_config_dir),
        Path("/etc") / NAME,
    ]
    return [directory / "feeds.toml" for directory in directories]


def _of_user(directory: Callable[[str], str]) -> list[Path]:
    """The user's directory of this kind; none for a user without a home, such as systemd makes for a service."""
    try:
        return [Path(directory(NAME))]
    except RuntimeError:
        return []


def _paths(environment: Mapping[str, str], name: str) -> list[Path]:
    """The directories that systemd hands a service under this name, with colons between them."""
    return [Path(text) for text in environment.get(name, "").split(":") if text]


def loaded(
    given: str | None, *, environment: Mapping[str, str] | None = None
) -> Loaded:
    """Find and read the configuration. Raises ConfigError."""
    if environment is None:
        environment = os.environ
    file = config_path(given, environment=environment)
    return loaded_from(file, environment)


def loaded_from(file: Path, environment: Mapping[str, str]) -> Loaded:
    """Read one configuration file; relative directories in it are relative to the file. Raises ConfigError."""
    return _loaded(file, read_text(file), environment)


def begun(
    file: Path,
    text: str,
    *,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """The same of a file that is not written yet. Raises ConfigError."""
    if environment is None:
        environment = os.environ
    return _loaded(file, text, environment)


def _loaded(
    file: Path,
    text: str,
    environment: Mapping[str, str],
) -> Loaded:
    read = configuration(text, file=str(file))
    if read.is_blank:
        # A write that was cut off, or a file that is yet to be written: it must not remove every feed.
        problem = Problem(f"it says nothing: {NO_FEEDS_REMEDY}", file=str(file))
        raise ConfigError(problem)
    if read.settings.dedup.meaning and not is_installed():
        remedy = f"{no_encoder()}, or leave this key out"
        raise ConfigError(Problem(remedy, key="dedup.meaning", file=str(file)))
    settings = read.settings
    base = file.resolve().parent
    state_dir = _state_dir(settings.state_dir, base, environment, file)
    logs_dirs = _paths(environment, "LOGS_DIRECTORY") or [state_dir]
    digest_dir = logs_dirs[0] / "digest"
    if settings.digest.dir:
        digest_dir = _directory(base, settings.digest.dir, "digest.dir", file)
    archive_dir = settings.archive_dir
    if archive_dir:
        key = "aggregator.archive_dir"
        archive_dir = str(_directory(base, archive_dir, key, file))
    for place in (file.resolve(), state_dir, digest_dir):
        _check_name(place)
    settings = replace(
        settings,
        dedup=decided(settings.dedup),
        redis_url=_redis_url(settings, file, environment),
        state_dir=str(state_dir),
        archive_dir=archive_dir or None,
    )
    in_force = replace(read, settings=settings)
    return Loaded(
        file,
        text,
        in_force,
        state_dir,
        digest_dir,
    )


def _redis_url(
    settings: Settings,
    file: Path,
    environment: Mapping[str, str],
) -> str | None:
    """The address of the server from where it is kept: it holds a password, and feeds.toml is read by many."""
    given = [key for key in _REDIS_KEYS if getattr(settings, key)]
    if len(given) > 1:
        words = f"name one of {', '.join(given)}"
        key = f"aggregator.{given[1]}"
        raise ConfigError(Problem(words, key=key, file=str(file)))
    if settings.redis_url_environment:
        url = environment.get(settings.redis_url_environment, "").strip()
        why = f"environment variable {settings.redis_url_environment} is not set"
    elif settings.redis_url_file:
        base = file.resolve().parent
        url, why = _secret_line(base, settings.redis_url_file, environment)
    else:
        return settings.redis_url
    if not url:
        raise ConfigError(Problem(why, key=f"aggregator.{given[0]}", file=str(file)))
    return url


def _secret_line(
    base: Path,
    name: str,
    environment: Mapping[str, str],
) -> tuple[str, str]:
    """The text of a file beside feeds.toml, or of a systemd credential (LoadCredential=), and why there is none."""
    place = base / name
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    # A bare name is a credential's where systemd hands over any.
    if credentials and "/" not in name:
        place = Path(credentials) / name
    try:
        return place.read_text(encoding="utf-8").strip(), f"{place} is empty"
    except UnicodeDecodeError:
        return "", f"{place} cannot be read (not UTF-8 text)"
    except OSError as error:
        return "", f"{place} cannot be read ({error.strerror})"


def decided(dedup: DedupSettings) -> DedupSettings:
    """`[dedup]` with `meaning` on where the encoder is installed, if the configuration says neither."""
    if dedup.meaning is not None:
        return dedup
    return replace(dedup, meaning=is_installed())


def read_text(file: Path) -> str:
    """A configuration file's text. Raises ConfigError that says why it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            Problem(
                f"not UTF-8 at byte {error.start}; save the file as UTF-8",
                file=str(file),
            )
        ) from None
    except FileNotFoundError:
        raise ConfigError(
            Problem(
                "there is no such file; name another with --config FILE", file=str(file)
            )
        ) from None
    except OSError as error:
        raise ConfigError(
            Problem(f"cannot be read: {error.strerror}", file=str(file))
        ) from None


def write_text(file: Path, text: str) -> None:
    """Replace a configuration file in one step, its rights and owner kept. Raises ConfigError."""
    target = file.resolve()
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        if target.exists():
            before = target.stat()
            fresh.chmod(before.st_mode & 0o777)
            # Only root can, and only root changes the owner by writing.
            with contextlib.suppress(PermissionError):
                os.chown(fresh, before.st_uid, before.st_gid)
        fresh.replace(target)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ConfigError(
            Problem(f"cannot be written: {error.strerror}", file=str(file))
        ) from None


def write_new(file: Path, text: str) -> None:
    """Write a configuration file that is not there yet, with its directory. Raises ConfigError; nothing is replaced."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as fresh:
            fresh.write(text)
    except FileExistsError:
        what = "something else of this name is there"
        if file.is_file():
            what = "it is there already, and is left as it is; `aggregator check` tells what it says"
        raise ConfigError(Problem(what, file=str(file))) from None
    except OSError as error:
        raise ConfigError(
            Problem(f"cannot be written: {error.strerror}", file=str(file))
        ) from None


def _check_name(place: Path) -> None:
    """Raises ConfigError for a name that is not UTF-8: no log line, answer or configuration of a server can hold it."""
    try:
        str(place).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            Problem(f"the name {os.fsencode(place)!r} is not UTF-8: name it otherwise")
        ) from None


def _directory(
    base: Path,
    text: str,
    key: str,
    file: Path,
) -> Path:
    """A directory that feeds.toml names, `~` for a home. Raises ConfigError."""
    try:
        return base / Path(text).expanduser()
    except RuntimeError:
        what = f"{text!r}: there is no such home directory"
        raise ConfigError(Problem(what, key=key, file=str(file))) from None


def _state_dir(
    configured: str | None,
    base: Path,
    environment: Mapping[str, str],
    file: Path,
) -> Path:
    if configured:
        return _directory(base, configured, "aggregator.state_dir", file).resolve()
    given = _paths(environment, "STATE_DIRECTORY")
    given += _of_user(platformdirs.user_state_dir)
    if not given:
        what = "this user has no home to keep the state in: name a directory"
        raise ConfigError(Problem(what, key="aggregator.state_dir", file=str(file)))
    return given[0].resolve()
