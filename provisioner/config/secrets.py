"""Finds the secrets that the configuration names, so that the file itself holds none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from provisioner.config.secret_stores import store_of, valid_now
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
    finders: dict[str, Callable[[], Secret | None]] = {
        "env": lambda: _secret(os.environ.get(place)),
        "file": lambda: _stored(reference, folder),
        "keyring": lambda: _stored(reference, folder),
        "plain": lambda: _secret(place),
    }
    if not colon or scheme not in finders:
        raise ConfigurationError(
            "give the secret by reference: {references}",
            cure="remove the secret from the file and write a reference here",
            references=REFERENCES,
        )
    secret = finders[scheme]()
    if secret is None:
        raise ConfigurationError(
            "{place} is empty",
            cure="store the secret there, or use another reference",
            place=reference if scheme != "plain" else "plain:",
        )
    return secret


def places_in_clear(table: Mapping[str, object], place: str = "") -> Iterator[str]:
    """Yield where in a table a secret stands itself, by force of ``plain:``."""
    for name, value in table.items():
        where = f"{place}.{name}" if place else name
        if isinstance(value, Mapping):
            yield from places_in_clear(value, where)
        elif isinstance(value, str) and value.startswith("plain:"):
            yield where


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None


def _stored(reference: str, folder: Path) -> Secret | None:
    """Return a secret that can be replaced, and that finds out by what."""
    store = store_of(reference, folder)
    current = store.current() if store else None
    return Secret(current.reveal(), others=lambda: valid_now(reference, folder)) if current else None
