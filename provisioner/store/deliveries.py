"""The messages with passwords, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Case, Column, Select, Update, bindparam, case, delete, exists, func, or_, select, update
from sqlalchemy import Row as StoredRow

from provisioner.core.api.events import (
    DeliveryChanged,
    DeliveryHandedOver,
    DeliverySettled,
    Event,
    OperationPlanned,
    StepBegun,
    StepEnded,
)
from provisioner.core.model import AccountState, MessageState, PasswordDelivery
from provisioner.core.model.deliveries import of_parts
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import MUST_FIND, Change, Row, Upsert, add, as_row, given, given_rows, models
from provisioner.store.db.tables import OPEN_MESSAGES, UNDELIVERED_MESSAGES, accounts, deliveries, message_parts
from provisioner.store.db.types import UtcDateTime

#: How many messages of an account are read to decide on the next one.
RECENT = 20

#: How long a report is kept whose message is not known.
UNKNOWN_KEPT = timedelta(days=7)

#: How many messages are read at once of those that wait for something.
PAGE = 500

_THIS = deliveries.c.id == bindparam("this")
_LATER = deliveries.alias("later")
_IS_LAST = ~exists().where(_LATER.c.login == deliveries.c.login, _LATER.c.number > deliveries.c.number)


def _rank_of(state: Column[MessageState]) -> Case[int]:
    return case({word.value: word.rank for word in MessageState}, value=state, else_=-1)


_RANK = _rank_of(deliveries.c.state)
_IS_STRONGER = bindparam("rank") > _RANK
_STATE = bindparam("new_state", type_=deliveries.c.state.type)


def _first_time(name: str) -> Any:
    """Return the time that a column has, or the given one if it has none."""
    return func.coalesce(deliveries.c[name], bindparam(f"new_{name}", type_=UtcDateTime()))


BEGIN = add(deliveries)
#: A gateway refused the message at once, so there is none.
WITHDRAW = delete(deliveries).where(_THIS)
_HAND_OVER_COLUMNS = ("gateway", "reference", "handed_over_at", "deadline", "next_ask_at")
_HANDED_OVER = given_rows(
    this=deliveries.c.id,
    rank=deliveries.c.number,
    **{name: deliveries.c[name] for name in ("state", "ended_at", *_HAND_OVER_COLUMNS)},
)
#: A report may have been quicker than the answer of the gateway, so the state is kept if it is stronger.
HAND_OVER = (
    update(deliveries)
    .where(deliveries.c.id == _HANDED_OVER.c.this)
    .values(
        state=case((_HANDED_OVER.c.rank > _RANK, _HANDED_OVER.c.state), else_=deliveries.c.state),
        ended_at=func.coalesce(deliveries.c.ended_at, _HANDED_OVER.c.ended_at),
        **{name: _HANDED_OVER.c[name] for name in _HAND_OVER_COLUMNS},
    )
)
#: The parts of a message that a gateway took. A report on one may have been quicker. Gateways give IDs again after a
#: while: what was reported on a part of another message says nothing about this one.
PUT_PARTS = Upsert(
    message_parts,
    {
        "message": given(message_parts.c.message),
        "state": case(
            (
                or_(message_parts.c.message.is_(None), message_parts.c.message == given(message_parts.c.message)),
                message_parts.c.state,
            ),
            else_=given(message_parts.c.state),
        ),
    },
)
_ADD_PART = add(message_parts)
_STRENGTHEN_PART = (
    update(message_parts)
    .where(
        message_parts.c.channel == bindparam("this_channel"),
        message_parts.c.part == bindparam("this_part"),
        _rank_of(message_parts.c.state) < bindparam("rank"),
    )
    .values(state=_STATE)
)
_DROP_UNKNOWN_PARTS = delete(message_parts).where(
    message_parts.c.message.is_(None), message_parts.c.at < bindparam("oldest", type_=UtcDateTime())
)
_CHANGE = (
    update(deliveries)
    .where(_THIS, _IS_STRONGER)
    .values(state=_STATE, accepted_at=_first_time("accepted_at"), ended_at=_first_time("ended_at"))
    .execution_options(**{MUST_FIND: True})
)
#: One process takes up a message, and only if it wasn't delivered meanwhile and is still the last one.
_TAKE_UP = (
    update(deliveries)
    .where(
        _THIS,
        deliveries.c.state != MessageState.DELIVERED,
        deliveries.c.settled_at.is_(None),
        deliveries.c.renewal.is_(None),
        _IS_LAST,
    )
    .values(renewal=bindparam("new_renewal"))
    .execution_options(**{MUST_FIND: True})
)
_SETTLE = (
    update(deliveries)
    .where(_THIS)
    .values(settled_at=bindparam("new_settled_at", type_=UtcDateTime()), renewal=bindparam("new_renewal"))
)
_NOTE_ASKED = (
    update(deliveries)
    .where(_THIS)
    .values(asked=deliveries.c.asked + 1, next_ask_at=bindparam("new_next_ask_at", type_=UtcDateTime()))
)

_PUT_OFF = update(deliveries).where(_THIS).values(next_ask_at=bindparam("new_next_ask_at", type_=UtcDateTime()))


def taken_up(event: OperationPlanned) -> Change:
    """Return the change by which an operation takes up a message that nobody else has taken up."""
    return _TAKE_UP, {"this": event.undelivered, "new_renewal": event.operation_id}


def begun(event: StepBegun) -> Row | None:
    """Return the row of the message that a step is about to send; ``None`` if it sends none."""
    if event.recipient is None or event.step.reference is None:
        return None
    return as_row(
        PasswordDelivery(
            id=event.step.reference,
            operation_id=event.operation_id,
            login=event.login,
            channel=event.step.name,
            person=event.recipient.person,
            mobile_mark=event.recipient.mobile_mark,
            number=event.recipient.number,
            sent_at=event.at,
        )
    )


def withdrawn(event: StepEnded) -> Row:
    """Return the message that was not sent."""
    return {"this": event.step.reference}


def handed_over(event: DeliveryHandedOver) -> Row:
    """Return what is known when a gateway took a message."""
    return {
        "this": event.delivery,
        "rank": event.state.rank,
        "state": event.state,
        "gateway": event.gateway,
        "reference": event.reference,
        "handed_over_at": event.at,
        "deadline": event.deadline,
        "next_ask_at": event.at if event.deadline else None,
        "ended_at": event.at if event.state.is_final else None,
    }


def parts_of(event: DeliveryHandedOver) -> Iterable[Row]:
    """Return the rows of the parts of a message that a gateway took."""
    for part in event.parts:
        yield {"channel": event.channel, "part": part, "message": event.delivery, "state": None, "at": event.at}


def _changed(event: DeliveryChanged) -> Iterable[Change]:
    yield (
        _CHANGE,
        {
            "this": event.delivery,
            "rank": event.state.rank,
            "new_state": event.state,
            "new_accepted_at": event.at if event.state is MessageState.ACCEPTED else None,
            "new_ended_at": event.at if event.state.is_final else None,
        },
    )


def _settled(event: DeliverySettled) -> Iterable[Change]:
    yield _SETTLE, {"this": event.delivery, "new_settled_at": event.at, "new_renewal": event.renewal}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    DeliveryChanged: _changed,
    DeliverySettled: _settled,
}

_LAST_NUMBERS = (
    select(deliveries.c.login, func.max(deliveries.c.number))
    .where(deliveries.c.login.in_(bindparam("logins", expanding=True)))
    .group_by(deliveries.c.login)
)

_RECENT = (
    select(deliveries)
    .where(deliveries.c.login == bindparam("login"))
    .order_by(deliveries.c.number.desc(), deliveries.c.id)
    .limit(RECENT)
)
_NAMES = deliveries.columns.keys()


class StoredDeliveries:
    """The messages with passwords of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def find(self, delivery_id: str, /) -> PasswordDelivery | None:
        """Return one message; ``None`` if there is none with this ID."""
        return next(iter(self._found(select(deliveries).where(deliveries.c.id == delivery_id))), None)

    def recent(self, login: str, /) -> Sequence[PasswordDelivery]:
        """Return the last messages of an account, the latest first."""
        return models(PasswordDelivery, _NAMES, self._database.find(_RECENT, login=login))

    def last_numbers(self, logins: Collection[str], /) -> Mapping[str, int]:
        """Return the number of the last message of each of these accounts that has one, by login."""
        return dict(self._reader.find_among(_LAST_NUMBERS, "logins", logins))

    def of_operation(self, operation_id: str, /) -> Sequence[PasswordDelivery]:
        """Return the messages of an operation, the earliest first."""
        query = select(deliveries).where(deliveries.c.operation_id == operation_id)
        return self._found(query.order_by(deliveries.c.number, deliveries.c.id))

    def to_ask(self, now: datetime, /) -> Sequence[PasswordDelivery]:
        """Return messages about which their gateways can be asked now, the most urgent first."""
        return self._found(_awaited().where(deliveries.c.next_ask_at <= now).limit(PAGE))

    def unconfirmed(self, channels: Collection[str], /) -> Sequence[PasswordDelivery]:
        """Return the messages over these channels that were neither delivered nor refused, the most urgent first."""
        is_open = deliveries.c.state.not_in([MessageState.DELIVERED, MessageState.REJECTED])
        query = select(deliveries).where(is_open, deliveries.c.channel.in_(channels))
        return self._found(query.order_by(deliveries.c.deadline, deliveries.c.number, deliveries.c.id))

    def overdue(self, now: datetime, /) -> Sequence[PasswordDelivery]:
        """Return messages whose deadline has passed without a final report, the earliest first."""
        return self._found(_awaited().where(deliveries.c.deadline <= now).limit(PAGE))

    def undelivered(self) -> Sequence[PasswordDelivery]:
        """Return the messages that were not delivered and are the last ones of open accounts, by login."""
        is_open = exists().where(accounts.c.login == deliveries.c.login, accounts.c.state == AccountState.OPEN)
        query = select(deliveries).where(UNDELIVERED_MESSAGES, _IS_LAST, is_open)
        return self._found(query.order_by(deliveries.c.login))

    def count(self) -> Mapping[MessageState, int]:
        """Return how many messages there are in each state that occurs."""
        return self._reader.count(deliveries.c.state)

    def count_open(self) -> int:
        """Return of how many messages a report is awaited."""
        query = select(func.count().label("total")).where(OPEN_MESSAGES, deliveries.c.deadline.is_not(None))
        return int(self._reader.all(query.select_from(deliveries))[0].total)

    def count_overdue(self, now: datetime, /) -> int:
        """Return how many messages have no final report although their deadline has passed."""
        query = select(func.count().label("total")).where(OPEN_MESSAGES, deliveries.c.deadline <= now)
        return int(self._reader.all(query.select_from(deliveries))[0].total)

    def reported(self) -> Sequence[tuple[PasswordDelivery, MessageState]]:
        """Return messages on whose parts more was reported than their states say, each with its new state."""
        parts = message_parts.c
        is_told = exists().where(parts.message == deliveries.c.id, _rank_of(parts.state) > _RANK)
        found = [(delivery, self.state_of_parts(delivery.id)) for delivery in self._found(_awaited().where(is_told))]
        return [(delivery, state) for delivery, state in found if state and state.rank > delivery.state.rank]

    def state_of_parts(self, message_id: str, /) -> MessageState | None:
        """Return what the reports on the parts of a message say; ``None`` if there are none."""
        query = select(message_parts.c.state).where(message_parts.c.message == message_id)
        return of_parts(row.state for row in self._reader.all(query))

    def state_of_all(self, channel: str, parts: Collection[str], /) -> MessageState | None:
        """Return what the reports on these parts say; ``None`` if one of them has none."""
        among = message_parts.c.channel == channel, message_parts.c.part.in_(parts)
        found = [row.state for row in self._reader.all(select(message_parts.c.state).where(*among))]
        return of_parts(found) if len(found) == len(parts) and None not in found else None

    def note_part(self, channel: str, part: str, state: MessageState, at: datetime, /) -> str | None:
        """Store a report on a part, unless a stronger one is known.

        Args:

            channel: The name of the channel.

            part: The gateway's ID of the part.

            state: What was reported.

            at: When.

        Returns:

            The ID of the message; ``None`` if it isn't known yet.

        Raises:

            StoreError: The store failed.
        """
        row = {"channel": channel, "part": part, "message": None, "state": state, "at": at}
        key = {"this_channel": channel, "this_part": part, "rank": state.rank, "new_state": state}
        with self._database.write() as connection:
            for statement, values in (
                (_DROP_UNKNOWN_PARTS, {"oldest": at - UNKNOWN_KEPT}),
                (_ADD_PART, row),
                (_STRENGTHEN_PART, key),
            ):
                run(connection, statement, [values])
            query = select(message_parts.c.message).where(
                message_parts.c.channel == channel, message_parts.c.part == part
            )
            return connection.scalar(query)

    def note_asked(self, ids: Collection[str], next_ask_at: datetime, /) -> None:
        """Note that gateways were asked about these messages, and when they are asked again.

        Raises:

            StoreError: The store failed.
        """
        self._schedule(_NOTE_ASKED, ids, next_ask_at)

    def put_off(self, ids: Collection[str], next_ask_at: datetime, /) -> None:
        """Note when gateways are asked about these messages, about which they could not be asked now.

        Raises:

            StoreError: The store failed.
        """
        self._schedule(_PUT_OFF, ids, next_ask_at)

    def _schedule(self, change: Update, ids: Collection[str], next_ask_at: datetime) -> None:
        if ids:
            with self._database.write() as connection:
                rows = [{"this": delivery_id, "new_next_ask_at": next_ask_at} for delivery_id in ids]
                run(connection, change, rows)

    def _found(self, query: Select[Any]) -> list[PasswordDelivery]:
        return [_delivery(row) for row in self._reader.all(query)]


def _awaited() -> Select[Any]:
    query = select(deliveries).where(OPEN_MESSAGES, deliveries.c.deadline.is_not(None))
    return query.order_by(deliveries.c.deadline, deliveries.c.id)


def _delivery(row: StoredRow[Any]) -> PasswordDelivery:
    return PasswordDelivery(**row._asdict())
