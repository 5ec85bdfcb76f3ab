"""The last notice about each deadline, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, case, delete, select, update

from provisioner.core.api.events import Event, NoticeBegun, NoticeChanged, NoticeEnded
from provisioner.core.model import MessageState, NoticeDelivery
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, Row, as_row, put
from provisioner.store.db.tables import notices

_RANK = case({state.value: state.rank for state in MessageState}, value=notices.c.state)
_STATE = bindparam("new_state", type_=notices.c.state.type)
_IS_STRONGER = bindparam("rank") > _RANK
_THIS = (notices.c.id == bindparam("this"), notices.c.attempts == bindparam("attempt"))

BEGIN = put(notices)
#: Nothing was sent, so there is none.
WITHDRAW = delete(notices).where(*_THIS)
#: Nothing was sent again. What is left is an earlier attempt that may have arrived.
GO_BACK = (
    update(notices)
    .where(*_THIS)
    .values(
        attempts=notices.c.attempts - 1,
        state=case((notices.c.state == MessageState.SENDING, MessageState.UNKNOWN), else_=notices.c.state),
    )
)
#: A report may have been quicker than the answer of the gateway, so the state is kept if it is stronger.
END = (
    update(notices)
    .where(*_THIS)
    .values(
        state=case((_IS_STRONGER, _STATE), else_=notices.c.state),
        channel=bindparam("new_channel"),
        reference=bindparam("new_reference"),
    )
)
_CHANGE = update(notices).where(notices.c.id == bindparam("this"), _IS_STRONGER).values(state=_STATE)


def begun(event: NoticeBegun) -> Iterable[Row]:
    """Return a row for each deadline that a notice is about."""
    for item in event.items:
        yield as_row(
            NoticeDelivery(
                subject=item.subject,
                rule_set=item.rule_set,
                action=item.action,
                at=item.due_at,
                id=event.notice,
                person=event.recipient,
                attempts=event.attempt,
                sent_at=event.at,
            )
        )


def withdrawn(event: NoticeEnded) -> Change:
    """Return the change after an attempt with which nothing was sent."""
    return GO_BACK if event.attempt > 1 else WITHDRAW, {"this": event.notice, "attempt": event.attempt}


def ended(event: NoticeEnded, state: MessageState) -> Row:
    """Return what is known when an attempt ended."""
    return {
        "this": event.notice,
        "attempt": event.attempt,
        "rank": state.rank,
        "new_state": state,
        "new_channel": event.channel,
        "new_reference": event.reference,
    }


def _changed(event: NoticeChanged) -> Iterable[Change]:
    yield _CHANGE, {"this": event.notice, "rank": event.state.rank, "new_state": event.state}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {NoticeChanged: _changed}


class StoredNotices:
    """The last notices of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def of_subjects(self, subjects: Iterable[str], /) -> Mapping[str, Sequence[NoticeDelivery]]:
        """Return the last notices about deadlines of these accounts or other subjects, by subject."""
        found: dict[str, list[NoticeDelivery]] = defaultdict(list)
        for row in self._reader.among(select(notices), notices.c.subject, subjects):
            found[row.subject].append(NoticeDelivery(**row._asdict()))
        return found

    def state(self, notice_id: str, /) -> MessageState | None:
        """Return the state of one notice; ``None`` if there is none with this ID."""
        rows = self._reader.all(select(notices.c.state).where(notices.c.id == notice_id).limit(1))
        return rows[0].state if rows else None
