"""Sessions of an account end after its password, holder or state was changed, and what is left open is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.events import Event, OperationEnded, StepBegun
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AccountReport, CloseAccount, EndSessions, ProbeAccount, Receipt
from provisioner.core.gateways.gateway import TARGET_HOOKS
from provisioner.core.model import AccountState, Operation, OperationKind, OperationState, Outcome, SessionsState
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel, Faults, FaultSessions, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.memory_mail import MemoryMail, MemorySession

LOGIN, MAIL = samples.ACCOUNT.login, samples.ACCOUNT.mail
#: The kinds of operation after which another person or nobody may be logged in.
KINDS = ["create", "reopen", "rotate", "handover", "close"]


class Directory(MemoryTarget):
    """A directory that knows more names than the product."""

    names: tuple[str, ...] = ()

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        return attrs.evolve(super().account_probe(request), spellings=self.names)

    def administer(self, *, enabled: bool) -> None:
        """Enable or disable the account, as an administrator of the directory does."""
        self._entries[LOGIN] = attrs.evolve(self._entries[LOGIN], enabled=enabled)


class Mail(MemoryMail):
    """A mail server that remembers what it was asked."""

    def __init__(self, directory: MemoryTarget) -> None:
        super().__init__(directory)
        self.asked: list[EndSessions] = []
        self.proves = True

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        self.asked.append(request)
        return attrs.evolve(MemoryMail.sessions_end(self, request), proved=self.proves)


@attrs.define(eq=False)
class Blind:
    """A directory that closes accounts, and can't tell whether they are closed."""

    directory: Directory

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        return self.directory.account_close(request)


class Database(MemoryTarget):
    """A target that holds accounts and their sessions."""

    ended: list[str]

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        self.ended.append(request.account.login)
        return Receipt(outcome=Outcome.APPLIED)


class Office:
    """A directory, a mail server that asks it, a phone, and one process after the other."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directory = Directory()
        self.mail = Mail(self.directory)
        self.phones = MemoryChannel()
        self.faults = {name: Faults() for name in ("directory", "mail", "sms", "third")}
        self.more: dict[str, object] = {}
        self.keeps_mail = True
        self.cannot: dict[str, list[str]] = {}
        self.scopes: dict[str, dict[str, Any]] = {}
        self.events: list[Event] = []
        self.harness = self.start()
        self.harness.know(units=[samples.UNIT], persons=[samples.HOLDER, samples.SUCCESSOR])

    def start(self) -> Harness:
        mail = {"mail": FaultSessions(self.mail, self.faults["mail"])} if self.keeps_mail else {}
        harness = Harness(
            self.file,
            targets={
                **mail,
                "directory": FaultTarget(self.directory, self.faults["directory"]),
                **self.more,
            },
            channels={"sms": FaultChannel(self.phones, self.faults["sms"])},
            clock=self.clock,
            scopes=self.scopes,
            cannot=self.cannot,
        )
        harness.after_record = self.events.extend
        self.harness = harness
        return harness

    def fail(self, fault: Fault = Fault.CANNOT_CONNECT) -> None:
        self.faults["mail"].on("sessions_end", fault)

    def heal(self) -> None:
        self.faults["mail"].clear()
        self.clock.advance(timedelta(minutes=10))

    def do(self, kind: str) -> Operation:
        harness = self.harness
        if kind != "create" and LOGIN not in harness.store.accounts.get_many([LOGIN]):
            harness.open([samples.UNIT.code])
        if kind == "reopen" and harness.account(LOGIN).state is AccountState.OPEN:
            harness.close_accounts([LOGIN])
        [operation] = {
            "create": lambda: harness.open([samples.UNIT.code]),
            "reopen": lambda: harness.reopen([LOGIN]),
            "rotate": lambda: harness.rotate([LOGIN]),
            "handover": lambda: harness.hand_over(LOGIN, samples.SUCCESSOR.id),
            "close": lambda: harness.close_accounts([LOGIN]),
        }[kind]()
        return operation

    def prepare(self, kind: str) -> None:
        """Do what has to come before an operation of this kind."""
        if kind != "create":
            self.do("create")
        if kind == "reopen":
            self.do("close")

    def passwords(self) -> list[str]:
        numbers = (samples.HOLDER.mobile or "", samples.SUCCESSOR.mobile or "")
        return [message.password for number in numbers for message in self.phones.inbox(number)]

    def log_in(self, spelling: str = LOGIN) -> MemorySession:
        session = self.mail.log_in(spelling, self.passwords()[-1])
        assert session
        return session

    def sessions(self) -> dict[str, SessionsState]:
        return dict(self.harness.store.accounts.sessions([LOGIN]).get(LOGIN, {}))


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.harness.close()


def steps(operation: Operation) -> Sequence[tuple[str, str]]:
    return [(step.name, step.hook) for step in operation.steps]


@pytest.mark.parametrize("kind", KINDS)
def test_no_session_and_no_password_of_before_is_left(office: Office, kind: str) -> None:
    office.prepare(kind)
    sessions = [office.log_in(), office.log_in(MAIL)] if kind in {"rotate", "handover", "close"} else []
    old = office.passwords()[-1:]

    operation = office.do(kind)

    assert operation.state is OperationState.DONE
    assert not any(session.is_open for session in sessions)
    assert not any(office.mail.log_in(spelling, word) for spelling in (LOGIN, MAIL) for word in old)
    assert office.sessions() == {"mail": SessionsState.ENDED}


@pytest.mark.parametrize("kind", ["rotate", "handover"])
def test_sessions_end_after_the_directory_and_before_the_message(office: Office, kind: str) -> None:
    """Otherwise, a client that reconnects gets in again, or a person reads the new password too early."""
    office.prepare(kind)

    operation = office.do(kind)

    assert steps(operation) == [
        ("directory", f"account_{kind}"),
        ("directory", "account_probe"),
        ("mail", "sessions_end"),
        ("sms", "secret_deliver"),
    ]
    [request] = office.mail.asked[-1:]
    assert request.after is OperationKind(kind)
    assert request.secret
    assert request.secret.reveal() == office.passwords()[-1]
    assert request.account.holder == samples.HOLDER.id


def test_a_closure_sends_no_secret(office: Office) -> None:
    office.do("close")

    assert office.mail.asked[-1].secret is None


def test_the_plan_shows_where_sessions_end(office: Office) -> None:
    [work] = office.harness.planner.open_units([samples.UNIT], INITIATOR).work

    assert ("mail", "sessions_end") in steps(work.operation)


def test_stored_names_come_first_and_no_letter_is_folded(office: Office) -> None:
    """A cache goes by the spelling, and İ, I, ı and i are four letters."""
    office.directory.names = ("ILCE46", "İlçe46@meb.gov.tr", LOGIN, "ILCE46")
    office.do("close")

    assert office.mail.asked[-1].spellings == ("ILCE46", "İlçe46@meb.gov.tr", LOGIN, MAIL)


def test_a_directory_that_names_nothing_leaves_login_and_address(office: Office) -> None:
    office.do("close")

    assert office.mail.asked[-1].spellings == (LOGIN, MAIL)


class TestUnreachable:
    """A mail server that can't be reached."""

    @pytest.mark.parametrize("kind", ["create", "reopen", "rotate", "handover"])
    def test_keeps_no_password_from_its_owner(self, office: Office, kind: str) -> None:
        office.prepare(kind)
        before = len(office.passwords())
        office.fail()

        operation = office.do(kind)

        account = office.harness.account(LOGIN)
        assert operation.state is OperationState.INCOMPLETE
        assert operation.next_try_at
        assert operation.error
        assert operation.error.name == "SessionsOpenError"
        assert "sessions may still be open on mail" in str(operation.error.message)
        assert len(office.passwords()) == before + 1
        assert office.directory.logs_in(LOGIN, office.passwords()[-1])
        assert account.state is AccountState.OPEN
        assert account.password_changed_at == office.clock()
        assert office.sessions() == {"mail": SessionsState.OPEN}

    @pytest.mark.parametrize("kind", KINDS)
    def test_is_asked_again_and_nothing_else(self, office: Office, kind: str) -> None:
        office.prepare(kind)
        session = office.log_in() if kind in {"rotate", "handover", "close"} else None
        office.fail()
        first = office.do(kind)
        sent = office.passwords()
        changes = dict(office.faults["directory"].calls)
        office.heal()

        [operation] = office.harness.resume()

        assert (operation.id, operation.state) == (first.id, OperationState.DONE)
        assert operation.tries == 2
        assert office.passwords() == sent
        after = office.faults["directory"].calls
        assert {hook for hook in after if after[hook] != changes.get(hook, 0)} <= {"account_probe", "target_check"}
        assert steps(operation) == steps(first)
        assert office.mail.asked[-1].secret is None
        assert session is None or not session.is_open
        assert office.sessions() == {"mail": SessionsState.ENDED}
        expected = AccountState.CLOSED if kind == "close" else AccountState.OPEN
        assert office.harness.account(LOGIN).state is expected
        assert office.harness.resume() == []

    def test_lets_nothing_be_called_closed(self, office: Office) -> None:
        office.do("create")
        office.fail()

        operation = office.do("close")

        assert operation.state is OperationState.INCOMPLETE
        assert "it is closed, but sessions may still be open on mail" in str(
            operation.error and operation.error.message
        )
        assert office.harness.account(LOGIN).state is AccountState.INCOMPLETE
        assert office.harness.account(LOGIN).closed_at is None

    def test_is_no_reason_not_to_begin(self, office: Office) -> None:
        """A password that leaked is replaced also while the mail server is down."""
        office.do("create")
        office.faults["mail"].on("target_check", Fault.CANNOT_CONNECT)
        office.fail()

        assert office.do("rotate").state is OperationState.INCOMPLETE
        assert len(office.passwords()) == 2

    @pytest.mark.parametrize("kind", ["rotate", "close"])
    def test_goes_on_when_the_directory_is_down_and_calls_no_session_ended(self, office: Office, kind: str) -> None:
        """The directory may know the account by other names, under which sessions are open."""
        office.do("create")
        office.directory.names = ("eski.ad",)
        office.fail()
        office.do(kind)
        office.heal()
        for hook in ("target_check", "account_probe", "account_close"):
            office.faults["directory"].on(hook, Fault.CANNOT_CONNECT)

        [operation] = office.harness.resume()

        assert office.mail.asked[-1].spellings == (LOGIN, MAIL)
        assert operation.state is OperationState.INCOMPLETE
        assert office.sessions() == {"mail": SessionsState.OPEN}
        office.faults["directory"].clear()
        office.heal()
        assert [one.state for one in office.harness.resume()] == [OperationState.DONE]
        assert "eski.ad" in office.mail.asked[-1].spellings
        assert office.sessions() == {"mail": SessionsState.ENDED}

    def test_names_where_sessions_are_open_and_what_has_to_work_again(self, office: Office) -> None:
        office.do("create")
        office.fail()
        office.do("rotate")
        office.heal()
        office.faults["directory"].on("account_probe", Fault.CANNOT_CONNECT)

        [operation] = office.harness.resume()

        assert operation.error
        assert "sessions may still be open on mail: " in str(operation.error.message)
        assert "mail" not in str(operation.error.cure)

    @pytest.mark.parametrize("command", ["close", "again", "resume"])
    def test_lets_no_account_be_called_closed_that_was_enabled_meanwhile(self, office: Office, command: str) -> None:
        office.do("create")
        office.fail()
        office.do("close")
        office.directory.administer(enabled=True)
        session = office.log_in()
        office.heal()
        harness = office.harness
        plan = harness.planner.close([harness.account(LOGIN)], INITIATOR, again=True)

        [operation] = {
            "close": lambda: harness.close_accounts([LOGIN]),
            "again": lambda: harness.run(plan),
            "resume": harness.resume,
        }[command]()

        assert operation.state is OperationState.DONE
        assert harness.account(LOGIN).state is AccountState.CLOSED
        assert not office.directory.logs_in(LOGIN, office.passwords()[-1])
        assert not session.is_open

    def test_lets_no_withdrawal_be_called_done_where_the_account_was_enabled_meanwhile(self, office: Office) -> None:
        second = Directory()
        office.more = {"second": second}
        office.harness.close()
        office.start()
        office.do("create")
        office.scopes = {"second": {"kinds": ["x"]}, "mail": {"kinds": ["x"]}}
        office.harness.close()
        office.start()
        office.fail()
        office.harness.withdraw([LOGIN])
        second.administer(enabled=True)
        office.heal()

        [operation] = office.harness.resume()

        assert operation.state is OperationState.DONE
        assert not second.logs_in(LOGIN, office.passwords()[-1])

    def test_calls_no_account_closed_that_is_only_withdrawn(self, office: Office) -> None:
        """It stays open elsewhere."""
        office.more = {"second": Directory()}
        office.harness.close()
        office.start()
        office.do("create")
        office.scopes = {"second": {"kinds": ["x"]}, "mail": {"kinds": ["x"]}}
        office.harness.close()
        office.start()
        office.fail()

        [operation] = office.harness.withdraw([LOGIN])

        assert operation.error
        assert "it is withdrawn, but sessions may still be open on mail" in str(operation.error.message)

    def test_lets_a_reopening_be_repeated_where_the_account_was_disabled_meanwhile(self, office: Office) -> None:
        office.prepare("reopen")
        office.fail()
        office.do("reopen")
        office.directory.administer(enabled=False)
        office.heal()
        harness = office.harness

        [operation] = harness.run(harness.planner.reopen([harness.account(LOGIN)], INITIATOR, again=True))

        assert operation.state is OperationState.DONE
        assert office.directory.logs_in(LOGIN, office.passwords()[-1])

    def test_ends_sessions_also_if_nobody_can_tell_whether_the_account_is_still_closed(self, office: Office) -> None:
        office.do("create")
        session = office.log_in()
        office.fail()
        office.do("close")
        office.heal()
        for hook in ("account_probe", "account_close"):
            office.faults["directory"].on(hook, Fault.CANNOT_CONNECT)

        [operation] = office.harness.resume()

        assert operation.state is OperationState.INCOMPLETE
        assert not session.is_open
        office.faults["directory"].clear()
        office.heal()
        assert [one.state for one in office.harness.resume()] == [OperationState.DONE]
        assert office.harness.account(LOGIN).state is AccountState.CLOSED

    @pytest.mark.parametrize("kind", ["rotate", "close"])
    def test_leaves_sessions_unproved_if_it_is_no_longer_configured(self, office: Office, kind: str) -> None:
        """Nothing is left that could end them, and nothing shows that they ended."""
        office.do("create")
        office.fail()
        office.do(kind)
        office.heal()
        office.harness.close()
        office.keeps_mail = False
        office.start()

        [operation] = office.harness.resume()

        assert operation.state is OperationState.DONE
        assert office.sessions() == {"mail": SessionsState.UNPROVED}
        [step] = [step for step in operation.steps if step.hook == "sessions_end"]
        assert step.error
        assert "mail is no longer configured" in str(step.error.message)

    def test_forgets_no_session_if_a_target_refuses_a_withdrawal(self, office: Office) -> None:
        office.more = {"second": Directory(), "third": FaultTarget(Directory(), office.faults["third"])}
        office.harness.close()
        office.start()
        office.do("create")
        session = office.log_in()
        office.scopes = {name: {"kinds": ["x"]} for name in ("mail", "second", "third")}
        office.harness.close()
        office.start()
        office.fail()
        office.faults["third"].on("account_close", Fault.REFUSE)

        [operation] = office.harness.withdraw([LOGIN])

        assert operation.error
        assert operation.state is OperationState.INCOMPLETE
        assert "sessions may still be open on mail" in str(operation.error.message)
        assert office.sessions() == {"mail": SessionsState.OPEN}
        office.heal()
        [resumed] = office.harness.resume()
        assert not session.is_open
        assert office.sessions() == {"mail": SessionsState.ENDED}
        assert resumed.error
        assert (resumed.state, resumed.error.name) == (OperationState.FAILED, "RefusedError")
        assert office.harness.resume() == []

    @pytest.mark.parametrize("kind", ["rotate", "handover"])
    def test_forgets_no_session_if_a_new_password_is_refused_meanwhile(self, office: Office, kind: str) -> None:
        office.do("create")
        session = office.log_in()
        office.fail()
        office.do("rotate")
        office.faults["directory"].on(f"account_{kind}", Fault.REFUSE)

        operation = office.do(kind)

        assert operation.error
        assert operation.state is OperationState.INCOMPLETE
        assert "sessions may still be open on mail" in str(operation.error.message)
        assert office.harness.account(LOGIN).state is AccountState.OPEN
        office.heal()
        [resumed] = office.harness.resume()
        assert not session.is_open
        assert office.sessions() == {"mail": SessionsState.ENDED}
        assert resumed.error
        assert (resumed.state, resumed.error.name) == (OperationState.FAILED, "RefusedError")
        assert office.harness.resume() == []
        assert office.directory.logs_in(LOGIN, office.passwords()[-1])
        assert len(office.passwords()) == 2

    def test_lets_a_refused_password_be_made_when_the_target_takes_it(self, office: Office) -> None:
        office.do("create")
        office.fail()
        office.do("rotate")
        office.faults["directory"].on("account_rotate", Fault.REFUSE)
        office.do("rotate")
        office.faults["directory"].clear()
        office.heal()

        operation = office.do("rotate")

        assert operation.state is OperationState.DONE
        assert office.sessions() == {"mail": SessionsState.ENDED}
        assert len(office.passwords()) == 3
        assert office.harness.resume() == []

    @pytest.mark.parametrize("kind", ["create", "reopen", "rotate", "handover"])
    def test_lets_the_account_be_updated_meanwhile(self, office: Office, kind: str) -> None:
        office.prepare(kind)
        office.fail()
        office.do(kind)

        [operation] = office.harness.update([LOGIN])

        assert operation.error
        assert operation.state is OperationState.INCOMPLETE
        assert "it is up to date, but sessions may still be open on mail" in str(operation.error.message)
        assert ("directory", "account_update") in steps(operation)
        assert office.sessions() == {"mail": SessionsState.OPEN}
        office.heal()
        assert [one.state for one in office.harness.resume()] == [OperationState.DONE]
        assert office.mail.asked[-1].after is OperationKind.ROTATE
        assert office.sessions() == {"mail": SessionsState.ENDED}

    def test_is_no_reason_to_believe_a_target_that_cannot_tell(self, office: Office) -> None:
        """The account may have been enabled meanwhile."""
        office.do("create")
        office.more = {"directory": Blind(office.directory)}
        office.cannot = {"directory": [hook for hook in TARGET_HOOKS if hook != "account_close"]}
        office.harness.close()
        office.start()
        office.fail()
        office.do("close")
        office.directory.administer(enabled=True)
        office.heal()

        [operation] = office.harness.resume()

        assert operation.state is OperationState.DONE
        assert not office.directory.logs_in(LOGIN, office.passwords()[-1])

    def test_is_remembered_of_a_target_that_left_the_configuration(self, office: Office) -> None:
        office.do("create")
        office.fail()
        office.do("rotate")
        office.heal()
        office.harness.close()
        office.keeps_mail = False
        office.start()

        operation = office.do("rotate")

        assert operation.state is OperationState.DONE
        assert office.sessions() == {"mail": SessionsState.UNPROVED}
        [step] = [step for step in operation.steps if step.hook == "sessions_end"]
        assert step.error
        assert "mail is no longer configured" in str(step.error.message)

    def test_waits_longer_each_time(self, office: Office) -> None:
        office.do("create")
        office.fail()
        first = office.do("close")
        office.clock.advance(timedelta(hours=1))
        [second] = office.harness.resume()

        assert first.next_try_at
        assert second.next_try_at
        assert second.next_try_at - office.clock() > first.next_try_at - (office.clock() - timedelta(hours=1))

    def test_lets_a_new_password_be_made_meanwhile(self, office: Office) -> None:
        """To end the sessions of the last password is no answer to a person who wants another one."""
        office.do("create")
        office.fail()
        office.do("rotate")
        office.heal()

        operation = office.do("rotate")

        assert operation.state is OperationState.DONE
        assert len(office.passwords()) == 3
        assert office.sessions() == {"mail": SessionsState.ENDED}
        assert office.harness.resume() == []

    @pytest.mark.parametrize("kind", ["create", "reopen", "handover"])
    def test_lets_a_leaked_password_be_replaced_meanwhile(self, office: Office, kind: str) -> None:
        office.prepare(kind)
        office.fail()
        office.do(kind)
        leaked = office.passwords()[-1]
        office.heal()

        operation = office.do("rotate")

        assert operation.state is OperationState.DONE
        assert not office.directory.logs_in(LOGIN, leaked)
        assert office.sessions() == {"mail": SessionsState.ENDED}
        assert office.harness.resume() == []

    @pytest.mark.parametrize("kind", ["create", "reopen", "rotate"])
    def test_lets_the_account_be_handed_over_meanwhile(self, office: Office, kind: str) -> None:
        office.prepare(kind)
        office.fail()
        office.do(kind)
        office.heal()

        operation = office.do("handover")

        assert operation.state is OperationState.DONE
        assert office.harness.account(LOGIN).holder == samples.SUCCESSOR.id
        assert office.harness.resume() == []

    def test_hands_nothing_over_to_its_own_holder(self, office: Office) -> None:
        office.fail()
        office.do("create")

        account = office.harness.account(LOGIN)
        plan = office.harness.planner.hand_over(account, to=samples.HOLDER.id, initiator=INITIATOR)

        assert not plan.work
        assert plan.unchanged

    @pytest.mark.parametrize("kind", ["rotate", "handover"])
    def test_lets_nothing_replace_a_closure(self, office: Office, kind: str) -> None:
        """Its password isn't the one that is left to end the sessions of."""
        office.do("create")
        office.fail()
        office.do("close")
        account, planner = office.harness.account(LOGIN), office.harness.planner

        plan = {
            "rotate": lambda: planner.rotate([account], INITIATOR),
            "handover": lambda: planner.hand_over(account, to=samples.SUCCESSOR.id, initiator=INITIATOR),
        }[kind]()

        assert not plan.work
        assert plan.refused

    def test_lets_an_opening_that_is_repeated_send_no_second_message(self, office: Office) -> None:
        office.fail()
        office.do("create")
        office.heal()

        operation = office.do("create")

        assert operation.state is OperationState.DONE
        assert len(office.passwords()) == 1

    def test_keeps_the_record_of_the_handover(self, office: Office) -> None:
        """The account is handed over; the unit has its new custodian."""
        office.do("create")
        office.fail()
        operation = office.do("handover")
        harness = office.harness

        record = harness.store.handovers.get_many([operation.id])
        assert record.keys() == {operation.id}
        assert harness.store.units.get_many([samples.UNIT.code])[samples.UNIT.code].custodian == samples.SUCCESSOR.id
        assert harness.account(LOGIN).holder == samples.SUCCESSOR.id
        office.heal()
        harness.resume()
        assert harness.store.handovers.get_many([operation.id]) == record

    def test_is_told_also_if_a_target_fails_too(self, office: Office) -> None:
        office.more = {"second": FaultTarget(MemoryTarget(), Faults())}
        office.harness.close()
        office.start()
        office.do("create")
        office.more["second"].faults.on("account_close", Fault.CANNOT_CONNECT)  # type: ignore[attr-defined]
        office.fail()

        operation = office.do("close")

        assert ("mail", "sessions_end") in steps(operation)
        assert office.sessions() == {"mail": SessionsState.OPEN}

    @pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.MISCONFIGURED, Fault.DEFECT, Fault.THROTTLE])
    def test_fails_in_every_other_way_too(self, office: Office, fault: Fault) -> None:
        office.do("create")
        office.fail(fault)

        assert office.do("rotate").state is OperationState.INCOMPLETE
        assert len(office.passwords()) == 2
        office.heal()
        assert [operation.state for operation in office.harness.resume()] == [OperationState.DONE]

    def test_is_not_asked_before_its_maintenance_ends(self, office: Office) -> None:
        office.do("create")
        until = office.clock() + timedelta(hours=3)
        office.harness.maintain("mail", until)

        operation = office.do("rotate")

        assert (operation.state, operation.next_try_at) == (OperationState.INCOMPLETE, until)
        assert len(office.passwords()) == 2
        office.clock.advance(timedelta(hours=4))
        assert [one.state for one in office.harness.resume()] == [OperationState.DONE]


def test_a_closure_that_changed_nothing_ends_no_session(office: Office) -> None:
    office.do("create")
    session = office.log_in()
    office.faults["directory"].on("account_close", Fault.REFUSE)

    assert office.do("close").state is OperationState.FAILED
    assert session.is_open


def test_what_was_rolled_back_leaves_nothing_to_end(office: Office) -> None:
    office.do("create")
    office.fail()
    office.faults["sms"].on("secret_deliver", Fault.REFUSE)

    assert office.do("rotate").state is OperationState.UNDONE
    assert office.sessions() == {"mail": SessionsState.ENDED}


def test_what_cannot_be_proved_is_told_and_not_repeated(office: Office) -> None:
    office.mail.proves = False

    assert office.do("close").state is OperationState.DONE
    assert office.sessions() == {"mail": SessionsState.UNPROVED}


def test_an_update_ends_no_session(office: Office) -> None:
    office.do("create")
    session = office.log_in()
    office.harness.know(units=[attrs.evolve(samples.UNIT, name="Yeni Ad")])

    [operation] = office.harness.update([LOGIN])

    assert operation.state is OperationState.DONE
    assert session.is_open


def test_a_target_with_accounts_ends_their_sessions_first(office: Office) -> None:
    database = Database()
    database.ended = []
    office.more = {"database": database}
    office.harness.close()
    office.start()

    operation = office.do("create")

    assert database.ended == [LOGIN]
    assert [name for name, hook in steps(operation) if hook == "sessions_end"] == ["database", "mail"]


def test_a_scope_that_leaves_the_account_out_ends_no_session(office: Office) -> None:
    office.scopes = {"mail": {"kinds": ["school"]}}
    office.harness.close()
    office.start()

    assert ("mail", "sessions_end") not in steps(office.do("create"))


def test_an_account_that_left_the_scope_is_closed_there_too(office: Office) -> None:
    office.do("create")
    session = office.log_in()
    office.scopes = {"mail": {"kinds": ["school"]}}
    office.harness.close()
    office.start()

    office.do("close")

    assert not session.is_open


def test_a_withdrawal_ends_the_sessions_on_what_the_account_leaves(office: Office) -> None:
    """It stays open in the directory, which the mail server asks."""
    database = Database()
    database.ended = []
    office.more = {"database": database}
    office.harness.close()
    office.start()
    office.do("create")
    office.scopes = {"database": {"kinds": ["school"]}}
    office.harness.close()
    office.start()

    [operation] = office.harness.withdraw([LOGIN])

    assert [step for step in steps(operation) if step[1] == "sessions_end"] == [("database", "sessions_end")]
    assert database.ended == [LOGIN, LOGIN]


def test_a_deletion_ends_sessions_too(office: Office) -> None:
    """A target that can't close an account deletes it."""
    office.do("close")

    [operation] = office.harness.delete([LOGIN])

    assert operation.state is OperationState.DONE
    assert ("mail", "sessions_end") in steps(operation)


class CrashError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", [1, 2])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_while_sessions_are_ended_later_sends_no_second_message(
    office: Office, kind: str, point: int, *, after: bool
) -> None:
    office.prepare(kind)
    office.fail()
    office.do(kind)
    sent = office.passwords()
    office.heal()
    dying = office.harness
    left = point

    def die(_: Sequence[Event]) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise CrashError

    if after:
        dying.after_record = die
    else:
        dying.on_record = die
    try:
        dying.resume()
    except CrashError:
        office.clock.advance(timedelta(minutes=2))
    heir = office.start()
    heir.resume()

    assert office.passwords() == sent
    assert not heir.store.operations.unended([LOGIN])
    assert office.sessions() == {"mail": SessionsState.ENDED}
    assert heir.account(LOGIN).state is (AccountState.CLOSED if kind == "close" else AccountState.OPEN)
    dying.close()


def test_the_journal_has_every_attempt(office: Office) -> None:
    office.do("create")
    office.fail()
    office.do("rotate")
    office.heal()
    office.events.clear()
    office.harness.resume()

    assert [event.kind for event in office.events] == [
        "operation_started",
        "step_begun",
        "step_ended",
        "operation_ended",
    ]
    [begun] = [event for event in office.events if isinstance(event, StepBegun)]
    assert (begun.position, begun.step.hook) == (2, "sessions_end")
    [ended] = [event for event in office.events if isinstance(event, OperationEnded)]
    assert ended.sessions == {"mail": SessionsState.ENDED}
    assert ended.handover is None
