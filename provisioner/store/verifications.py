"""What each target last answered about each account, when it was asked about it alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import exists, or_, select

from provisioner.core.reconcile.ports import LastAnswer
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import comparisons, operations, verifications

_PUT = put(verifications)


class StoredVerifications:
    """The last answers in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def note(self, target: str, answers: Sequence[LastAnswer], /) -> None:
        """Store these answers.

        Raises:

            StoreError: The store failed. Nothing was stored.
        """
        if not answers:
            return
        with self._database.write() as connection:
            run(connection, _PUT, ({"target": target, **as_row(answer)} for answer in answers))

    def times(self, target: str, logins: Collection[str], /) -> Mapping[str, datetime]:
        """Return when this target last answered about these accounts, by login."""
        query = select(verifications.c.login, verifications.c.at).where(verifications.c.target == target)
        return {row.login: row.at for row in self._reader.among(query, verifications.c.login, logins)}

    def of_account(self, login: str, targets: Collection[str], /) -> Mapping[str, LastAnswer]:
        """Return what each of these targets last answered about an account, by target."""
        query = select(verifications).where(verifications.c.login == login)
        return {
            row.target: LastAnswer(login=row.login, at=row.at, difference=row.difference)
            for row in self._reader.among(query, verifications.c.target, targets)
        }

    def different(self, target: str) -> Sequence[str]:
        """Return the logins of the accounts that differed on this target, and of which nothing newer is known.

        An operation of the account, or a complete comparison of the target, is newer.
        """
        operated = exists().where(
            operations.c.login == verifications.c.login,
            or_(operations.c.finished_at.is_(None), operations.c.finished_at >= verifications.c.at),
        )
        compared = exists().where(
            comparisons.c.target == target,
            comparisons.c.unit.is_(None),
            comparisons.c.error.is_(None),
            comparisons.c.started_at >= verifications.c.at,
        )
        query = select(verifications.c.login).where(
            verifications.c.target == target, verifications.c.difference.is_not(None), ~operated, ~compared
        )
        return [row.login for row in self._reader.all(query.order_by(verifications.c.login))]
