"""Which deadlines were met: what the events change, and what is read of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs
from sqlalchemy import bindparam, select

from provisioner.core.api.events import DeadlineMet, DutyConfirmed
from provisioner.core.api.rules import MetDeadline
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, Row, models, put
from provisioner.store.db.tables import marks

MEET = put(marks, marks.c.at, marks.c.met_at)
_CONFIRM = put(marks, marks.c.confirmed_at)
_FIELDS = [field.name for field in attrs.fields(MetDeadline)]
_AMONG = (
    select(marks.c.subject, *(marks.c[name] for name in _FIELDS))
    .where(marks.c.subject.in_(bindparam("subjects", expanding=True)))
    .order_by(marks.c.subject)
)


def met(event: DeadlineMet) -> Row:
    """Return the deadline that was met."""
    key = {"subject": event.subject, "rule_set": event.deadline.rule_set, "action": event.deadline.action}
    return key | {"at": event.deadline.at, "met_at": event.at, "confirmed_at": None}


def confirmed(event: DutyConfirmed) -> Iterable[Change]:
    """Remember when the duty was done, also if that was before anybody asked for it."""
    key = {"subject": event.subject, "rule_set": event.rule_set, "action": event.action}
    yield _CONFIRM, key | {"at": event.at, "met_at": event.at, "confirmed_at": event.at}


class StoredMarks:
    """The deadlines that were met, in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def get_many(self, subjects: Iterable[str], /) -> Mapping[str, Sequence[MetDeadline]]:
        """Return which deadlines of these accounts or other subjects were met, by subject."""
        found: dict[str, list[MetDeadline]] = defaultdict(list)
        rows = self._reader.find_among(_AMONG, "subjects", subjects)
        for row, mark in zip(rows, models(MetDeadline, _FIELDS, (row[1:] for row in rows)), strict=True):
            found[row[0]].append(mark)
        return found
