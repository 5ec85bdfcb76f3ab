"""Nobody leaves with an account, nobody starts without one, and what no target can show is never passed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from provisioner.core.api.messages import AskClearance, Passage
from provisioner.core.governance.clearance import HandoverDuties, reservations
from provisioner.core.model import (
    Account,
    AccountKind,
    AccountState,
    Handover,
    Operation,
    OperationKind,
    TargetState,
    Unit,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIT = Unit(code="46", name="Kahramanmaraş", kind="province", custodian="p1")
ACCOUNT = Account(login="a", domain="meb.gov.tr", unit="46", holder="p1", state=AccountState.OPEN)
HANDOVER = Operation(id="o1", kind=OperationKind.HANDOVER, login="b", actor="p9", created_at=NOON)
RECORD = Handover(
    operation_id="o2",
    login="passed",
    mail="passed@meb.gov.tr",
    unit="46",
    unit_name="Kahramanmaraş",
    outgoing="p1",
    outgoing_name="Ayşe Işık",
    incoming="p2",
    incoming_name="Can Öz",
    actor="p9",
    reason="moved",
    begun_at=NOON,
    finished_at=NOON,
)


@attrs.define
class Known:
    """What is known, in memory."""

    held: list[Account] = attrs.field(factory=list)
    custodies: list[Unit] = attrs.field(factory=list)
    unit_accounts: dict[str, Account] = attrs.field(factory=dict)
    unended: list[Operation] = attrs.field(factory=list)
    closed: list[Account] = attrs.field(factory=list)
    records: list[Handover] = attrs.field(factory=list)
    states: dict[str, dict[str, TargetState]] = attrs.field(factory=dict)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self)

    @property
    def units(self) -> Custodies:
        return Custodies(self.custodies)

    @property
    def operations(self) -> Unended:
        return Unended(self.unended)

    @property
    def handovers(self) -> Handovers:
        return Handovers(self.records)


@attrs.define
class Accounts:
    """The accounts that are known."""

    known: Known

    def of_holder(self, _: str, /) -> list[Account]:
        return self.known.held

    def of_units(self, codes: Iterable[str], /) -> Mapping[str, Account]:
        return {code: self.known.unit_accounts[code] for code in codes if code in self.known.unit_accounts}

    def find(self, *, holder: str, state: AccountState) -> list[Account]:
        return self.known.closed

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        return {login: self.known.states[login] for login in logins}


@attrs.define
class Custodies:
    """The units of a custodian."""

    units: list[Unit]

    def of_custodian(self, _: str, /) -> list[Unit]:
        return self.units


@attrs.define
class Unended:
    """Handovers that have not ended."""

    operations: list[Operation]

    def unended_handovers(self, _: str, /) -> list[Operation]:
        return self.operations


@attrs.define
class Handovers:
    """Handovers that have ended."""

    records: list[Handover]

    def find(self, *, person: str) -> list[Handover]:
        return self.records


def blocks(known: Any, passage: Passage) -> list[tuple[str, str]]:
    found = HandoverDuties(known).clearance_blocks(AskClearance(person_id="p1", passage=passage))
    return [(block.subject, str(block.cure)) for block in found]


def test_who_leaves_hands_over_what_is_held() -> None:
    personal = attrs.evolve(ACCOUNT, login="own", kind=AccountKind.PERSONAL)

    assert blocks(Known(held=[ACCOUNT, personal]), Passage.LEAVING) == [
        ("a", "run 'provisioner handover a --to PERSON'")
    ]


@pytest.mark.parametrize(
    ("account", "subject"),
    [
        (None, "46"),
        (attrs.evolve(ACCOUNT, holder="p2"), "a"),
        (attrs.evolve(ACCOUNT, state=AccountState.INCOMPLETE), "a"),
    ],
)
def test_who_starts_has_received_the_account_of_the_post(account: Account | None, subject: str) -> None:
    known = Known(custodies=[UNIT], unit_accounts={"46": account} if account else {})

    assert blocks(known, Passage.STARTING) == [
        (subject, f"run 'provisioner handover {subject} --to p1', or open the unit")
    ]


def test_who_has_received_it_may_start() -> None:
    assert blocks(Known(custodies=[UNIT], unit_accounts={"46": ACCOUNT}), Passage.STARTING) == []


@pytest.mark.parametrize("passage", list(Passage))
def test_a_handover_that_has_not_ended_blocks_both_sides(passage: Passage) -> None:
    assert blocks(Known(unended=[HANDOVER]), passage) == [("b", "run 'provisioner resume'")]


def test_one_account_is_named_once() -> None:
    known = Known(held=[attrs.evolve(ACCOUNT, login="b")], unended=[HANDOVER])

    assert [subject for subject, _ in blocks(known, Passage.LEAVING)] == ["b"]


def test_targets_on_which_nothing_was_shown_are_named() -> None:
    """A closed account has to be closed or gone there, and one that was handed over has to be proved."""
    every = {state.value: state for state in TargetState}
    known = Known(
        closed=[attrs.evolve(ACCOUNT, login="shut")],
        records=[RECORD, attrs.evolve(RECORD, login="received", outgoing="p3", incoming="p1")],
        states={"shut": every, "passed": every},
    )

    assert {(text.values["login"], text.values["target"]) for text in reservations(known, "p1")} == {
        ("shut", "open"),
        ("shut", "incomplete"),
        ("shut", "unproved"),
        ("passed", "incomplete"),
        ("passed", "unproved"),
    }
