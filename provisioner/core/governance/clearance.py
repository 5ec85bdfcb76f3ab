"""Decides whether a person may leave or start, as far as accounts are concerned (000 m.5/e-f, m.6/e-f; 003 m.12/4)."""

from __future__ import annotations

import attrs

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AskClearance, ClearanceBlock, Passage
from provisioner.core.engine.ports import Records
from provisioner.core.governance.ports import Endings
from provisioner.core.model import AccountKind, AccountState, TargetState, Unit
from provisioner.core.model.text import Text


@attrs.define(eq=False)
class HandoverDuties:
    """A person can't leave while holding a unit's account, or start without having received the account of the post.

    Args:

        records: The stored data.
    """

    _records: Records

    @hookimpl
    def clearance_blocks(self, request: AskClearance) -> list[ClearanceBlock]:
        """Return the accounts that the person holds or must receive, and unfinished handovers."""
        leaving = request.passage is Passage.LEAVING
        blocks = self._held(request.person_id) if leaving else self._awaited(request.person_id)
        subjects = {block.subject for block in blocks}
        unended = self._records.operations.unended_handovers(request.person_id)
        return blocks + [_unended(operation.login) for operation in unended if operation.login not in subjects]

    def _held(self, person_id: str) -> list[ClearanceBlock]:
        return [
            ClearanceBlock(
                subject=account.login,
                reason=Text("the account {login} is still held", {"login": account.login}),
                cure=Text("run 'provisioner handover {login} --to PERSON'", {"login": account.login}),
            )
            for account in self._records.accounts.of_holder(person_id)
            if account.kind is AccountKind.UNIT
        ]

    def _awaited(self, person_id: str) -> list[ClearanceBlock]:
        units = self._records.units.of_custodian(person_id)
        accounts = self._records.accounts.of_units([unit.code for unit in units])
        return [
            _awaited(unit, account.login if account else unit.code, person_id)
            for unit in units
            for account in [accounts.get(unit.code)]
            if account is None or account.holder != person_id or account.state is not AccountState.OPEN
        ]


def reservations(records: Endings, person_id: str) -> list[Text]:
    """Return where a person who leaves can still log in, because a target can't close or hand over accounts.

    The configuration lists these targets (``cannot``). This doesn't prevent the person from leaving, but is always
    reported.

    Args:

        records: The stored data.

        person_id: The ID of the person who leaves.
    """
    closed = {account.login for account in records.accounts.find(holder=person_id, state=AccountState.CLOSED)}
    passed_on = {
        handover.login for handover in records.handovers.find(person=person_id) if handover.outgoing == person_id
    }
    states = records.accounts.all_target_states(closed | passed_on)
    return [
        Text(
            "{login} on {target}: not verified that this person can no longer log in",
            {"login": login, "target": name},
        )
        for login, found in sorted(states.items())
        for name, state in found.items()
        if state in (_NOT_SHUT if login in closed else _NOT_PASSED_ON)
    ]


#: The states of an account on a target where it was not closed, or not verified.
_NOT_SHUT = frozenset(TargetState) - {TargetState.CLOSED, TargetState.ABSENT}

#: The states of an account on a target where it was not handed over, or not verified.
_NOT_PASSED_ON = frozenset({TargetState.INCOMPLETE, TargetState.UNPROVED})


def _awaited(unit: Unit, subject: str, person_id: str) -> ClearanceBlock:
    values = {"subject": subject, "unit": unit.name, "person": person_id}
    return ClearanceBlock(
        subject=subject,
        reason=Text("the account of {unit} was not received", values),
        cure=Text("run 'provisioner handover {subject} --to {person}', or open the unit", values),
    )


def _unended(login: str) -> ClearanceBlock:
    return ClearanceBlock(
        subject=login,
        reason=Text("a handover of {login} is not finished", {"login": login}),
        cure=Text("run 'provisioner resume'"),
    )
