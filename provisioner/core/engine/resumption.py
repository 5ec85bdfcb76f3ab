"""Plans operations from the journal again, many with a few queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from provisioner.core.api.errors import InputError, Problem, TargetError
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.intents import Intent, unanswered, without_recipient
from provisioner.core.engine.people import LookUp, People
from provisioner.core.engine.placing import Placing
from provisioner.core.engine.plan import PlannedOperation, only_ends_sessions
from provisioner.core.engine.ports import Records
from provisioner.core.model import Operation, Unit
from provisioner.core.model.text import Text

#: What is known of nobody.
_NOBODY = LookUp(persons={})


@attrs.frozen(kw_only=True)
class Resumption:
    """Plans operations from the journal again, with the current people and accounts. It changes nothing.

    Args:

        records: The stored data.

        people: Looks up persons.

        placing: Determines where operations change accounts.
    """

    records: Records
    people: People
    placing: Placing

    def plan(self, operations: Sequence[Operation]) -> list[PlannedOperation | InputError | TargetError]:
        """Return each operation as planned, or why it can't continue now, in the same order.

        These errors are possible:

        - an ``InputError``: its account, unit or holder is no longer known, or the account belongs on no target
        - an ``UnsupportedError``: a target has no hook for it, and the configuration doesn't say so
        - another ``TargetError``: the personnel system can't be asked about the person

        Args:

            operations: The operations.

        Raises:

            StoreError: The store can't be read.
        """
        intents = self._intents(operations)
        known = [operation for operation in operations if operation.id in intents]
        people = self.people.look_up(_concerned(known))
        marks = self.records.marks.get_many([operation.login for operation in known])
        found: list[PlannedOperation | InputError | TargetError] = []
        for operation in operations:
            intent = intents.get(operation.id)
            if intent is None:
                found.append(_wrong(operation, Text("{login} is unknown", {"login": operation.login})))
                continue
            planned = self._planned(operation, intent, people)
            if isinstance(planned, PlannedOperation):
                planned = attrs.evolve(planned, marks=tuple(marks.get(operation.login, ())))
            found.append(planned)
        return found

    def with_current_people(
        self, work: Sequence[PlannedOperation]
    ) -> list[PlannedOperation | InputError | TargetError]:
        """Return planned operations with their people as they are now, or why they can't be begun now.

        Everything else stays as it was planned. The same errors are possible as for :meth:`plan` about people.

        Args:

            work: The operations.

        Raises:

            StoreError: The store can't be read.
        """
        people = self.people.look_up(_concerned([planned.operation for planned in work]))
        return [_known(planned, people) for planned in work]

    def _intents(self, operations: Sequence[Operation]) -> Mapping[str, Intent]:
        """Return what each operation wants, by its ID, if its account and unit are known."""
        accounts = self.records.accounts.get_many([operation.login for operation in operations])
        units = self.records.units.get_many({account.unit for account in accounts.values()})
        intents = {
            operation.id: Intent(operation.kind, account, unit, operation.holder, again=True)
            for operation in operations
            if (account := accounts.get(operation.login)) and (unit := units.get(account.unit))
        }
        return dict(zip(intents, self.placing.place([*intents.values()]), strict=True))

    def _planned(
        self, operation: Operation, intent: Intent, people: LookUp
    ) -> PlannedOperation | InputError | TargetError:
        if only_ends_sessions(operation):
            people = _NOBODY
        elif error := self._obstacle(operation, intent, people):
            return error
        return attrs.evolve(intent.planned(operation, people), recorded=True, resumed=True, unit_moves=True)

    def _obstacle(self, operation: Operation, intent: Intent, people: LookUp) -> InputError | TargetError | None:
        """Return why an operation can't be carried out to its end."""
        if error := _unreached(operation, intent.unit, people):
            return error
        if KINDS[operation.kind].delivers and not intent.place.targets:
            return _wrong(operation, Text("it belongs on no target"))
        return self.placing.lacks(operation.kind, intent.place)


def _known(work: PlannedOperation, people: LookUp) -> PlannedOperation | InputError | TargetError:
    """Return a planned operation with these people. Of a person who hands over, what was known is enough."""
    operation = work.operation
    if only_ends_sessions(operation):
        return work
    if error := _unreached(operation, work.unit, people):
        return error
    outgoing = people.persons.get(operation.outgoing or "", work.outgoing)
    return attrs.evolve(work, holder=people.persons.get(operation.holder or ""), outgoing=outgoing)


def _unreached(operation: Operation, unit: Unit, people: LookUp) -> InputError | TargetError | None:
    """Return why nobody can receive the password of an operation."""
    if error := unanswered(operation, people):
        return error
    problem = without_recipient(operation, unit, people)
    return InputError([problem]) if problem else None


def _wrong(operation: Operation, message: Text) -> InputError:
    return InputError([Problem(subject=operation.login, field="login", message=message)])


def _concerned(operations: Iterable[Operation]) -> set[str]:
    """Return the IDs of the persons who have to be known."""
    needed = [operation for operation in operations if not only_ends_sessions(operation)]
    return {person for operation in needed for person in (operation.holder, operation.outgoing) if person}
