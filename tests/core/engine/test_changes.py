"""A change that isn't shown is not counted on, and what was changed is undone if the rest can't be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner.config.settings import EntitlementSettings
from provisioner.core.api.errors import UnknownOutcomeError
from provisioner.core.api.events import StepEnded
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import CloseAccount, Entitlements, HandOver, ProbeAccount, Receipt, RotateSecret
from provisioner.core.model import AccountState, OperationState, Person, TargetState
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.engine.one_operation import PERSON, UNIT, World, one_operation

SUCCESSOR = Person(id="p2", name="Can Er", mobile="+905320000002")


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with one_operation(tmp_path) as world:
        yield world


def test_a_message_that_is_refused_is_taken_back_on_the_targets(world: World) -> None:
    world.phones.faults.on("secret_deliver", Fault.REFUSE)
    operation = world.run()

    assert operation.state is OperationState.UNDONE
    assert world.hooks == ["account_create", "secret_deliver", "undo"]


def test_a_target_without_proof_leaves_the_operation_incomplete(world: World) -> None:
    world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)
    operation = world.run()
    states = [event.target_state for event in world.journal if isinstance(event, StepEnded)]

    assert operation.state is OperationState.INCOMPLETE
    assert TargetState.OPEN not in states
    assert "secret_deliver" not in world.hooks


class InParts(MemoryTarget):
    """A target that makes a change with several requests, and loses the connection after the first one, once."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = False

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        if self._loses():
            values = {name: getattr(request, name) for name in attrs.fields_dict(RotateSecret)}
            self.account_rotate(RotateSecret(**values))
            raise UnknownOutcomeError("no answer")
        return MemoryTarget.account_handover(self, request)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        if self._loses():
            MemoryTarget.account_close(self, attrs.evolve(request, entitlements=Entitlements()))
            raise UnknownOutcomeError("no answer")
        return MemoryTarget.account_close(self, request)

    def _loses(self) -> bool:
        lost, self.lost = self.lost, True
        return not lost

    def has_entitlement(self, login: str) -> bool:
        return bool(self._entries[login].entitlements)


@pytest.fixture(name="in_parts")
def _in_parts(tmp_path: Path) -> Iterator[tuple[Harness, InParts]]:
    """Yield an open account on a target that will lose the answer to the first part of its next change."""
    target, rights = InParts(), {"all": EntitlementSettings(target="posta")}
    with Harness(
        tmp_path / "store.sqlite", targets={"posta": target}, channels={"sms": MemoryChannel()}, entitlements=rights
    ) as harness:
        harness.know(units=[UNIT], persons=[PERSON, SUCCESSOR])
        harness.open([UNIT.code])
        yield harness, target


def test_an_account_of_which_only_the_password_was_changed_is_not_handed_over(
    in_parts: tuple[Harness, InParts],
) -> None:
    harness, target = in_parts

    [operation] = harness.hand_over("birim46", SUCCESSOR.id)

    report = target.account_probe(ProbeAccount(account=harness.account("birim46")))
    assert operation.state is OperationState.DONE
    assert report.attributes["holder"] == SUCCESSOR.id


def test_an_account_that_was_locked_and_kept_its_entitlements_is_not_closed(in_parts: tuple[Harness, InParts]) -> None:
    harness, target = in_parts
    assert target.has_entitlement("birim46")

    [operation] = harness.close_accounts(["birim46"])

    assert operation.state is OperationState.DONE
    assert not target.has_entitlement("birim46")


def test_a_change_that_a_lost_request_may_have_made_is_not_called_undone(tmp_path: Path) -> None:
    """The second attempt finds what the first one has made, so its undo leads back there and no further."""
    mail, other = FaultTarget(MemoryTarget()), FaultTarget(MemoryTarget())
    targets = {"posta": mail, "other": other}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels={"sms": (phones := MemoryChannel())}) as harness:
        harness.know(units=[UNIT], persons=[PERSON])
        harness.open([UNIT.code])
        [message] = phones.inbox(PERSON.mobile or "")
        mail.faults.on("account_rotate", Fault.APPLY_AND_LOSE_ANSWER, calls={1})
        mail.faults.on("account_probe", Fault.CANNOT_CONNECT, calls={2, 3, 4})
        other.faults.on("account_rotate", Fault.REFUSE)

        [operation] = harness.rotate(["birim46"])

        assert not mail.inner.logs_in("birim46", message.password)
        assert operation.state is OperationState.INCOMPLETE
        assert harness.account("birim46").state is AccountState.INCOMPLETE
