"""Who may read personal data: the persons whom it concerns, and the officers and administrators of their unit (000
m.5/j).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from provisioner.core.api.errors import DeniedError, ProvisionerError, StoreError
from provisioner.core.api.messages import AttributeChange
from provisioner.core.engine.limits import HeldRun
from provisioner.core.engine.plan import POLICY_ACTOR
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.incidents import Incident
from provisioner.core.governance.roles import Role
from provisioner.core.model import (
    Account,
    Handover,
    Operation,
    OperationKind,
    PasswordDelivery,
    Person,
    StepError,
    Unit,
)
from provisioner.core.model.text import Text, Texts

if TYPE_CHECKING:
    from provisioner.core.engine.preview import Preview
    from provisioner.core.policy.notice_messages import Notice
    from provisioner.core.policy.policy_run import Refusal

#: Replaces personal data.
MASK = "***"

#: The number of records for which roles are looked up together.
_PAGE = 500

#: The roles whose holders may read personal data.
READERS = frozenset({Role.OFFICER, Role.ADMINISTRATOR})


@attrs.frozen
class _Kind:
    """The personal data in one kind of record."""

    #: The fields that are masked.
    personal: tuple[str, ...]
    #: The fields with the persons who may read the whole record.
    parties: tuple[str, ...]
    #: The field with the code of the unit whose officers may read it.
    unit: str = "unit"


_KINDS: Mapping[type, _Kind] = {
    Unit: _Kind(("custodian",), ("custodian",), unit="code"),
    Account: _Kind(("holder",), ("holder",)),
    Person: _Kind(("name", "title", "mobile", "supervisor", "other_mobile", "other_mobile_confirmed_by"), ("id",)),
    Handover: _Kind(
        ("outgoing", "outgoing_name", "incoming", "incoming_name", "actor", "reason"), ("outgoing", "incoming", "actor")
    ),
    AccessRequest: _Kind(
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
    Incident: _Kind(("text", "reporter", "resolution"), ("reporter",)),
}

#: Returns the accounts with these logins, by login.
AccountsOf = Callable[[Iterable[str]], Mapping[str, Account]]

AnyT = TypeVar("AnyT")
RecordT = TypeVar("RecordT", Unit, Account, Person, Handover, AccessRequest, Incident)


@attrs.define(eq=False)
class Privacy:
    """Masks personal data in records that one person reads, if that person may not read it.

    If authority is not enforced, nothing is masked. An object is for one answer: it asks once for each unit whether the
    viewer may read there, however many records there are.

    Args:

        authority: Knows the roles.

        viewer: The ID of the person who reads.
    """

    _authority: Authority
    _viewer: str
    #: Whether the viewer may read there, by unit.
    _covered: dict[str | None, bool] = attrs.field(factory=dict, init=False)

    def shown(
        self, records: Iterable[RecordT], readers: Callable[[RecordT], Collection[str | None]] = lambda _: ()
    ) -> Iterator[RecordT]:
        """Yield records with masked data, in their order.

        Requesters read their own access requests, without the receiver unless they chose the receiver themselves.

        Args:

            records: The records.

            readers: Returns further persons who may read a whole record.
        """
        if not self._authority.enforced:
            yield from records
            return
        for page in _pages(records):
            for record, may_read in zip(page, self._readable(page), strict=True):
                yield record if may_read or self._viewer in readers(record) else self._masked(record)

    def shown_operations(self, operations: Iterable[Operation], accounts: AccountsOf) -> Iterator[Operation]:
        """Yield operations with masked data, in their order. What a policy does is not personal data.

        Args:

            operations: The operations.

            accounts: Returns the accounts with these logins, by login; their units determine who may read.
        """
        if not self._authority.enforced:
            yield from operations
            return
        for page in _pages(operations):
            readable = self._readable_logins((operation.login for operation in page), accounts)
            for operation in page:
                is_party = self._viewer in {operation.actor, operation.holder, operation.outgoing}
                yield operation if is_party or operation.login in readable else _masked_operation(operation)

    def shown_run(self, run: HeldRun, units: Collection[str | None]) -> HeldRun:
        """Return a held run, with its actor if the viewer may read all of its operations.

        Args:

            run: The run.

            units: The units of its accounts, which determine who may read.
        """
        if _is_policy(run.actor) or self.may_read_run(run, units):
            return run
        return attrs.evolve(run, actor=MASK, reason=run.reason and MASK)

    def may_read_run(self, run: HeldRun, units: Collection[str | None]) -> bool:
        """Whether the viewer may read all of a held run: who started it, or who may read each of its accounts.

        Args:

            run: The run.

            units: The units of its accounts. ``None`` is for an account that isn't known: it counts as one of any unit.
        """
        if not self._authority.enforced or run.actor == self._viewer:
            return True
        wanted = set(units) or {None}
        try:
            return wanted <= set(self._authority.covered(self._viewer, READERS, wanted))
        except StoreError:
            return False

    def shown_foreseen(
        self, previews: Iterable[Preview], operations: Iterable[Operation], accounts: AccountsOf
    ) -> Iterator[Preview]:
        """Yield the previews of attributes, without their values if the viewer may not read the operation.

        Args:

            previews: The previews.

            operations: The operations that they concern.

            accounts: Returns the accounts with these logins, by login; their units determine who may read.
        """
        shown = self.shown_operations(operations, accounts)
        hidden = {operation.login for operation in shown if operation.actor == MASK}
        for change in previews:
            yield attrs.evolve(change, changes=_masked_changes(change)) if change.login in hidden else change

    def shown_notices(self, notices: Iterable[Notice], accounts: AccountsOf) -> Iterator[Notice]:
        """Yield notices, without their recipients if the viewer may not read them.

        Args:

            notices: The notices. Notices that concern no account are for administrators and their recipients.

            accounts: Returns the accounts with these logins, by login; their units determine who may read.
        """
        given = list(notices)
        readable = self._readable_logins((notice.login for notice in given), accounts)
        for notice in given:
            recipient = notice.recipient
            if recipient is None or recipient == self._viewer or notice.login in readable:
                yield notice
            else:
                error = notice.error and _masked_failure(notice.error, {recipient})
                yield attrs.evolve(notice, recipient=MASK, error=error)

    def shown_deliveries(
        self, deliveries: Iterable[PasswordDelivery], accounts: AccountsOf
    ) -> Iterator[PasswordDelivery]:
        """Yield messages with passwords, without their receivers if the viewer may not read who holds the account.

        Args:

            deliveries: The messages.

            accounts: Returns the accounts with these logins, by login; their units determine who may read.
        """
        given = list(deliveries)
        readable = self._readable_logins((delivery.login for delivery in given), accounts)
        for delivery in given:
            is_shown = delivery.person == self._viewer or delivery.login in readable
            yield delivery if is_shown else attrs.evolve(delivery, person=MASK)

    def shown_refusals(self, refusals: Iterable[Refusal], accounts: AccountsOf) -> Iterator[Refusal]:
        """Yield refusals of a policy. If the viewer may not read who holds the account, the reasons don't show it.

        Args:

            refusals: The refusals.

            accounts: Returns the accounts with these logins, by login; their units determine who may read.
        """
        given = list(refusals)
        readable = self._readable_logins((refusal.login for refusal in given), accounts)
        for refusal in given:
            hidden = {refusal.holder} - {self._viewer}
            is_shown = refusal.login in readable
            yield refusal if is_shown else attrs.evolve(refusal, reason=_masked_text(refusal.reason, hidden))

    def readable(self, records: Iterable[RecordT]) -> Iterator[RecordT]:
        """Yield the records that the viewer may read as a whole, in their order."""
        for page in _pages(records):
            yield from (record for record, may_read in zip(page, self._readable(page), strict=True) if may_read)

    def may_read(self, record: RecordT) -> bool:
        """Whether the viewer may read the whole record."""
        return self._readable([record])[0]

    def require(self, record: RecordT) -> None:
        """Check that the viewer may read the whole record.

        Raises:

            DeniedError: The viewer may not; the cure names who may.
        """
        if not self.may_read(record):
            able = self._authority.who(READERS, getattr(record, _KINDS[type(record)].unit))
            raise DeniedError(
                "{person} may not read personal data here",
                cure="it can be read by {people}, and by the persons whom it concerns",
                person=self._viewer,
                people=self._authority.named(able),
            )

    def denied(self, error: DeniedError, access_request: AccessRequest) -> DeniedError:
        """Return why something can't be done with an access request, as the viewer may read it.

        The error names the persons who are involved, so those who may not read the request are told less.
        """
        if access_request.requester == self._viewer or self.may_read(access_request):
            return error
        return DeniedError("you have no part in this request")

    def person(self, person_id: str, find: Callable[[str], Person | None]) -> Person | None:
        """Return a person whose data the viewer may read; ``None`` if the ID is unknown.

        A viewer who may not read the data gets the same answer whether the person exists or not, and nobody is looked
        up for a viewer without any role.

        Args:

            person_id: The ID.

            find: Returns the person with an ID, if known.

        Raises:

            DeniedError: The viewer may not read it, or the ID is unknown, which the error doesn't reveal.
        """
        is_own = person_id == self._viewer
        if is_own or self._authority.has_any(self._viewer, READERS):
            person = find(person_id)
            if person and self.may_read(person):
                return person
            if person is None and (is_own or self._authority.covered(self._viewer, READERS, [None])):
                return None
        raise DeniedError(
            "{viewer} may not read the data of {person}, or person {person} is unknown",
            cure="it can be read by {people}, by officers of the person's unit, and by the person",
            viewer=self._viewer,
            person=person_id,
            people=self._authority.named(self._authority.who(READERS)),
        )

    def _readable(self, records: Collection[RecordT]) -> list[bool]:
        """Return for each record whether the viewer may read it; units are read once for all."""
        kinds = [_KINDS[type(record)] for record in records]
        codes = [getattr(record, kind.unit) for record, kind in zip(records, kinds, strict=True)]
        covered = self._covered_of(codes)
        return [
            code in covered or any(getattr(record, name) == self._viewer for name in kind.parties)
            for record, code, kind in zip(records, codes, kinds, strict=True)
        ]

    def _readable_logins(self, logins: Iterable[str], accounts: AccountsOf) -> Collection[str]:
        """Return the logins whose account the viewer may read; an empty login means all units.

        If an account can't be looked up, it may not be read: results are shown even if the store has failed meanwhile.
        """
        wanted = set(logins)
        if not self._authority.enforced:
            return wanted
        try:
            units: Mapping[str, str | None] = {login: one.unit for login, one in accounts(wanted - {""}).items()}
            units = {**units, "": None} if "" in wanted else units
            covered = self._covered_of(units.values())
        except StoreError:
            return ()
        return {login for login, unit in units.items() if unit in covered}

    def _covered_of(self, codes: Iterable[str | None]) -> Collection[str | None]:
        """Return those of these units in which the viewer may read."""
        wanted = set(codes)
        if unknown := wanted - self._covered.keys():
            covered = self._authority.covered(self._viewer, READERS, unknown)
            self._covered |= {code: code in covered for code in unknown}
        return {code for code in wanted if self._covered[code]}

    def _masked(self, record: RecordT) -> RecordT:
        personal: Collection[str] = _KINDS[type(record)].personal
        if isinstance(record, AccessRequest) and record.requester == self._viewer:
            personal = () if record.kind is OperationKind.HANDOVER else ("recipient", "archive", "archive_sha256")
        masked: dict[str, Any] = {name: MASK for name in personal if getattr(record, name)}
        return attrs.evolve(record, **masked)


def _pages(records: Iterable[AnyT]) -> Iterator[Sequence[AnyT]]:
    rest = iter(records)
    while page := list(islice(rest, _PAGE)):
        yield page


def _is_policy(actor: str) -> bool:
    return actor.startswith(POLICY_ACTOR)


def _masked_operation(operation: Operation) -> Operation:
    """Return an operation without the persons who are involved; a policy is not personal data."""
    by_policy = _is_policy(operation.actor)
    hidden = {operation.holder, operation.outgoing} | ({None} if by_policy else {operation.actor})
    steps = [attrs.evolve(step, error=_masked_error(step.error, hidden)) for step in operation.steps]
    masked = attrs.evolve(operation, error=_masked_error(operation.error, hidden), steps=tuple(steps))
    return masked if by_policy else attrs.evolve(masked, actor=MASK, reason=operation.reason and MASK)


def _masked_error(error: StepError | None, hidden: Collection[str | None]) -> StepError | None:
    if error is None:
        return None
    return attrs.evolve(error, message=_masked_text(error.message, hidden), cure=_masked_text(error.cure, hidden))


def _masked_failure(error: ProvisionerError, hidden: Collection[str | None]) -> ProvisionerError:
    masked = copy.copy(error)
    masked.text, masked.cure = _masked_text(error.text, hidden), _masked_text(error.cure, hidden)
    return masked


def _masked_text(text: Text, hidden: Collection[str | None]) -> Text:
    values = {name: _masked_value(value, hidden) for name, value in text.values.items()}
    return text.changed(lambda template: _masked_template(template, hidden), values)


def _masked_template(template: str, hidden: Collection[str | None]) -> str:
    """Return a template without these IDs; a plug-in may have written some into it."""
    pieces = [(_without(piece, hidden), name) for piece, name, *_ in Formatter().parse(template)]
    return "".join(_escaped(piece) + ("" if name is None else f"{{{name}}}") for piece, name in pieces)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _masked_value(value: object, hidden: Collection[str | None]) -> object:
    if isinstance(value, Text):
        return _masked_text(value, hidden)
    if isinstance(value, Texts):
        return Texts(_masked_text(line, hidden) for line in value)
    return _without(value, hidden) if isinstance(value, str) else value


def _masked_changes(previews: Preview) -> tuple[AttributeChange, ...]:
    return tuple(
        attrs.evolve(change, removes=_masks(change.removes), adds=_masks(change.adds), keeps=_masks(change.keeps))
        for change in previews.changes
    )


def _masks(values: Collection[str]) -> tuple[str, ...]:
    return (MASK,) * len(values)


def _without(text: str, hidden: Collection[str | None]) -> str:
    """Return a message without these IDs, wherever they are whole words."""
    ids = [re.escape(person) for person in hidden if person]
    return re.sub(rf"(?<!\w)(?:{'|'.join(ids)})(?!\w)", MASK, text) if ids else text
