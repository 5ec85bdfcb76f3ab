"""Who may read personal data: the persons that it is about, officers and administrators of their unit (000 m.5/j)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import attrs

from provisioner.core.authority import Authority, Role
from provisioner.core.errors import DeniedError
from provisioner.core.forms import RequestForm
from provisioner.core.model import Account, Handover, Operation, OperationKind, Person, Unit
from provisioner.core.plan import POLICY_ACTOR
from provisioner.core.troubles import Trouble

#: What stands in the place of personal data.
MASK = "***"

#: For how many records rights are looked up at once.
_PAGE = 500

_READERS = frozenset({Role.OFFICER, Role.ADMINISTRATOR})


@attrs.frozen
class _Kind:
    """What is personal in one kind of record."""

    #: The fields that are masked.
    personal: tuple[str, ...]
    #: The fields that name the persons who may read all of it.
    parties: tuple[str, ...]
    #: The field with the code of the unit whose officers may read it.
    unit: str = "unit"


_KINDS: Mapping[type, _Kind] = {
    Unit: _Kind(("custodian",), ("custodian",), unit="code"),
    Account: _Kind(("holder",), ("holder",)),
    Person: _Kind(("name", "title", "mobile", "supervisor"), ("id",)),
    Handover: _Kind(
        ("outgoing", "outgoing_name", "incoming", "incoming_name", "actor", "reason"), ("outgoing", "incoming", "actor")
    ),
    RequestForm: _Kind(
        (
            "requester",
            "reason",
            "recipient",
            "approver",
            "approver_for",
            "remark",
            "mobile_confirmed_by",
            "officer",
            "officer_for",
            "archive",
            "archive_sha256",
        ),
        ("recipient", "approver", "approver_for", "mobile_confirmed_by", "officer", "officer_for"),
    ),
    Trouble: _Kind(("text", "reporter", "resolution"), ("reporter",)),
}

AnyT = TypeVar("AnyT")
RecordT = TypeVar("RecordT", Unit, Account, Person, Handover, RequestForm, Trouble)


@attrs.define(eq=False)
class Privacy:
    """Shows records to one person, with personal data masked where that person may not read it.

    Where authority is not enforced, everybody reads everything.

    Args:

        authority: Who has which role.

        viewer: The id of the person who reads.
    """

    _authority: Authority
    _viewer: str

    def shown(
        self, records: Iterable[RecordT], readers: Callable[[RecordT], Collection[str | None]] = lambda _: ()
    ) -> Iterator[RecordT]:
        """Yield records as the viewer may read them, in their order.

        Requesters read their own forms, without the receiver unless they chose the receiver themselves.

        Args:

            records: The records.

            readers: Returns further persons who may read all of a record.
        """
        if not self._authority.enforced:
            yield from records
            return
        for page in _pages(records):
            for record, may_read in zip(page, self._readable(page), strict=True):
                yield record if may_read or self._viewer in readers(record) else self._masked(record)

    def shown_operations(
        self, operations: Iterable[Operation], accounts: Callable[[Iterable[str]], Mapping[str, Account]]
    ) -> Iterator[Operation]:
        """Yield operations as the viewer may read them, in their order. What a policy does is personal to nobody.

        Args:

            operations: The operations.

            accounts: Returns the accounts with these logins, by login; their units decide.
        """
        if not self._authority.enforced:
            yield from operations
            return
        for page in _pages(operations):
            known = accounts(operation.login for operation in page)
            units = {login: account.unit for login, account in known.items()}
            covered = self._authority.covered(self._viewer, _READERS, set(units.values()))
            for operation in page:
                is_party = self._viewer in {operation.actor, operation.holder, operation.outgoing}
                may_read = is_party or units.get(operation.login) in covered
                by_policy = operation.actor.startswith(POLICY_ACTOR)
                yield operation if may_read or by_policy else _masked_operation(operation)

    def may_read(self, record: RecordT) -> bool:
        """Whether the viewer may read all of a record."""
        return self._readable([record])[0]

    def require(self, record: RecordT) -> None:
        """Make sure that the viewer may read all of a record.

        Raises:

            DeniedError: The viewer may not; the cure says who may.
        """
        if not self.may_read(record):
            able = self._authority.who(_READERS, getattr(record, _KINDS[type(record)].unit))
            raise DeniedError(
                "{person} may not read personal data here",
                cure="it can be read by {people}, and by the persons that it is about",
                person=self._viewer,
                people=self._authority.named(able),
            )

    def _readable(self, records: Collection[RecordT]) -> list[bool]:
        """Return for each record whether the viewer may read it; units are looked at once for all."""
        kinds = [_KINDS[type(record)] for record in records]
        codes = [getattr(record, kind.unit) for record, kind in zip(records, kinds, strict=True)]
        covered = self._authority.covered(self._viewer, _READERS, codes)
        return [
            code in covered or any(getattr(record, name) == self._viewer for name in kind.parties)
            for record, code, kind in zip(records, codes, kinds, strict=True)
        ]

    def _masked(self, record: RecordT) -> RecordT:
        personal: Collection[str] = _KINDS[type(record)].personal
        if isinstance(record, RequestForm) and record.requester == self._viewer:
            personal = () if record.kind is OperationKind.HANDOVER else ("recipient", "archive", "archive_sha256")
        masked: dict[str, Any] = {name: MASK for name in personal if getattr(record, name)}
        return attrs.evolve(record, **masked)


def _pages(records: Iterable[AnyT]) -> Iterator[Sequence[AnyT]]:
    rest = iter(records)
    while page := list(islice(rest, _PAGE)):
        yield page


def _masked_operation(operation: Operation) -> Operation:
    return attrs.evolve(operation, actor=MASK, reason=operation.reason and MASK)
