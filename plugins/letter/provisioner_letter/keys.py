"""Finds the key to which the letter for a person is encrypted.

The keys of units above are not used: the key of a district would let the district read the passwords of its schools. To
allow that, configure a channel with ``printer_key`` and ``under``.

A person's key that is out of reach is an error: the key of the unit would let others read the password.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import attrs

from provisioner.core.api.errors import MisconfiguredError, RefusedError
from provisioner.core.model import Person
from provisioner.core.model.identifiers import code_objection
from provisioner_letter.sealing import Seal, read

#: The suffixes of files with keys.
SUFFIXES = (".pub", ".pem")

_PERSONS, _UNITS = "persons", "units"


class Keys(Protocol):
    """The keys of one channel."""

    def expect_usable(self) -> None:
        """Check what concerns every letter.

        Raises:

            MisconfiguredError: No letter can be encrypted.
        """

    def places(self) -> Iterable[Path]:
        """Return the files and folders that nobody else may replace."""

    def unused(self) -> Iterable[Path]:
        """Return the files that nobody uses as keys because of their names."""

    def of(self, person: Person) -> Seal:
        """Return what encrypts the letters for a person.

        Raises:

            RefusedError: There is no usable key for this person.

            MisconfiguredError: No letter can be encrypted.
        """


@attrs.frozen
class OwnKeys:
    """Each person's own key, or else that of the unit in which the person works."""

    folder: Path
    now: Callable[[], datetime]

    def expect_usable(self) -> None:
        """Check that the folder exists, and that there are keys of persons if there is a folder for them."""
        if not self.folder.is_dir():
            raise MisconfiguredError(
                "there is no folder {folder}", cure="make it, or correct 'keys'", folder=self.folder
            )
        persons = self.folder / _PERSONS
        if _exists(persons) and _is_empty(persons):
            raise MisconfiguredError(
                "there is no key in {folder}",
                cure="mount the folder; or remove it if no person has a key",
                folder=persons,
            )

    def places(self) -> Iterable[Path]:
        """Return the folders of the keys, and the keys."""
        folders = [folder for folder in self.folder.iterdir() if folder.is_dir()]
        keys = [file for folder in folders for file in sorted(folder.iterdir()) if file.is_file()]
        return [self.folder, *folders, *keys]

    def unused(self) -> Iterable[Path]:
        """Return the files in the folders of persons and units whose names don't have the suffix of a key."""
        folders = [folder for folder in (self.folder / _PERSONS, self.folder / _UNITS) if folder.is_dir()]
        return [file for folder in folders for file in sorted(folder.iterdir()) if file.suffix not in SUFFIXES]

    def of(self, person: Person) -> Seal:
        """Return what encrypts to the person's own key, or else to that of the person's unit."""
        self.expect_usable()
        files = next(filter(None, (self._files(*place) for place in _places(person))), [])
        if not files:
            raise RefusedError(
                "there is no public key of {person} or of the unit of this person",
                cure="put it into {folder}, as persons/{person}.pub or persons/{person}.pem",
                person=person.id,
                folder=self.folder,
            )
        if len(files) > 1:
            raise RefusedError("there are two keys: {files}", files=", ".join(map(str, files)))
        return _seal(files[0], self.now())

    def _files(self, kind: str, name: str) -> list[Path]:
        if code_objection(name):
            return []
        candidates = (self.folder / kind / f"{name}{suffix}" for suffix in SUFFIXES)
        return [file for file in candidates if _exists(file)]


@attrs.frozen
class PrinterKey:
    """The key of a mailer printer, for every letter."""

    file: Path
    now: Callable[[], datetime]

    def expect_usable(self) -> None:
        """Check that the key can be used."""
        self.seal()

    def places(self) -> Iterable[Path]:
        """Return the file of the key, and its folder."""
        return [self.file, self.file.parent]

    def unused(self) -> Iterable[Path]:
        """Return nothing: there is one file."""
        return ()

    def of(self, person: Person) -> Seal:  # noqa: ARG002 - the same for everybody
        """Return what encrypts to the printer's key."""
        return self.seal()

    def seal(self) -> Seal:
        """Return what encrypts to the printer's key.

        Raises:

            MisconfiguredError: The key can't be used.
        """
        try:
            return _seal(self.file, self.now())
        except RefusedError as error:
            raise MisconfiguredError(error.text, cure=error.cure) from None


def _places(person: Person) -> Iterator[tuple[str, str]]:
    yield _PERSONS, person.id
    if person.unit:
        yield _UNITS, person.unit


def _exists(path: Path) -> bool:
    """Whether this path exists, even as a link whose destination is missing.

    Raises:

        MisconfiguredError: The folder doesn't tell.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unreadable(path.parent, error) from None
    return True


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError as error:
        raise _unreadable(folder, error) from None


def _unreadable(folder: Path, error: OSError) -> MisconfiguredError:
    return MisconfiguredError(
        "the keys in {folder} can't be read: {reason}",
        cure="mount the folder, and let the user of the program read it",
        folder=folder,
        reason=error.strerror,
    )


def _seal(file: Path, now: datetime) -> Seal:
    try:
        return read(file, now)
    except RefusedError as error:
        raise RefusedError(
            "the key {file} can't be used: {reason}", cure="replace the file", file=file, reason=error.text
        ) from None
