"""The last notice about each deadline, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, exists, literal_column, or_, select, update

from provisioner.core.api.events import Event, NoticeBegun, NoticeChanged, NoticeEnded, NoticeReopened
from provisioner.core.model import MessageState, NoticeDelivery
from provisioner.core.model.deliveries import of_parts
from provisioner.core.model.notices import MOST_ATTEMPTS, UNDELIVERED
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import MUST_FIND, Change, Row, as_row, given, models, put
from provisioner.store.db.tables import UNDELIVERED_NOTICES, accounts, marks, message_parts, notices
from provisioner.store.db.types import UtcDateTime


def _literals(*states: MessageState) -> list[ColumnElement[str]]:
    return [literal_column(f"'{state.value}'") for state in states]


#: The states of a notice that was not delivered, and those after which one can be sent once more.
_UNDELIVERED = _literals(*sorted(UNDELIVERED))
_REPEATABLE = [*_literals(MessageState.SENDING, MessageState.UNKNOWN), *_UNDELIVERED]
_RANK = case({state.value: state.rank for state in MessageState}, value=notices.c.state)
_STATE = bindparam("new_state", type_=notices.c.state.type)
_IS_STRONGER = bindparam("rank") > _RANK
_THIS = (notices.c.id == bindparam("this"), notices.c.attempts == bindparam("attempt"))

#: Adds a notice, or writes it over the last one about the same kind of deadline. Of one deadline, each attempt is begun
#: once, by one process, and only if the one before may not have arrived.
BEGIN = put(
    notices,
    condition=or_(
        notices.c.at != given(notices.c.at),
        notices.c.person != given(notices.c.person),
        and_(notices.c.attempts < given(notices.c.attempts), notices.c.state.in_(_REPEATABLE)),
    ),
)
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
#: Whether a mark says that the deadline of a notice was met.
_IS_MET_BY = and_(
    marks.c.subject == notices.c.subject,
    marks.c.rule_set == notices.c.rule_set,
    marks.c.action == notices.c.action,
    marks.c.at == notices.c.at,
)
_OF_SUBJECTS = (
    select(notices).where(notices.c.subject.in_(bindparam("subjects", expanding=True))).order_by(notices.c.subject)
)
#: Of one notice that was not delivered and can be sent once more: a report may be quicker, or another process.
_TO_REPEAT = (
    notices.c.id == bindparam("this"),
    notices.c.state.in_(_UNDELIVERED),
    notices.c.attempts < MOST_ATTEMPTS,
)
_REQUIRE_TO_REPEAT = (
    update(notices)
    .where(*_TO_REPEAT, exists().where(_IS_MET_BY))
    .values(state=notices.c.state)
    .execution_options(**{MUST_FIND: True})
)
_IS_MET_BY_THIS = exists().where(*_TO_REPEAT, _IS_MET_BY)
#: Nobody was reminded of a duty, but it stays known when it was last confirmed.
_GO_BACK_TO_CONFIRMED = (
    update(marks)
    .where(marks.c.confirmed_at.is_not(None), _IS_MET_BY_THIS)
    .values(at=marks.c.confirmed_at, met_at=marks.c.confirmed_at)
)
_FORGET_MET = delete(marks).where(marks.c.confirmed_at.is_(None), _IS_MET_BY_THIS)
_MAKE_DUE = (
    update(accounts)
    .where(accounts.c.login.in_(select(notices.c.subject).where(*_TO_REPEAT)))
    .values(next_deadline=bindparam("now", type_=UtcDateTime()))
)


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


def parts_of(event: NoticeEnded) -> Iterable[Row]:
    """Return the rows of the parts of a notice that a gateway took."""
    for part in event.parts:
        yield {"channel": event.channel, "part": part, "message": event.notice, "state": None, "at": event.at}


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


def _reopened(event: NoticeReopened) -> Iterable[Change]:
    """Make the deadlines of a notice due again."""
    yield _REQUIRE_TO_REPEAT, {"this": event.notice}
    yield _GO_BACK_TO_CONFIRMED, {"this": event.notice}
    yield _FORGET_MET, {"this": event.notice}
    yield _MAKE_DUE, {"this": event.notice, "now": event.at}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    NoticeChanged: _changed,
    NoticeReopened: _reopened,
}


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
        rows = self._reader.find_among(_OF_SUBJECTS, "subjects", subjects)
        for notice in models(NoticeDelivery, notices.c.keys(), rows):
            found[notice.subject].append(notice)
        return found

    def to_repeat(self) -> Collection[str]:
        """Return the IDs of notices that were not delivered, are sent once more, and whose deadlines count as met."""
        query = select(notices.c.id).where(UNDELIVERED_NOTICES, notices.c.attempts < MOST_ATTEMPTS)
        return {row.id for row in self._reader.all(query.where(exists().where(_IS_MET_BY)))}

    def undelivered(self, since: datetime, /) -> Sequence[NoticeDelivery]:
        """Return the notices that were sent since then and not reported as delivered, the latest first."""
        query = select(notices).where(UNDELIVERED_NOTICES, notices.c.sent_at >= since)
        found = self._reader.all(query.order_by(notices.c.sent_at.desc(), notices.c.subject))
        return [NoticeDelivery(**row._asdict()) for row in found]

    def reported(self, ids: Iterable[str], /) -> Mapping[str, MessageState]:
        """Return what was reported on the parts of these notices, by the ID of the notice, if anything was."""
        parts, found = message_parts.c, defaultdict[str, list[MessageState | None]](list)
        for row in self._reader.among(select(parts.message, parts.state), parts.message, ids):
            found[row.message].append(row.state)
        return {notice: state for notice, states in found.items() if (state := of_parts(states))}

    def state(self, notice_id: str, /) -> MessageState | None:
        """Return the state of one notice; ``None`` if there is none with this ID."""
        rows = self._reader.all(select(notices.c.state).where(notices.c.id == notice_id).limit(1))
        return rows[0].state if rows else None
