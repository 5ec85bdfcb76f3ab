"""Who may decide on an access request and carry it out: requester, approver and officer are three persons (001 ¶4)."""

from __future__ import annotations

import attrs

from provisioner.core.api.errors import DeniedError
from provisioner.core.engine.plan import is_service
from provisioner.core.governance.access_requests import AccessRequest, RequestState
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import EffectiveRole, Role
from provisioner.core.model import Person


@attrs.frozen
class RequestAuthority:
    """Tells what somebody may do with an access request.

    Args:

        authority: Tells who has which role, and who acts for whom.
    """

    _authority: Authority

    def require_submittable(self, requester: str, *, unit: str, recipient: str | None, officer: str | None) -> None:
        """Check that the officer whom a request names is one, and has no other part in it.

        A requester who doesn't know the holder of an account is not told whether a person is: the answer is the same
        for a person without the role, for an unknown one, and for the one who receives the password.

        Args:

            requester: Who submits it.

            unit: The code of the account's unit.

            recipient: Who receives the password; ``None`` if there is none.

            officer: Who is to carry it out; ``None`` for any officer.

        Raises:

            DeniedError: The officer is not an officer of the unit, or has another part.
        """
        if officer is None:
            return
        if officer == requester:
            raise DeniedError("{person} cannot be the requester and the officer of the same request", person=requester)
        role = self._authority.effective_role(officer, {Role.OFFICER, Role.ADMINISTRATOR}, unit)
        if officer == recipient or (role is None and self._authority.enforced):
            raise DeniedError(
                "{person} cannot be the officer of this request", cure="name another officer, or none", person=officer
            )

    def require_decider(self, access_request: AccessRequest, actor: str, requester: Person) -> str | None:
        """Check that the actor is the requester's supervisor, or acts for this one.

        Args:

            access_request: The request.

            actor: Who decides.

            requester: Who submitted the request, as the personnel system knows the person now.

        Returns:

            For whom the actor decides; ``None`` for nobody else.

        Raises:

            DeniedError: The actor is not the one to decide; the cure says who is.
        """
        if is_service(actor):
            raise DeniedError(
                "{actor} is a service, and only a person can decide this", cure="let a person decide", actor=actor
            )
        supervisor = requester.supervisor
        if supervisor is None:
            effective_role = self._authority.effective_role(actor, {Role.SUPERVISOR}, requester.unit)
            if effective_role:
                return effective_role.delegator
        elif actor == supervisor:
            return None
        elif self._authority.delegates(actor, supervisor, Role.SUPERVISOR, requester.unit):
            return supervisor
        others = [supervisor] if supervisor else self._authority.who({Role.SUPERVISOR}, requester.unit)
        raise DeniedError(
            "{person} is neither the supervisor of {requester} nor a delegate",
            cure="it can be decided by {people} or a delegate",
            person=actor,
            requester=access_request.requester,
            people=", ".join(others) or "-",
        )

    def require_no_other_part(self, access_request: AccessRequest, *deciders: str | None) -> None:
        """Check that those who decide on a request neither submitted it nor are to carry it out.

        Raises:

            DeniedError: One of them did, or is.
        """
        for person in {*deciders} - {None}:
            if person in {access_request.requester, access_request.officer}:
                raise DeniedError(
                    "{person} has another role in request {id} and cannot decide on it",
                    cure="requester, approver and officer have to be three persons",
                    person=person,
                    id=access_request.id,
                )

    def require_confirmer(self, access_request: AccessRequest, actor: str) -> None:
        """Check that the actor may answer for the recipient's mobile number.

        Raises:

            DeniedError: The actor is not an officer for the unit, or is who the password goes to.
        """
        if self._behind(access_request, actor) & {
            access_request.requester,
            access_request.recipient,
        } or self._acts_for_party(access_request, actor):
            raise DeniedError("{person} cannot confirm the number of their own request", person=actor)
        self._authority.require(actor, {Role.OFFICER}, access_request.unit)

    def require_officer(self, access_request: AccessRequest, actor: str) -> None:
        """Check that the actor may carry a request out.

        Raises:

            DeniedError: The actor is no officer for the unit, has another part in the request, or another officer is
                named.
        """
        effective_role = self._authority.require(actor, {Role.OFFICER}, access_request.unit)
        persons = _persons(actor, effective_role)
        if {*persons, *self._authority.users_of(actor)} & {
            access_request.requester,
            access_request.recipient,
            *access_request.deciders,
        } or self._acts_for_party(access_request, actor):
            raise DeniedError(
                "{person} has another role in request {id} and cannot execute it",
                cure="requester, approver and officer have to be three persons, and the officer receives no password",
                person=actor,
                id=access_request.id,
            )
        is_administrator = effective_role and effective_role.role is Role.ADMINISTRATOR
        if (
            access_request.officer
            and access_request.officer not in persons
            and access_request.state is RequestState.APPROVED
            and not is_administrator
        ):
            raise DeniedError(
                "request {id} names another officer",
                cure="it can be executed by {officer}",
                id=access_request.id,
                officer=access_request.officer,
            )

    def officer_for(self, access_request: AccessRequest, actor: str) -> str | None:
        """Return for whom an officer carries a request out; ``None`` for nobody else."""
        effective_role = self._officers_role(access_request, actor)
        return effective_role.delegator if effective_role else None

    def _officers_role(self, access_request: AccessRequest, actor: str) -> EffectiveRole | None:
        return self._authority.effective_role(actor, {Role.OFFICER, Role.ADMINISTRATOR}, access_request.unit)

    def _behind(self, access_request: AccessRequest, actor: str) -> set[str]:
        return _persons(actor, self._officers_role(access_request, actor))

    def _acts_for_party(self, access_request: AccessRequest, actor: str) -> bool:
        """Whether an officer, in any right, acts for the requester or for the recipient of the password."""
        return any(
            self._authority.acts_for(actor, party)
            for party in (access_request.requester, access_request.recipient)
            if party
        )


def _persons(actor: str, effective_role: EffectiveRole | None) -> set[str]:
    """Return who acts: the actor, and who remains accountable."""
    return {actor, effective_role.delegator} if effective_role and effective_role.delegator else {actor}
