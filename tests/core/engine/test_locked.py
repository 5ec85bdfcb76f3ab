"""An account that somebody else locked at a target: the lock is named, and the operation ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from provisioner import hookimpl
from provisioner.core.api.messages import AccountReport, CloseAccount, Presence, ProbeAccount
from provisioner.core.model import AccountState, Operation, OperationState, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

UNIT = Unit(code="u", name="Birim", kind="office", login="birim", custodian="1")
PERSONS = [Person(id=str(n), name=f"Kişi {n}", mobile=f"+90532000000{n}") for n in (1, 2)]


class Directory(MemoryTarget):
    """Says by what an account is locked."""

    lock_text = "nsAccountLock=true"

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        report = MemoryTarget.account_probe(self, request)
        return attrs.evolve(report, lock=self.lock_text if report.presence is Presence.DISABLED else "")


class Office:
    """A directory that an administrator works on, behind a target that was changed before it."""

    def __init__(self, folder: Path, directory: MemoryTarget) -> None:
        self.directory = directory
        self.first = MemoryTarget()
        self.phones = MemoryChannel()
        self.posta = FaultTarget(directory)
        targets = {"pys": self.first, "posta": self.posta}
        self.harness = Harness(folder / "store.sqlite", targets=targets, channels={"sms": self.phones})
        self.harness.know(units=[UNIT], persons=PERSONS)
        self.harness.open(["u"])

    def lock(self) -> None:
        account = self.harness.account("birim")
        self.directory.account_close(CloseAccount(operation_id="by hand", account=account, unit=UNIT))

    def unlock(self) -> None:
        entry = self.directory._entries["birim"]
        self.directory._entries["birim"] = attrs.evolve(entry, enabled=True)

    @property
    def messages(self) -> list[str]:
        return [one.password for person in PERSONS for one in self.phones.inbox(person.mobile or "")]


@pytest.fixture(name="office", params=[Directory, MemoryTarget])
def _office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    office = Office(tmp_path, request.param())
    yield office
    office.harness.close()


def rotated(office: Office) -> list[Operation]:
    return office.harness.rotate(["birim"])


def handed_over(office: Office) -> list[Operation]:
    return office.harness.hand_over("birim", "2")


CHANGES = [rotated, handed_over]


@pytest.mark.parametrize("change", CHANGES)
def test_a_renewal_ends_and_names_the_lock(office: Office, change: Callable[[Office], list[Operation]]) -> None:
    office.lock()

    [operation] = change(office)

    assert operation.state is OperationState.UNDONE
    assert operation.error is not None
    assert operation.error.name == "LockedError"
    named = "nsAccountLock=true" if isinstance(office.directory, Directory) else "not by this program"
    assert "posta" in str(operation.error.message)
    assert named in str(operation.error.message)
    assert "an administrator of posta" in str(operation.error.cure)
    assert office.harness.resume() == []


@pytest.mark.parametrize("change", CHANGES)
def test_the_former_password_is_good_again_when_the_lock_is_lifted(
    office: Office, change: Callable[[Office], list[Operation]]
) -> None:
    office.lock()
    change(office)
    office.unlock()

    [password] = office.messages
    assert office.directory.logs_in("birim", password)
    assert office.first.logs_in("birim", password)
    account = office.harness.account("birim")
    assert (account.state, account.holder) == (AccountState.OPEN, "1")
    [again] = change(office)
    assert again.state is OperationState.DONE


def test_a_lock_that_shows_only_after_a_lost_answer_is_named_too(office: Office) -> None:
    office.lock()
    office.posta.faults.on("account_rotate", Fault.APPLY_AND_LOSE_ANSWER)

    [operation] = rotated(office)

    assert operation.state is OperationState.INCOMPLETE
    assert operation.error is not None
    assert operation.error.name == "LockedError"


def test_a_locked_account_can_be_closed(office: Office) -> None:
    office.lock()

    [operation] = office.harness.close_accounts(["birim"])

    assert operation.state is OperationState.DONE


def test_a_lock_that_an_opening_does_not_lift_ends_it(tmp_path: Path) -> None:
    """A role can hold it: the directory answers that it is lifted, and it is not."""

    class Held(Directory):
        @hookimpl
        def account_probe(self, request: ProbeAccount) -> AccountReport:
            report = MemoryTarget.account_probe(self, request)
            if report.presence is Presence.ABSENT:
                return report
            return attrs.evolve(report, presence=Presence.DISABLED, secret_accepted=False, lock="nsRoleDN=cn=locked")

    office = Office(tmp_path, Held())

    [operation] = office.harness.open(["u"])

    assert operation.state is OperationState.UNDONE
    assert operation.error is not None
    assert "nsRoleDN=cn=locked" in str(operation.error.message)
    assert office.messages == []
    office.harness.close()


def test_a_report_without_a_lock_is_what_it_was() -> None:
    """A plug-in that was written before locks were told keeps working."""
    report = MemoryTarget().account_probe(samples.probe(Secret("x")))

    assert report.lock == ""
