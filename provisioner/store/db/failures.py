"""What may be wrong with a store, whatever the database it is in."""

from __future__ import annotations

from provisioner.core.api.errors import StoreError

#: Begins what a store that was moved has in place of its revision. It is larger than any revision, so that earlier
#: versions of the program refuse such a store, too.
MOVED = "moved to "


def missing(place: str) -> StoreError:
    """Return the error for a store that does not exist."""
    return StoreError(
        "there is no store at {place}",
        cure="run 'provisioner init', or correct the store's URL",
        place=place,
    )


def foreign(place: str) -> StoreError:
    """Return the error for the database of another program."""
    return StoreError(
        "{place} is a database, but not a store of this program", cure="correct the store's URL", place=place
    )


def outdated(place: str) -> StoreError:
    """Return the error for a store of an earlier version."""
    return StoreError(
        "the store {place} was made by an earlier version of this program",
        cure="make a backup, then run 'provisioner init' to bring it up to date",
        place=place,
    )


def moved(place: str, destination: str) -> StoreError:
    """Return the error for a store that is in another database now."""
    return StoreError(
        "the store {place} was moved to {destination}",
        cure="set 'store' in the configuration to the new store, and restart services that were running",
        place=place,
        destination=destination,
    )


def too_new(place: str) -> StoreError:
    """Return the error for a store of a later version."""
    return StoreError(
        "the store {place} was made by a later version of this program",
        cure="install that version, or restore a backup from before it",
        place=place,
    )
