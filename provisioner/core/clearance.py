"""Whether a person may leave or take up a post, as far as accounts decide it (000 m.5/e-f, m.6/e-f; 003 m.12/4)."""

from __future__ import annotations

import attrs

from provisioner.core.hookspecs import hookimpl
from provisioner.core.journal import Records
from provisioner.core.model import AccountKind, AccountState, Unit
from provisioner.core.requests import AskClearance, ClearanceBlock, Passage
from provisioner.core.text import Text


@attrs.define(eq=False)
class HandoverDuties:
    """Nobody leaves who holds a unit's account, and nobody starts who has not received the one of the post.

    Args:

        records: What is known.
    """

    _records: Records

    @hookimpl
    def clearance_blocks(self, request: AskClearance) -> list[ClearanceBlock]:
        """Look at what the person holds, was promised, or is in the middle of."""
        leaving = request.passage is Passage.LEAVING
        blocks = self._held(request.person_id) if leaving else self._awaited(request.person_id)
        subjects = {block.subject for block in blocks}
        unended = self._records.unended_handovers(request.person_id)
        return blocks + [_unended(one.login) for one in unended if one.login not in subjects]

    def _held(self, person_id: str) -> list[ClearanceBlock]:
        return [
            ClearanceBlock(
                subject=account.login,
                reason=Text("the account {login} is still held", {"login": account.login}),
                cure=Text("run 'provisioner handover {login} --to PERSON'", {"login": account.login}),
            )
            for account in self._records.accounts_of_holder(person_id)
            if account.kind is AccountKind.UNIT
        ]

    def _awaited(self, person_id: str) -> list[ClearanceBlock]:
        units = self._records.units_of_custodian(person_id)
        accounts = self._records.unit_accounts([unit.code for unit in units])
        return [
            _awaited(unit, account.login if account else unit.code, person_id)
            for unit in units
            for account in [accounts.get(unit.code)]
            if account is None or account.holder != person_id or account.state is not AccountState.OPEN
        ]


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
        reason=Text("a handover of {login} was begun and has not ended", {"login": login}),
        cure=Text("run 'provisioner resume'"),
    )
