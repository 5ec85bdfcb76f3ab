"""Separation of duties: nobody has two roles in one matter, alone or through a delegate (001 ¶4; 003 m.10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from provisioner.core.api.errors import Denial, DeniedError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.engine.plan import is_service
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model import Person, Unit
from provisioner.core.model.text import Text

_WORKERS = frozenset({Role.OFFICER, Role.ADMINISTRATOR})


@attrs.define(eq=False)
class SeparationOfDuties:
    """Denies what one person may not do alone, including administrators.

    Two persons count as one while one of them may act for the other, in any role.

    Args:

        authority: Knows the roles and delegations.
    """

    _authority: Authority

    @hookimpl
    def operation_authorize(self, request: AuthorizeOperation) -> Denial | None:
        """Deny the release of a run to its actor, and a handover to the receiver of the account."""
        if request.by_policy or not self._authority.enforced:
            return None
        if request.asked_by and is_service(request.actor):
            return _decided_by_service(request.actor)
        if request.asked_by and self._authority.are_linked(request.actor, request.asked_by):
            return _released(request.actor, request.asked_by)
        if request.incoming and self._authority.are_linked(request.actor, request.incoming):
            return self._received(request, request.incoming)
        return None

    def require_for_persons(self, actor: str, known: Mapping[str, Person], changed: Iterable[Person]) -> None:
        """Check that actors don't change their own mobile numbers or supervisor, nor confirm a number of their own.

        Args:

            actor: Who changes them.

            known: The stored persons, by ID. New persons are nobody's own.

            changed: The persons in their new state.

        Raises:

            DeniedError: The actor does; the cure names who could.
        """
        if not known or not self._authority.enforced:
            return
        linked = self._linked(actor)
        for person in changed:
            before = known.get(person.id)
            if before and person.id in linked and _reach(before) != _reach(person):
                raise DeniedError(
                    "{actor} may not change the mobile number or supervisor of {other}: it is the same person, or one "
                    "of them acts for the other",
                    cure="it can be done by {people}",
                    actor=actor,
                    other=person.id,
                    people=self._others(linked, {Role.ADMINISTRATOR}),
                )

    def require_for_units(self, actor: str, known: Mapping[str, Unit], changed: Iterable[Unit]) -> None:
        """Check that only administrators name themselves as custodians.

        The roles are read once, for any number of units.

        Args:

            actor: Who changes the units.

            known: The stored units, by code.

            changed: The units in their new state.

        Raises:

            DeniedError: An officer does; the cure names who could.
        """
        if not self._authority.enforced:
            return
        linked = self._linked(actor)
        named = [unit for unit in changed if unit.custodian in linked and not _keeps_custodian(unit, known)]
        places = {unit.code: unit.code if unit.code in known else unit.parent for unit in named}
        permitted = self._authority.covered(actor, {Role.ADMINISTRATOR}, places.values())
        for unit in named:
            if places[unit.code] not in permitted:
                raise DeniedError(
                    "{actor} may not name {other} the custodian of {unit}: it is the same person, or one of them acts "
                    "for the other",
                    cure="it can be done by {people}",
                    actor=actor,
                    other=unit.custodian,
                    unit=unit.code,
                    people=self._others(linked, _WORKERS, places[unit.code]),
                )

    def _received(self, request: AuthorizeOperation, incoming: str) -> Denial:
        people = self._others(self._linked(request.actor) | self._linked(incoming), _WORKERS, request.unit.code)
        return Denial(
            reason=Text(
                "{actor} may not hand an account over to {other}: it is the same person, or one of them acts for the "
                "other",
                {"actor": request.actor, "other": incoming},
            ),
            cure=Text("it can be done by {people}", {"people": people}),
        )

    def _linked(self, person: str) -> set[str]:
        """Return the IDs of a person, of the person's delegates and delegators, and of who may act as a service."""
        at = self._authority.now()
        grants = self._authority.records.role_assignments.all()
        pairs = [(grant.person, grant.delegator) for grant in grants if grant.delegator and grant.holds(at)]
        return {person, *self._authority.users_of(person)}.union(*(pair for pair in pairs if person in pair))

    def _others(self, linked: set[str], roles: Iterable[Role], unit: str | None = None) -> str:
        """Return who has one of these roles and is not linked, in the notation of messages."""
        able = self._authority.who(frozenset(roles), unit)
        return self._authority.named([person for person in able if person not in linked])


def _released(actor: str, asked_by: str) -> Denial:
    """Deny the release of a held run."""
    values = {"actor": asked_by, "other": actor}
    cure = Text("another person has to check it with 'provisioner policy staged' and release it")
    if actor == asked_by:
        return Denial(reason=Text("{actor} started the run and cannot release it", values), cure=cure)
    reason = Text("{actor} started the run, and {other} cannot release it: one of them acts for the other", values)
    return Denial(reason=reason, cure=cure)


def _decided_by_service(actor: str) -> Denial:
    """Deny a decision that a second person has to make. Who uses the token of a service is not known."""
    return Denial(
        reason=Text("{actor} is a service, and only a person can decide this", {"actor": actor}),
        cure=Text("let a person decide"),
    )


def _keeps_custodian(unit: Unit, known: Mapping[str, Unit]) -> bool:
    """Whether a unit is stored with the same custodian."""
    return unit.code in known and known[unit.code].custodian == unit.custodian


def _reach(person: Person) -> tuple[str | None, ...]:
    """Return the mobile numbers and the supervisor of a person."""
    return person.mobile, person.other_mobile, person.confirmed_mobile, person.supervisor
