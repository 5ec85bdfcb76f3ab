"""Accounts that pass from one person to the next, and the records of it (000 m.5/e)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import attrs

from provisioner.core.api.errors import ConfigurationError, InputError, Problem
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.plan import Initiator, Plan
from provisioner.core.engine.planner import Planner
from provisioner.core.gateways.gateway import SESSIONS
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import MASK, Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import Handover, Operation, OperationKind, Outcome, canonical
from provisioner.core.model.text import Text
from provisioner.services.accounts import Accounts
from provisioner.services.ids import find_id
from provisioner.store import Store
from provisioner.store.ids import Named


@attrs.frozen(kw_only=True)
class HandoverRecord:
    """The record that both sides keep, as one person may read it."""

    handover: Handover
    #: The targets on which the account was not handed over.
    not_on: tuple[str, ...]
    #: The targets on which sessions of the former holder may still be open.
    open_on: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, object]:
        """What both sides keep, as JSON knows it.

        Sessions that may still be open are left out: they end later, and the hash has to stay.
        """
        handover = self.handover
        return {
            "id": handover.operation_id,
            "login": handover.login,
            "mail": handover.mail,
            "unit": handover.unit,
            "unit_name": handover.unit_name,
            "outgoing": handover.outgoing,
            "outgoing_name": handover.outgoing_name,
            "incoming": handover.incoming,
            "incoming_name": handover.incoming_name,
            "actor": handover.actor,
            "reason": handover.reason,
            "begun_at": canonical.iso(handover.begun_at),
            "finished_at": canonical.iso(handover.finished_at),
            "not_handed_over_on": list(self.not_on),
        }

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the content; ``None`` if the record is masked.

        The hash is over canonical JSON: keys sorted, no spaces, UTF-8. A person who has the record can show that it is
        the one that was given out.
        """
        if self.handover.incoming == MASK:
            return None
        return canonical.sha256(canonical.canonical_json(self.content))


def list_handovers(
    store: Store, privacy: Privacy, *, login: str | None = None, person: str | None = None
) -> list[HandoverRecord]:
    """Return the records of handovers, the latest first.

    Args:

        store: The stored data.

        privacy: Says what may be read.

        login: Only those of this account.

        person: Only those from or to this person, as far as they may be read.
    """
    records = store.handovers.find(login=login, person=person)
    # Of a masked record, the filter would still tell who is in it.
    found = list(privacy.shown(record for record in records if person is None or privacy.may_read(record)))
    return _records(store, found)


def find_handover(store: Store, privacy: Privacy, operation_id: str, *, whole: bool = False) -> HandoverRecord:
    """Return the record of one handover.

    Args:

        store: The stored data.

        privacy: Says what may be read.

        operation_id: The id of the operation, or the first characters of it.

        whole: Whether a record with masked fields is of no use.

    Raises:

        InputError: There is none, or several ids begin like this.

        DeniedError: All of it is wanted, and not all of it may be read.
    """
    handover_id = find_id(store, Named.HANDOVER, operation_id)
    handover = store.handovers.get_many([handover_id]).get(handover_id)
    if handover is None:
        problem = Text("there is no record of a handover {id}", {"id": operation_id})
        raise InputError([Problem(field="id", message=problem)])
    if whole:
        privacy.require(handover)
    [shown] = privacy.shown([handover])
    return _records(store, [shown])[0]


@attrs.frozen(kw_only=True)
class Handovers:
    """Plans handovers.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        accounts: Looks accounts up.

        planner: Makes the plans.

        it_unit: The code of the unit whose custodian keeps accounts while a post is vacant; empty if there is none.
    """

    store: Store
    authority: Authority
    accounts: Accounts
    planner: Planner
    it_unit: str

    def plan(self, login: str, *, to: str | None, outgoing: str | None = None, initiator: Initiator) -> Plan:
        """Return the plan that hands an account over.

        Args:

            login: The login of the account.

            to: Who receives it; ``None`` for the custodian of the IT unit, if the post is vacant.

            outgoing: Who hands it over, if that is to be checked.

            initiator: Who requests it, and why.

        Raises:

            InputError: The account is unknown or not open, or somebody else holds it.

            DeniedError: The initiator is not an officer for the unit.

            ConfigurationError: There is no IT unit, or nobody is its custodian.
        """
        [account] = self.accounts.find([login])
        self.authority.require(initiator.actor, {Role.OFFICER}, account.unit)
        receiver = to or self.it_custodian()
        return self.planner.hand_over(account, to=receiver, outgoing=outgoing, initiator=initiator)

    def readable(self, *, viewer: str, limit: int) -> list[HandoverRecord]:
        """Return the records that a person may read as a whole, the latest first.

        Args:

            viewer: Who reads them.

            limit: How many are returned at most.
        """
        found = Privacy(self.authority, viewer).readable(self.store.handovers.find())
        return _records(self.store, list(islice(found, limit)))

    def recorded(self, plan: Plan) -> list[str]:
        """Return the ids of those operations of a plan of which there is a record by now."""
        return list(self.store.handovers.get_many(work.operation.id for work in plan.work))

    def it_custodian(self) -> str:
        """Return who keeps accounts whose post is vacant.

        Raises:

            ConfigurationError: The configuration names no IT unit, or nobody is its custodian.
        """
        if not self.it_unit:
            raise ConfigurationError(
                "the configuration names no IT unit",
                cure="write its code under [accounts] as it_unit, or use --to PERSON",
            )
        unit = self.store.units.get_many([self.it_unit]).get(self.it_unit)
        if unit is None or unit.custodian is None:
            raise ConfigurationError(
                "the IT unit {code} is unknown or has no custodian",
                cure="import it with its custodian, or correct it_unit under [accounts]",
                code=self.it_unit,
            )
        return unit.custodian


def _records(store: Store, found: Sequence[Handover]) -> list[HandoverRecord]:
    """Return handovers with the targets on which something is left, as far as their operations tell."""
    operations = store.operations.get_many([handover.operation_id for handover in found])
    return [_record(handover, operations[handover.operation_id]) for handover in found]


def _record(handover: Handover, operation: Operation) -> HandoverRecord:
    hook, ended = KINDS[OperationKind.HANDOVER].hook, {Outcome.APPLIED, Outcome.UNCHANGED}
    return HandoverRecord(
        handover=handover,
        not_on=tuple(
            step.name for step in operation.steps if step.hook == hook and step.outcome is Outcome.NOT_APPLIED
        ),
        open_on=tuple(step.name for step in operation.steps if step.hook == SESSIONS and step.outcome not in ended),
    )
