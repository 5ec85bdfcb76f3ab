"""What the errors of SQLite mean, in the product's own words."""

from __future__ import annotations

import sqlite3

from provisioner.core.api.errors import StoreError, StoreUnavailableError
from provisioner.store.db.failures import moved


def store_error(cause: BaseException, place: str) -> StoreError:
    """Say what is wrong with an SQLite database, by the low byte of its error code.

    Args:

        cause: The error of the driver; its text holds no value of a row.

        place: The database's name in messages.
    """
    code = getattr(cause, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER:  # only a store that was moved has triggers; they name the new place
        return moved(place, str(cause))
    return _store_error(cause, code, place)


def _store_error(cause: BaseException, code: int, place: str) -> StoreError:
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreUnavailableError(
                "the store {place} is locked by another process",
                cure="end the process that holds it, for example a backup or a database shell, and try again",
                place=place,
            )
        case sqlite3.SQLITE_FULL:
            return StoreUnavailableError(
                "no space is left for the store {place}", cure="free some disk space", place=place
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreError(
                "the store {place} cannot be written",
                cure="give this user write access to the file and its folder",
                place=place,
            )
        case sqlite3.SQLITE_CANTOPEN:
            return StoreError(
                "the store {place} cannot be opened",
                cure="give this user read and write access to the file and its folder",
                place=place,
            )
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return damaged(place)
        case low_byte:
            reason = str(cause) or type(cause).__name__
            kind = StoreUnavailableError if low_byte == sqlite3.SQLITE_IOERR else StoreError
            return kind("the store {place} failed: {reason}", place=place, reason=reason)


def damaged(place: str) -> StoreError:
    """Return the error for a file that is no database, or no longer a sound one."""
    return StoreError(
        "{place} is damaged, or not an SQLite database",
        cure="correct the store's URL, or restore the file from a backup",
        place=place,
    )


def linked(place: str, reason: str | None) -> StoreError:
    """Return the error for a link that somebody else may have made."""
    return StoreError(
        "the store {place} cannot be opened: {reason}",
        cure="name the file to which the link points, or move the store to a folder that others cannot write to",
        place=place,
        reason=reason,
    )
