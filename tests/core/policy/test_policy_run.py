"""What deadlines ask for is done for all accounts for which it is possible, and said of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import Denial, NotReadyError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.model import AccountState, Operation, OperationKind, OperationState, Person, Unit
from provisioner.core.model.text import Text
from provisioner.core.policy.due import DueAction
from provisioner.core.policy.policy_run import PolicyRun, Refusal
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

COUNT = 4
UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"a{n}", custodian=f"p{n}") for n in range(COUNT)]
PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532000000{n}") for n in range(COUNT)]


@pytest.fixture(name="target")
def _target() -> FaultTarget:
    return FaultTarget(MemoryTarget())


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, target: FaultTarget) -> Iterator[Harness]:
    file = tmp_path / "store.sqlite"
    with Harness(file, targets={"posta": target}, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open([unit.code for unit in UNITS])
        yield harness


def carry_out(harness: Harness, actions: Mapping[int, Action]) -> dict[str, Operation | Refusal]:
    """Carry out what is due of accounts, and return what became of each, by login."""
    changes = {}
    for number, action in actions.items():
        login = f"a{number}"
        due = DueAction(account=harness.account(login), unit=UNITS[number])
        deadline = Deadline(
            action=action, at=harness.clock(), reason=Text("so"), source="001 ¶2", rule_set=f"rules-{action}"
        )
        changes[login] = (due, deadline)
    run = PolicyRun(engine=harness.engine, changes=changes)
    return {found.login: found for found in run.carry_out() if isinstance(found, (Operation, Refusal))}


def test_each_deadline_is_carried_out_in_the_name_of_its_rule_set(harness: Harness) -> None:
    found = carry_out(harness, {0: Action.ROTATE, 1: Action.CLOSE})
    rotated, closed = found["a0"], found["a1"]

    assert isinstance(rotated, Operation)
    assert isinstance(closed, Operation)
    assert [(one.kind, one.actor, one.reason, one.state) for one in (rotated, closed)] == [
        (OperationKind.ROTATE, "policy:rules-rotate", "001 ¶2", OperationState.DONE),
        (OperationKind.CLOSE, "policy:rules-close", "001 ¶2", OperationState.DONE),
    ]


def test_a_person_who_is_not_known_keeps_nobody_else_from_a_new_password(harness: Harness) -> None:
    harness.know(persons=[attrs.evolve(PERSONS[1], mobile=None)])
    found = carry_out(harness, dict.fromkeys(range(3), Action.ROTATE))
    refused = found.pop("a1")

    assert isinstance(refused, Refusal)
    assert (refused.holder, refused.deadline.action) == ("p1", Action.ROTATE)
    assert [one.state for one in found.values() if isinstance(one, Operation)] == [OperationState.DONE] * 2


class Guard:
    """A plug-in that keeps one account open."""

    @hookimpl
    def operation_authorize(self, request: AuthorizeOperation) -> Denial | None:
        is_kept = request.account.login == "a2"
        return Denial(reason=Text("a2 stays open"), cure=Text("ask")) if is_kept else None


def test_a_denial_is_the_refusal_of_its_account_only(harness: Harness) -> None:
    harness.plugins.add("guard", Guard())
    found = carry_out(harness, dict.fromkeys(range(COUNT), Action.CLOSE))

    assert isinstance(found["a2"], Refusal)
    assert str(found["a2"].reason) == "a2 stays open"
    assert harness.account("a2").state is AccountState.OPEN
    assert harness.account("a1").state is AccountState.CLOSED


def test_a_denial_for_an_account_is_none_for_others_of_the_unit_that_is_called_like_it(harness: Harness) -> None:
    """The login of a school is its code, and staff of the school have accounts of their own."""
    harness.know(units=[Unit(code="a2", name="Okul", kind="school", login="okul", custodian="p0")])
    harness.open(["a2"])

    harness.plugins.add("guard", Guard())
    deadline = Deadline(action=Action.CLOSE, at=harness.clock(), reason=Text("so"), source="", rule_set="rules")
    units = harness.store.units.get_many(["a2", "u2"])
    changes = {
        login: (DueAction(account=(account := harness.account(login)), unit=units[account.unit]), deadline)
        for login in ("a2", "okul")
    }
    found = {one.login: one for one in PolicyRun(engine=harness.engine, changes=changes).carry_out()}

    assert isinstance(found["a2"], Refusal)
    assert isinstance(found["okul"], Operation)


def test_an_outage_is_no_matter_of_accounts(harness: Harness, target: FaultTarget) -> None:
    target.faults.on("target_check", Fault.CANNOT_CONNECT)
    with pytest.raises(NotReadyError):
        carry_out(harness, {0: Action.ROTATE})


def test_nothing_is_begun_after_a_stop(harness: Harness, target: FaultTarget) -> None:
    harness.stop.set()

    assert carry_out(harness, {0: Action.ROTATE}) == {}
    assert target.faults.calls["account_rotate"] == 0
