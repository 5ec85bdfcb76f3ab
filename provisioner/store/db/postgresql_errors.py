"""What the errors of PostgreSQL and its driver mean, in the product's own words."""

from __future__ import annotations

from provisioner.core.api.errors import StoreError, StoreUnavailableError

#: The server ended a transaction in which nothing happened for too long.
_IDLE = ("25P03", "57P05")
#: A lock was not free in time, or two transactions waited for each other.
_LOCKED = ("55P03", "40P01")
#: The server is a stand-by, or the role lacks a right.
_READ_ONLY = ("25006", "42501")
#: A prepared statement is not in the session in which it was prepared.
_MIXED_UP = ("26000", "42P05")
#: What the server keeps is damaged.
_DAMAGED = ("XX001", "XX002")
#: The class of errors about values; their texts quote the value.
_DATA = "22"
#: The server stops or starts, or the connection is not there any more.
_UNREACHABLE = ("57P01", "57P02", "57P03", "08000", "08003", "08006")


def is_unreachable(cause: BaseException) -> bool:
    """Whether the server gave no answer, or said that it stops or starts."""
    state = _state(cause)
    return state in _UNREACHABLE or (state is None and type(cause).__name__ == "OperationalError")


def is_locked(cause: BaseException) -> bool:
    """Whether a lock was not free in time."""
    return _state(cause) in _LOCKED


def store_error(cause: BaseException, place: str) -> StoreError:
    """Say what is wrong with a PostgreSQL database, by the SQLSTATE of the error.

    Args:

        cause: The error of the driver.

        place: The database's name in messages.
    """
    state = _state(cause)
    if state in _IDLE:
        return StoreUnavailableError(
            "this process was stopped for too long, and the server ended its transaction in the store {place}",
            cure="run the command again",
            place=place,
        )
    if state in _LOCKED:
        return StoreUnavailableError(
            "the store {place} is busy: another process holds it",
            cure="try again; if it stays busy, look for the transaction that holds it in pg_stat_activity",
            place=place,
        )
    return shared_sessions(place) if state in _MIXED_UP else _refusal(cause, state, place)


def shared_sessions(place: str) -> StoreError:
    """Say that a pool gives a session of the server to several connections.

    Args:

        place: The database's name in messages.
    """
    return StoreError(
        "the store {place} is reached through a pool in which several connections share a session, such as PgBouncer "
        "in transaction mode",
        cure="connect directly to the server, or set 'pool_mode = session' in PgBouncer",
        place=place,
    )


def _refusal(cause: BaseException, state: str | None, place: str) -> StoreError:
    if state in _READ_ONLY:
        return StoreError(
            "the store {place} cannot be written",
            cure="name the primary server in the URL, and give the role all rights on the tables and their schema",
            place=place,
        )
    if state == "53100":
        return StoreUnavailableError("no space is left for the store {place}", cure="free some disk space", place=place)
    if state in _DAMAGED:
        return StoreError("the store {place} is damaged", cure="restore the database from a backup", place=place)
    if is_unreachable(cause):
        return StoreUnavailableError(
            "the store {place} cannot be reached: {reason}",
            cure="check that the server runs, and the host, the database, the role and its password in the "
            "configuration",
            place=place,
            reason=_reason(cause, state),
        )
    return StoreError("the store {place} failed: {reason}", place=place, reason=_reason(cause, state))


def _reason(cause: BaseException, state: str | None) -> str:
    """Return what the server says, without its details, which quote rows."""
    name = type(cause).__name__
    if state is None:
        return "; ".join(line.strip() for line in str(cause).splitlines() if line.strip()) or name
    if state.startswith(_DATA):
        return f"{name} ({state})"
    return str(getattr(getattr(cause, "diag", None), "message_primary", None) or f"{name} ({state})")


def _state(cause: BaseException) -> str | None:
    """Return the SQLSTATE, which only errors of the server have."""
    return getattr(cause, "sqlstate", None)
