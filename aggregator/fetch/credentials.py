"""A feed's credentials, read at the moment of the request.

Rules: the secret comes from an environment variable or a file, never from the configuration itself; its text never
enters a message. What is missing is said with what to do about it.
"""

from __future__ import annotations

import base64
from pathlib import Path

from aggregator.environment import variable
from aggregator.model import Auth


class MissingCredentials(Exception):
    """The secret cannot be read; the text says which and what to do."""


def authorization(auth: Auth) -> str:
    """The value of the Authorization header. Raises MissingCredentials."""
    secret = secret_of(auth)
    if not secret or not secret.isprintable():
        words = f"{_place(auth)} holds no usable secret: put one line of text there"
        raise MissingCredentials(words)
    if auth.scheme == "bearer":
        return f"Bearer {secret}"
    return basic_authorization(auth.user, secret)


def basic_authorization(user: str, password: str) -> str:
    """The same for a user and password, as they may stand in the URL itself."""
    pair = f"{user}:{password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def secret_of(auth: Auth) -> str:
    """The secret itself, without space around it. Raises MissingCredentials."""
    if auth.environment:
        value = variable(auth.environment)
        if value is None:
            words = f"environment variable {auth.environment} is not set: set it for the service"
            raise MissingCredentials(words)
        return value.strip()
    try:
        return _credential_path(auth.file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        words = f"credentials file {auth.file} cannot be read ({reason})"
        raise MissingCredentials(words) from None


def _credential_path(file: str) -> Path:
    """A bare name is looked for in systemd's credentials directory (LoadCredential=)."""
    directory = variable("CREDENTIALS_DIRECTORY")
    path = Path(file)
    if not directory or path.is_absolute():
        return path
    return Path(directory) / path


def _place(auth: Auth) -> str:
    if auth.environment:
        return f"environment variable {auth.environment}"
    return f"credentials file {auth.file}"
