"""Who may do what: roles that are bound to units, permanently or by delegation (001 ¶4; 003 m.10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

import attrs

from provisioner.core.api.errors import Denial, DeniedError
from provisioner.core.api.events import Event, OperationPlanned
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.kinds import KINDS, OfficerRight
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.engine.plan import is_service
from provisioner.core.governance.access_requests import RequestState
from provisioner.core.governance.ports import AuthorityRecords
from provisioner.core.governance.read_once import RecordsReadOnce
from provisioner.core.governance.roles import ActedForAnother, EffectiveRole, Role, RoleAssignment
from provisioner.core.model import Operation, Unit
from provisioner.core.model.text import Text
from provisioner.core.model.unit_paths import covering

#: The maximum number of persons that a denial names.
NAMED = 10


#: The roles that may import units.
_WRITERS = frozenset({Role.OFFICER, Role.ADMINISTRATOR})


#: Gives the roles of a person.
GrantsOf = Callable[[str], Sequence[RoleAssignment]]


@attrs.define(eq=False, kw_only=True)
class Authority:
    """Decides who may do what.

    Args:

        records: The stored data.

        administrators: The IDs of the administrators in the configuration.

        enforced: Whether anything is denied.

        now: The clock.
    """

    records: AuthorityRecords
    administrators: Collection[str] = ()
    enforced: bool = True
    now: Callable[[], datetime]

    def at_one_moment(self) -> Authority:
        """Return the same authority for many questions about one moment: it reads each role and place once."""
        return attrs.evolve(self, records=RecordsReadOnce(self.records))

    @hookimpl
    def operation_authorize(self, request: AuthorizeOperation) -> Denial | None:
        """Allow officers to work in their units, administrators everywhere, and policies to apply their rules."""
        if request.by_policy or self._may_everything(request.actor):
            return None
        path = self._path_of(request.unit)
        if self._standing(request.actor, {Role.ADMINISTRATOR}, path, request.at):
            return None
        if KINDS[request.kind].officer is OfficerRight.NEVER:
            return self._not_deletable(path)
        if not self._standing(request.actor, {Role.OFFICER}, path, request.at):
            return self._not_an_officer(request, path)
        return self._without_form(request, path) if self._needs_form(request) else None

    def effective_role(self, person: str, roles: Collection[Role], unit: str | None = None) -> EffectiveRole | None:
        """Return the role by which a person has one of these roles now; the person's own role comes first.

        Args:

            person: The ID of the person.

            roles: One of these is sufficient.

            unit: The code of the unit; ``None`` if the role has to apply to all units.
        """
        return self._standing(person, roles, self._path(unit), self.now())

    def delegates(self, person: str, delegator: str, role: Role, unit: str | None) -> bool:
        """Whether a person may act for this delegator now, if the delegator may act."""
        path, at = self._path(unit), self.now()
        return any(
            grant.delegator == delegator and grant.role is role and grant.holds(at) and grant.covers(path)
            for grant in self.records.role_assignments.of(person)
        )

    def covered(self, person: str, roles: Collection[Role], units: Iterable[str | None]) -> Collection[str | None]:
        """Return the units for which a person has one of these roles now, or is an administrator.

        ``None`` means all units. The roles are read once, and each unit above is read once.
        """
        codes = set(units)
        if self._may_everything(person):
            return codes
        at, grants_of = self.now(), cache(self.records.role_assignments.of)
        if not grants_of(person):
            return set()
        has_role = cache(lambda path: self._standing(person, roles, path, at, grants_of) is not None)
        known = self.records.units.get_many(code for code in codes if code)
        paths = covering(known, self.records.units, _units_of_rights(person, grants_of))
        return {code for code in codes if has_role(paths.get(code or "", frozenset()))}

    def tops(self, person: str, roles: Collection[Role]) -> Collection[str] | None:
        """Return the units at or below which a person can have one of these roles now; ``None`` if it can be any unit.

        A delegate may have the role for fewer units than these, so this only narrows what is asked of a store.
        """
        if not self.enforced or (Role.ADMINISTRATOR in roles and person in self.administrators):
            return None
        at = self.now()
        held = {
            assignment.unit
            for assignment in self.records.role_assignments.of(person)
            if assignment.role in roles and assignment.holds(at)
        }
        return None if None in held else {code for code in held if code}

    def delegators(self, person: str, role: Role) -> Collection[str]:
        """Return for whom a person may act in a role now, in any unit, if the delegators may act."""
        at, held = self.now(), self.records.role_assignments.of(person)
        return {
            assignment.delegator
            for assignment in held
            if assignment.delegator and assignment.role is role and assignment.holds(at)
        }

    def acts_for(self, person: str, delegator: str) -> bool:
        """Whether a person may act for this delegator now, in any role.

        A service acts for those who have created a token for it: any of them may have kept it.
        """
        at = self.now()
        return delegator in self.users_of(person) or any(
            grant.delegator == delegator and grant.holds(at) for grant in self.records.role_assignments.of(person)
        )

    def users_of(self, actor: str) -> Collection[str]:
        """Return who may act as a service, because they have created a token for it. Nobody may act as a person."""
        return {token.created_by for token in self.records.tokens.of(actor)} if is_service(actor) else ()

    def are_linked(self, person: str, other: str) -> bool:
        """Whether two IDs belong to one person, or one of the two may act for the other now, in any role."""
        return person == other or self.acts_for(person, other) or self.acts_for(other, person)

    def has_any(self, person: str, roles: Collection[Role]) -> bool:
        """Whether a person has one of these roles now, or is an administrator, for any unit."""
        wanted, at = {*roles, Role.ADMINISTRATOR}, self.now()
        held = self.records.role_assignments.of(person) if not self._may_everything(person) else ()
        return self._may_everything(person) or any(grant.role in wanted and grant.holds(at) for grant in held)

    def require(self, person: str, roles: Collection[Role], unit: str | None = None) -> EffectiveRole | None:
        """Check that a person has one of these roles, or is an administrator.

        Returns:

            The role by which the person acts; ``None`` if authority is not enforced.

        Raises:

            DeniedError: The person has no such role; the cure names who has.
        """
        wanted = {*roles, Role.ADMINISTRATOR}
        effective_role = self.effective_role(person, wanted, unit)
        if effective_role or not self.enforced:
            return effective_role
        raise DeniedError(
            "{person} may not do this",
            cure="it can be done by {people}",
            person=person,
            people=self.named(self._who(wanted, self._path(unit))),
        )

    def require_own(self, person: str, role: Role, unit: str | None = None) -> None:
        """Check that a person has a role that is not delegated, or is an administrator.

        Raises:

            DeniedError: The person has no such role, or acts only for a delegator, who could do it.
        """
        effective_role = self.require(person, {role}, unit)
        if effective_role and effective_role.delegator:
            raise DeniedError(
                "{person} does not have this role, or has it by delegation only",
                cure="it can be done by {people}",
                person=person,
                people=self.named([effective_role.delegator]),
            )

    def require_delegable(self, role: Role, delegator: str, unit: str | None = None) -> None:
        """Check that a role can be delegated: that the delegator has it, and not by delegation.

        A supervisor needs no role, because the personnel system names the supervisors.

        Raises:

            DeniedError: The delegator has not; the cure says who has.
        """
        own = role is Role.SUPERVISOR or self._has_own(
            delegator, role, self._path(unit), self.now(), self.records.role_assignments.of
        )
        if self.enforced and not own:
            raise DeniedError(
                "{person} does not have this role, or has it by delegation only",
                cure="it can be delegated by {people}",
                person=delegator,
                people=", ".join(self.who({role}, unit)) or "-",
            )

    def require_for_units(self, person: str, units: Iterable[Unit]) -> None:
        """Check that a person may import these units, at their old and their new position.

        The roles are read once, and each unit above is read once, for any number of units.

        Raises:

            DeniedError: The person is not an officer there; the cure names who is.
        """
        if self._may_everything(person):
            return
        listed = {unit.code: unit for unit in units}
        at, grants_of = self.now(), cache(self.records.role_assignments.of)
        may_write = cache(lambda path: self._standing(person, _WRITERS, path, at, grants_of) is not None)
        for code, path in covering(listed, self.records.units, _units_of_rights(person, grants_of)).items():
            if not may_write(path):
                every_unit = {grant.unit for grant in self.records.role_assignments.all()}
                able = self._who(_WRITERS, covering(listed, self.records.units, every_unit)[code])
                raise DeniedError(
                    "{person} is not an officer of {unit} or of a unit above it",
                    cure="it can be done by {people}",
                    person=person,
                    unit=code,
                    people=self.named(able),
                )

    def accountable(self, events: Iterable[Event]) -> list[Event]:
        """Return an additional event for each operation among *events* that a delegate requested."""
        found: list[Event] = []
        delegated: dict[str, bool] = {}
        for event in events:
            if isinstance(event, OperationPlanned) and self._has_delegated_rights(event.actor, delegated):
                effective_role = self.effective_role(event.actor, _roles_for(event.operation), event.account.unit)
                if effective_role and effective_role.delegator:
                    found.append(_acted(event, effective_role.delegator))
        return found

    def who(self, roles: Collection[Role], unit: str | None = None) -> list[str]:
        """Return the IDs of the persons who have one of these roles now, administrators of the configuration last."""
        return self._who(roles, self._path(unit))

    def _needs_form(self, request: AuthorizeOperation) -> bool:
        """Whether an officer needs an access request: for every new password of an account that was open."""
        match KINDS[request.kind].officer:
            case OfficerRight.WITH_REQUEST:
                return True
            case OfficerRight.WITH_REQUEST_ONCE_OPENED:
                return request.account.opened_at is not None
            case OfficerRight.WITH_REQUEST_UNLESS_CUSTODIAN:
                return not self._follows_custodian(request)
            case _:
                return False

    def _follows_custodian(self, request: AuthorizeOperation) -> bool:
        """Whether a handover only follows a custodian that another person has named in the unit's data."""
        if request.incoming != request.unit.custodian or request.incoming == request.account.holder:
            return False
        named_by = self.records.units.custodian_named_by(request.account.login)
        return named_by is not None and not self.are_linked(request.actor, named_by)

    def _may_everything(self, person: str) -> bool:
        """Whether no role has to be looked up: a list may have thousands of units."""
        return not self.enforced or person in self.administrators

    def _has_delegated_rights(self, person: str, known: dict[str, bool]) -> bool:
        if person not in known:
            known[person] = any(grant.delegator for grant in self.records.role_assignments.of(person))
        return known[person]

    def _standing(
        self, person: str, roles: Collection[Role], path: Collection[str], at: datetime, of: GrantsOf | None = None
    ) -> EffectiveRole | None:
        """Return the role by which a person has one of these roles.

        Args:

            person: The ID of the person.

            roles: One of these is sufficient.

            path: The codes of the unit and of those above it.

            at: The time.

            of: Returns the roles of a person; by default, from the records.
        """
        grants_of = of or self.records.role_assignments.of
        if Role.ADMINISTRATOR in roles and person in self.administrators:
            return EffectiveRole(role=Role.ADMINISTRATOR)
        fitting = [
            grant for grant in grants_of(person) if grant.role in roles and grant.holds(at) and grant.covers(path)
        ]
        for grant in sorted(fitting, key=lambda assignment: assignment.delegator is not None):
            if grant.delegator is None or self._has_own(grant.delegator, grant.role, path, at, grants_of):
                return EffectiveRole(role=grant.role, delegator=grant.delegator)
        return None

    def _has_own(self, person: str, role: Role, path: Collection[str], at: datetime, grants_of: GrantsOf) -> bool:
        """Whether a person has a role that is not delegated. Delegated roles can't be delegated again."""
        if role is Role.ADMINISTRATOR and person in self.administrators:
            return True
        return any(
            grant.role is role and grant.delegator is None and grant.holds(at) and grant.covers(path)
            for grant in grants_of(person)
        )

    def _without_form(self, request: AuthorizeOperation, path: Collection[str]) -> Denial | None:
        values = {"kind": request.kind.value, "login": request.account.login, "request": request.request}
        if request.request is None:
            values |= {"people": self.named(self._who({Role.ADMINISTRATOR}, path)), "incoming": request.incoming}
            return Denial(reason=Text("'{kind}' needs an approved access request", values), cure=_ask(values))
        access_request = self.records.access_requests.get(request.request)
        fitting = access_request and (access_request.kind, access_request.login) == (
            request.kind,
            request.account.login,
        )
        if access_request and request.incoming:
            fitting = fitting and access_request.recipient == request.incoming
        if access_request and fitting and access_request.state in {RequestState.APPROVED, RequestState.EXECUTING}:
            return None
        return Denial(
            reason=Text("access request {request} does not allow '{kind}' of {login} now", values),
            cure=Text("run 'provisioner request show {request}'", values),
        )

    def _not_an_officer(self, request: AuthorizeOperation, path: Collection[str]) -> Denial:
        values = {"person": request.actor, "unit": request.unit.code}
        people = self.named(self._who({Role.OFFICER, Role.ADMINISTRATOR}, path))
        return Denial(
            reason=Text("{person} is not an officer of {unit} or of a unit above it", values),
            cure=Text("it can be done by {people}", {"people": people}),
        )

    def _not_deletable(self, path: Collection[str]) -> Denial:
        people = self.named(self._who({Role.ADMINISTRATOR}, path))
        return Denial(
            reason=Text("only a retention rule or an administrator may delete"),
            cure=Text("it can be done by {people}", {"people": people}),
        )

    def _who(self, roles: Collection[Role], path: Collection[str]) -> list[str]:
        held: dict[str, list[RoleAssignment]] = defaultdict(list)
        for grant in self.records.role_assignments.all():
            held[grant.person].append(grant)
        at = self.now()
        able = [
            holder for holder in held if self._standing(holder, roles, path, at, lambda person: held.get(person, ()))
        ]
        more = self.administrators if Role.ADMINISTRATOR in roles else ()
        return list(dict.fromkeys([*able, *more]))

    def named(self, ids: Sequence[str]) -> str:
        """Return people in the notation of messages."""
        shown = ids[:NAMED]
        known = self.records.persons.get_many(shown)
        return ", ".join(f"{known[person].name} ({person})" if person in known else person for person in shown) or "-"

    def _path_of(self, unit: Unit) -> Collection[str]:
        """Return the codes of a unit and of those above it; if it is new or moved, above both positions."""
        stored = self.records.units.path(unit.code)
        if stored and stored[-1].parent == unit.parent:
            return {unit.code for unit in stored}
        above = self._path(unit.parent)
        return {unit.code for unit in stored[:-1] if unit.code in above} if stored else above

    def _path(self, code: str | None) -> Collection[str]:
        return {unit.code for unit in self.records.units.path(code)} if code else frozenset()


def _roles_for(operation: Operation) -> Collection[Role]:
    """Return the roles that allow an operation that a person requests; one is sufficient."""
    right = KINDS[operation.kind].officer
    without_form = right is OfficerRight.WITH_REQUEST and operation.request is None
    if without_form or right is OfficerRight.NEVER:
        return {Role.ADMINISTRATOR}
    return {Role.OFFICER, Role.ADMINISTRATOR}


def _units_of_rights(person: str, grants_of: GrantsOf) -> set[str | None]:
    """Return the units for which a person, or one of the person's delegators, has a role."""
    behind = {grant.delegator for grant in grants_of(person) if grant.delegator}
    return {grant.unit for holder in (person, *behind) for grant in grants_of(holder)}


def _ask(values: Mapping[str, object]) -> Text:
    """Return how to submit an access request, and who needs none."""
    if values["incoming"]:
        return Text(
            "run 'provisioner request submit {login} --kind {kind} --to {incoming}'; without a request it "
            "can be done by {people}",
            values,
        )
    return Text(
        "run 'provisioner request submit {login} --kind {kind}'; without a request it can be done by {people}", values
    )


def _acted(event: OperationPlanned, delegator: str) -> ActedForAnother:
    return ActedForAnother(
        at=event.at, actor=event.actor, login=event.login, operation_id=event.operation_id, delegator=delegator
    )
