"""Clearance: may a person leave or start? (000 m.5/f, m.6/f; 003 m.12/4)."""

from __future__ import annotations

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.api.messages import AskClearance, ClearanceBlock, Passage
from provisioner.core.engine.people import People
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.clearance import reservations
from provisioner.core.governance.roles import Role
from provisioner.core.model.text import Text
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class ClearanceAnswer:
    """What stands in the way of a person who leaves or starts."""

    #: What must be done first. Nothing stands in the way if it is empty.
    blocks: tuple[ClearanceBlock, ...]
    #: What the personnel office has to know, although it keeps nobody from leaving.
    remarks: tuple[Text, ...] = ()
    #: Those subjects of the blocks that are logins of accounts.
    logins: frozenset[str] = frozenset()

    @property
    def is_clear(self) -> bool:
        """Whether the personnel office may process it."""
        return not self.blocks


@attrs.frozen(kw_only=True)
class Clearance:
    """Answers the personnel office.

    Args:

        store: The stored data.

        authority: Says who is the personnel office.

        people: Knows whether there is such a person, and in which unit.

        plugins: Ask everything that may stand in the way.

        retry: How persistently they are asked.
    """

    store: Store
    authority: Authority
    people: People
    plugins: Plugins
    retry: Retry

    def ask(self, person_id: str, passage: Passage, *, actor: str) -> ClearanceAnswer:
        """Return what stands in the way of a person.

        Args:

            person_id: The person.

            passage: Whether the person leaves or starts.

            actor: Who asks.

        Raises:

            DeniedError: The actor is not the personnel office for the person. It does not tell whether there is such a
                person.

            InputError: Nobody knows the person.

            TargetError: It cannot be determined, and that is not a permission.
        """
        self._require_office(person_id, actor)
        blocks = self._blocks(AskClearance(person_id=person_id, passage=passage))
        remarks = reservations(self.store, person_id) if passage is Passage.LEAVING else []
        logins = self.store.accounts.get_many({block.subject for block in blocks})
        return ClearanceAnswer(blocks=tuple(blocks), remarks=tuple(remarks), logins=frozenset(logins))

    def _require_office(self, person_id: str, actor: str) -> None:
        """Check that the personnel office asks: the one of the person's unit, or of a unit above it.

        Raises:

            DeniedError: Somebody else does. It does not tell whether there is such a person, or in which unit.
        """
        office = {Role.PERSONNEL_OFFICE}
        if self.authority.has_any(actor, office):
            person = self.people.find_all([person_id]).get(person_id) if self.authority.enforced else None
            unit = person.unit if person else None
            if self.authority.effective_role(actor, {*office, Role.ADMINISTRATOR}, unit):
                return
        self.authority.require(actor, office)

    def _blocks(self, request: AskClearance) -> list[ClearanceBlock]:
        """Return what stands in the way.

        Raises:

            InputError: Nothing does, and nobody knows the person: most likely the id is wrong.

            TargetError: It cannot be determined.
        """
        blocks = self.retry.call(lambda _: self.plugins.clearance_blocks(request))
        if not blocks and not self.people.find_all([request.person_id]):
            problem = Text("person {person} not found", {"person": request.person_id})
            cure = "check the ID, or import the person"
            raise InputError([Problem(field="person", message=problem)], cure=cure)
        return blocks
