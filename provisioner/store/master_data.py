"""Units and persons that lists bring: the rows that change, and the event of each change, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime

import attrs
from sqlalchemy import Connection, and_, bindparam, or_, select, update

from provisioner.core.api.errors import BusyError
from provisioner.core.api.events import Event
from provisioner.core.engine.master_data import number_confirmed, person_event, unit_event, unit_removed
from provisioner.core.model import AccountKind, AccountState, Person, Unit
from provisioner.core.model.mobile import MobileMark
from provisioner.spool import Spool
from provisioner.store import schedule
from provisioner.store.audit.canonical import canonical
from provisioner.store.audit.chain import AuditLogWriter
from provisioner.store.db.chunks import chunks
from provisioner.store.db.prepared import run
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import accounts, operations, persons, units
from provisioner.store.db.transaction import DriverTransaction
from provisioner.store.known_persons import persons_among
from provisioner.store.tree import require_tree

_UNITS = select(units)
_PUT_UNIT = put(units)
_REMOVE = update(units).where(units.c.code.in_(bindparam("codes", expanding=True))).values(removed_at=bindparam("at"))
_LOGINS = select(accounts.c.unit, accounts.c.login).where(
    accounts.c.kind == AccountKind.UNIT, accounts.c.unit.in_(bindparam("codes", expanding=True))
)
#: The accounts of units that are open, or have an unfinished operation.
_IN_USE = (
    select(accounts.c.login)
    .outerjoin(operations, and_(operations.c.login == accounts.c.login, operations.c.finished_at.is_(None)))
    .where(
        accounts.c.unit.in_(bindparam("codes", expanding=True)),
        or_(accounts.c.state.in_([AccountState.OPEN, AccountState.INCOMPLETE]), operations.c.id.is_not(None)),
    )
)
_PUT_PERSON = put(persons)


@attrs.frozen
class ListedEvents:
    """The events of a list. They are made again when they are asked for, because all of them need much memory.

    Args:

        make: Makes the events, always the same ones.
    """

    make: Callable[[], Iterator[Event]]

    def __iter__(self) -> Iterator[Event]:
        """Yield the events in the order of the list."""
        return self.make()


def save_units(connection: Connection, given: Mapping[str, Unit], *, at: datetime, actor: str) -> Iterable[Event]:
    """Write those of these units that are new or changed, and return what is in the audit log of it.

    Args:

        connection: One on which a writing transaction has begun.

        given: The units, by code.

        at: When they change.

        actor: Who changes them.

    Raises:

        StoreError: A parent does not exist, or a unit would be above itself.
    """
    known = {row.code: Unit(**row._asdict()) for row in connection.execute(_UNITS)}
    changed = [unit for code, unit in given.items() if known.get(code) != unit]
    if not changed:
        return ()
    run(connection, _PUT_UNIT, map(as_row, changed))
    before = {unit.code: known[unit.code] for unit in changed if unit.code in known and not known[unit.code].removed_at}
    if any(_situation(known_unit) != _situation(given[code]) for code, known_unit in before.items()):
        connection.execute(schedule.FORGET)
    require_tree({code: unit.parent for code, unit in (known | dict(given)).items() if not unit.removed_at})
    logins = _logins(connection, before)

    def event(unit: Unit) -> Event:
        login = logins.get(unit.code, "")
        return unit_event(before.get(unit.code), unit, at=at, actor=actor, login=login)

    return _recorded(connection, ListedEvents(lambda: map(event, changed)))


def remove_units(connection: Connection, codes: Collection[str], *, at: datetime, actor: str) -> Iterable[Event]:
    """Mark units as removed, and return what is in the audit log of it.

    Args:

        connection: One on which a writing transaction has begun.

        codes: The codes of the units.

        at: When they are removed.

        actor: Who removes them.

    Raises:

        BusyError: A unit has an account in use, or a unit below it.
    """
    known = {row.code: Unit(**row._asdict()) for row in connection.execute(_UNITS) if row.removed_at is None}
    removed = {code: known[code] for code in codes if code in known}
    has_more_below = any(unit.parent in removed and code not in removed for code, unit in known.items())
    if has_more_below or any(connection.execute(_IN_USE, {"codes": chunk}).first() for chunk in chunks(removed)):
        raise BusyError("a unit was changed at the same time", cure="run the command again")
    for chunk in chunks(removed):
        connection.execute(_REMOVE, {"codes": chunk, "at": at})
    logins = _logins(connection, removed)

    def event(unit: Unit) -> Event:
        return unit_removed(unit, at=at, actor=actor, login=logins.get(unit.code, ""))

    return _recorded(connection, ListedEvents(lambda: map(event, removed.values())))


def save_persons(
    connection: Connection, given: Collection[Person], *, at: datetime, actor: str, mark: MobileMark
) -> Iterable[Event]:
    """Write those of these persons who are new or changed, and return what is in the audit log of it.

    They are compared and written page by page, so that memory doesn't depend on their number. A confirmation is for one
    number, and comes only from :func:`confirm_number`.

    Args:

        connection: One on which a writing transaction has begun.

        given: The persons, each once.

        at: When they change.

        actor: Who changes them.

        mark: Returns the mark of a mobile number.

    Raises:

        StoreError: A number cannot be marked.
    """
    audit_log = AuditLogWriter(DriverTransaction(connection))
    known = Spool[Person | None]()

    def event(change: tuple[Person | None, Person]) -> Event:
        before, after = change
        return person_event(before, after, at=at, actor=actor, mark=mark)

    for page in chunks(given):
        found = {person.id: person for person in persons_among(connection, [person.id for person in page])}
        before = [found.get(person.id) for person in page]
        known.extend(before)
        changes = list(_changes(before, page))
        run(connection, _PUT_PERSON, [as_row(after) for _, after in changes])
        _record(audit_log, map(event, changes))
    return ListedEvents(lambda: map(event, _changes(known, given)))


def _changes(known: Iterable[Person | None], given: Iterable[Person]) -> Iterator[tuple[Person | None, Person]]:
    """Yield the persons who are new or changed, each after the known record of the same person."""
    for before, person in zip(known, given, strict=True):
        after = person.confirmed_as(before)
        if before != after:
            yield before, after


def confirm_number(
    connection: Connection, person: Person, *, at: datetime, actor: str, mark: MobileMark
) -> Iterable[Event]:
    """Write that the other mobile number of a person is confirmed, and return what is in the audit log of it.

    Args:

        connection: One on which a writing transaction has begun.

        person: The person as the actor knows the person.

        at: When it is confirmed.

        actor: Who confirms it.

        mark: Returns the mark of a mobile number.

    Raises:

        BusyError: The person is no longer as the actor knows the person.

        StoreError: A number cannot be marked.
    """
    if persons_among(connection, [person.id]) != [person]:
        raise BusyError("{person} was changed at the same time", cure="run the command again", person=person.id)
    confirmed = attrs.evolve(person, other_mobile_confirmed_by=actor, other_mobile_confirmed_at=at)
    run(connection, _PUT_PERSON, [as_row(confirmed)])
    return _recorded(connection, [number_confirmed(person, confirmed, at=at, actor=actor, mark=mark)])


def _situation(unit: Unit) -> tuple[str, str | None, str | None]:
    """Return what rules depend on: the kind and place select the rules, and some rules concern the custodian."""
    return unit.kind, unit.parent, unit.custodian


def _logins(connection: Connection, codes: Iterable[str]) -> Mapping[str, str]:
    """Return the logins of the accounts of these units, by code."""
    found = (row for chunk in chunks(codes) for row in connection.execute(_LOGINS, {"codes": chunk}))
    return {row.unit: row.login for row in found}


def _recorded(connection: Connection, events: Iterable[Event]) -> Iterable[Event]:
    audit_log = AuditLogWriter(DriverTransaction(connection))
    for chunk in chunks(events):
        _record(audit_log, chunk)
    return events


def _record(audit_log: AuditLogWriter, events: Iterable[Event]) -> None:
    for event in events:
        audit_log.add(event, canonical(event))
    audit_log.store()
