"""Finds the secrets that the configuration names, so that the file itself holds none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret

REFERENCES = "env:NAME, file:PATH or keyring:SERVICE/USER"


def find(reference: str, folder: Path) -> Secret:
    """Return the secret that *reference* names.

    ``env:NAME`` is an environment variable, ``file:PATH`` the first line of a file (a relative path starts at
    *folder*), ``keyring:SERVICE/USER`` an entry of the system's key ring. ``plain:TEXT`` is the text itself, for
    tests: everybody who can read the configuration can read it.

    Raises:

        ConfigurationError: It is no reference, or there is nothing where it points. The message does not quote it,
            because somebody may have put the secret itself there.
    """
    scheme, colon, place = reference.partition(":")
    finders: dict[str, Callable[[str], str | None]] = {
        "env": os.environ.get,
        "file": lambda path: _first_line(folder / path),
        "keyring": _keyring,
        "plain": lambda text: text,
    }
    if not colon or scheme not in finders:
        raise ConfigurationError(
            "give the secret by reference: {references}",
            cure="remove the secret from the file and write a reference here",
            references=REFERENCES,
        )
    value = finders[scheme](place)
    if not value:
        raise ConfigurationError(
            "{place} is empty",
            cure="store the secret there, or use another reference",
            place=reference if scheme != "plain" else "plain:",
        )
    return Secret(value)


def places_in_clear(table: Mapping[str, object], place: str = "") -> Iterator[str]:
    """Yield where in a table a secret stands itself, by force of ``plain:``."""
    for name, value in table.items():
        where = f"{place}.{name}" if place else name
        if isinstance(value, Mapping):
            yield from places_in_clear(value, where)
        elif isinstance(value, str) and value.startswith("plain:"):
            yield where


def _first_line(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "the file {path} with a secret cannot be read: {error}",
            cure="write the secret into its first line, and give this user read access",
            path=path,
            error=type(error).__name__,
        ) from None
    return text.splitlines()[0].strip() if text.strip() else None


def _keyring(place: str) -> str | None:
    try:
        import keyring
    except ImportError:
        raise ConfigurationError(
            "the key ring needs the keyring library", cure="pip install 'unit-provisioner[keyring]'"
        ) from None
    service, _, user = place.partition("/")
    value: str | None = keyring.get_password(service, user)
    return value
