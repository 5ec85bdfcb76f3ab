"""Whatever is done in whatever order, and whatever fails or dies in between, nothing is lost and nobody is fooled."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Protocol

import attrs
import ldap3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from provisioner.core.api.errors import InputError, LockedError, MissingError, NotReadyError
from provisioner.core.api.events import Event
from provisioner.core.api.messages import AccountReport, Presence, ProbeAccount, RotateSecret
from provisioner.core.model import Account, AccountState, OperationState, Person, TargetState, Unit
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.model.scope import Scope
from provisioner.core.model.secret import Secret
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.core.reconcile.differences import Difference
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import EVERY_CALL, Fault, FaultChannel, Faults, FaultSessions, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.memory_mail import MemoryMail, MemorySession
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, TlsMode
from tests.acceptance.province import Entrance

PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532000000{n}") for n in range(3)]
UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind=kind, login=f"birim{n}", custodian=PERSONS[n].id)
    for n, kind in enumerate(["office", "school"])
]
#: The office has to ask for its renewals, the school gets them.
RULE_SETS = (
    RuleSet(name="renewal", rules=(RenewOrClose(),)),
    RuleSet(name="schools", rules=(AutoRotate(),), scope=Scope(kinds=frozenset({"school"}))),
)
START = FakeClock()()
CHANGE = "change"

#: How many wrong passwords the directory takes before it locks an account: more than the tests ever try of those that
#: became void.
PATIENCE = 10_000

units = st.sampled_from(UNITS)
sides = st.sampled_from([0, 1])
persons = st.sampled_from(PERSONS)
#: Where something goes wrong: in the change itself, in its proof, in taking it back, or in the message.
places = st.sampled_from(
    [
        *((target, hook) for target in ("first", "second") for hook in (CHANGE, CHANGE, "account_probe", "undo")),
        ("sms", "secret_deliver"),
        ("sms", "delivery_probe"),
    ]
)
#: What goes wrong with an operation: where, how, and whether it lasts; often nothing does.
troubles = st.none() | st.lists(st.tuples(places, st.sampled_from(Fault), st.booleans()), min_size=1, max_size=2)
Troubles = list[tuple[tuple[str, str], Fault, bool]] | None


class CrashError(BaseException):
    """The process is gone."""


class System(Protocol):
    """A target that can be asked who gets in, and what it has of an account."""

    def logs_in(self, login: str, password: str) -> bool: ...

    def lock(self, login: str) -> None: ...

    def account_probe(self, request: ProbeAccount) -> AccountReport: ...


class Accounts(RuleBasedStateMachine):
    """Two units, three people, two targets, one channel, and one process after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.exit = ExitStack()
        self.folder = Path(self.exit.enter_context(tempfile.TemporaryDirectory()))
        self.clock = FakeClock()
        first, second = self.first(), MemoryTarget()
        self.directories: list[System] = [first, second]
        self.phones = MemoryChannel()
        self.faults = {place: Faults() for place in ("first", "second", "sms")}
        self.targets = {
            "first": FaultTarget(first, self.faults["first"]),
            "second": FaultTarget(second, self.faults["second"], undoes=False),
        }
        self.channels = {"sms": FaultChannel(self.phones, self.faults["sms"])}

    def first(self) -> System:
        return MemoryTarget()

    @initialize()
    def begin(self) -> None:
        self.harness = self.start()
        self.harness.know(units=UNITS, persons=PERSONS)

    def start(self) -> Harness:
        policy = Policy(rule_sets=RULE_SETS, since=dict.fromkeys(("renewal", "schools"), START), fingerprint="1")
        harness = Harness(
            self.folder / "store.sqlite",
            targets=self.systems,
            channels=self.channels,
            clock=self.clock,
            policy=policy,
            **self.options,
        )
        return self.exit.enter_context(harness)

    @property
    def systems(self) -> dict[str, object]:
        """The targets, with those that hold no accounts."""
        return dict(self.targets)

    @property
    def options(self) -> dict[str, Any]:
        """Further options of the harness."""
        return {}

    def teardown(self) -> None:
        self.exit.close()

    def account(self, unit: Unit) -> Account | None:
        return self.harness.store.accounts.get_many([unit.login or ""]).get(unit.login or "")

    def attempt(self, hook: str, troubles: Troubles, do: Callable[..., object], *arguments: object) -> None:
        """Do something in trouble; that it is not possible in this state, or not now, is an answer too."""
        for (place, which), fault, lasts in troubles or ():
            name = hook if which == CHANGE else which
            faults = self.faults[place]
            faults.on(name, fault, EVERY_CALL if lasts else {faults.calls[name] + 1})
        try:
            do(*arguments)
        except (InputError, NotReadyError):
            pass
        except CrashError:
            self.clock.advance(timedelta(minutes=2))
            self.harness = self.start()

    @rule(unit=units, troubles=troubles)
    def open(self, unit: Unit, troubles: Troubles) -> None:
        self.attempt("account_create", troubles, self.harness.open, [unit.code])

    @rule(unit=units, troubles=troubles)
    def close(self, unit: Unit, troubles: Troubles) -> None:
        if self.account(unit):
            self.attempt("account_close", troubles, self.harness.close_accounts, [unit.login])

    @rule(unit=units, troubles=troubles)
    def reopen(self, unit: Unit, troubles: Troubles) -> None:
        if self.account(unit):
            self.attempt("account_create", troubles, self.harness.reopen, [unit.login])

    @rule(unit=units, troubles=troubles)
    def rotate(self, unit: Unit, troubles: Troubles) -> None:
        account = self.account(unit)
        if account:
            self.attempt("account_rotate", troubles, self.harness.rotate, [unit.login])
            if account.state is AccountState.CLOSED:
                after = self.account(unit)
                assert after is not None
                assert after.state is AccountState.CLOSED
                self.what_is_closed_lets_nobody_in()

    @rule(unit=units, troubles=troubles)
    def delete(self, unit: Unit, troubles: Troubles) -> None:
        self.heal()
        self.open(unit, None)
        self.close(unit, None)
        if self.account(unit):
            self.attempt("account_delete", troubles, self.harness.delete, [unit.login])

    @rule(unit=units, person=st.none() | persons, troubles=troubles)
    def renew_what_is_locked(self, unit: Unit, person: Person | None, troubles: Troubles) -> None:
        """Let somebody guess until the first target locks an account; a new password must open it again."""
        self.heal()
        self.open(unit, None)
        account = self.account(unit)
        if (
            account is None
            or account.state is not AccountState.OPEN
            or self.harness.store.operations.unended([account.login])
        ):
            return
        self.directories[0].lock(account.login)
        assert self.valid(account.login)[0] == set()
        self.renew(unit, person, troubles)
        self.drive_on()
        self.renew(unit, person, None)
        self.check_settled(unit)

    def renew(self, unit: Unit, person: Person | None, troubles: Troubles) -> None:
        account = self.account(unit)
        if person and account and person.id != account.holder:
            self.hand_over(unit, person, troubles)
        else:
            self.rotate(unit, troubles)

    @rule(unit=units, person=persons, troubles=troubles)
    def hand_over(self, unit: Unit, person: Person, troubles: Troubles) -> None:
        if self.account(unit):
            self.attempt("account_handover", troubles, self.harness.hand_over, unit.login, person.id)

    @rule(
        days=st.sampled_from([1, 8, 31]), hook=st.sampled_from(["account_rotate", "account_close"]), troubles=troubles
    )
    def sweep(self, days: int, hook: str, troubles: Troubles) -> None:
        self.clock.advance(timedelta(days=days))
        self.attempt(hook, troubles, lambda: list(self.harness.sweep().run()))

    @rule()
    def heal(self) -> None:
        for faults in self.faults.values():
            faults.clear()

    @rule(writes=st.integers(1, 9), after=st.booleans())
    def crash(self, writes: int, *, after: bool) -> None:
        """Let the process die at its n-th write from now on; what it does until then is up to the next rules."""
        left = writes

        def die(_: Sequence[Event]) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise CrashError

        if after:
            self.harness.after_record = die
        else:
            self.harness.on_record = die

    @rule(hours=st.sampled_from([0, 1, 12]))
    def resume(self, hours: int) -> None:
        self.clock.advance(timedelta(hours=hours))
        self.attempt("", None, self.harness.resume)

    @rule()
    def settle(self) -> None:
        """Heal everything and drive on: everything comes to its end, and then nothing is left to do."""
        self.drive_on()
        assert self.harness.resume() == []
        list(self.harness.sweep().run())
        assert list(self.harness.sweep().run()) == []
        for unit in UNITS:
            self.check_settled(unit)

    def drive_on(self) -> None:
        self.heal()
        self.harness = self.start()
        for _ in range(3):
            self.clock.advance(timedelta(hours=7))
            self.harness.resume()

    def check_settled(self, unit: Unit) -> None:
        account = self.account(unit)
        login = unit.login or ""
        if account is None:
            return
        assert not self.harness.store.operations.unended([login])
        valid = self.valid(login)
        if account.state is AccountState.OPEN:
            assert len(valid[0]) == 1
            assert valid[0] == valid[1]
            assert valid[0] <= set(self.passwords(login, account.holder))
        else:
            assert account.state in {AccountState.CLOSED, AccountState.PLANNED}
            assert valid == [set(), set()]

    def valid(self, login: str) -> list[set[str]]:
        """Return, for each target, which of the passwords that were ever sent log in."""
        return [
            {password for password in self.passwords(login) if d.logs_in(login, password)} for d in self.directories
        ]

    def passwords(self, login: str, holder: str | None = None) -> list[str]:
        numbers = [person.mobile or "" for person in PERSONS if holder in {None, person.id}]
        return [one.password for number in numbers for one in self.phones.inbox(number) if one.login == login]

    @invariant()
    def at_most_one_operation_is_under_way_for_an_account(self) -> None:
        for unit in UNITS:
            unended = [
                operation
                for operation in self.harness.store.operations.find(login=unit.login)
                if not operation.state.ended
            ]
            assert len(unended) <= 1

    @invariant()
    def whatever_is_incomplete_has_a_reason_and_a_next_try(self) -> None:
        for operation in self.harness.store.operations.find(state=OperationState.INCOMPLETE):
            assert operation.error is not None
            assert operation.next_try_at is not None

    @invariant()
    def what_is_closed_lets_nobody_in(self) -> None:
        for unit in UNITS:
            account = self.account(unit)
            if (
                account
                and account.state is AccountState.CLOSED
                and not self.harness.store.operations.unended([account.login])
            ):
                words = self.passwords(account.login)
                assert not any(d.logs_in(account.login, word) for d in self.directories for word in words)

    @invariant()
    def of_what_is_deleted_nothing_is_left(self) -> None:
        for account in filter(None, map(self.account, UNITS)):
            states = self.harness.store.accounts.target_states(account.login)
            if states and not self.harness.store.operations.unended([account.login]):
                for name, directory in zip(self.targets, self.directories, strict=True):
                    if states.get(name) is TargetState.ABSENT:
                        assert directory.account_probe(ProbeAccount(account=account)).presence is Presence.ABSENT

    @invariant()
    def the_trail_is_whole(self) -> None:
        assert self.harness.store.audit_log.verify_chain() is None

    @invariant()
    def every_operation_is_told_from_plan_to_end(self) -> None:
        for operation in self.harness.store.operations.find():
            kinds = [entry.kind for entry in self.harness.store.audit_log.entries(operation_id=operation.id)]
            assert kinds[0] == "operation_planned"
            assert kinds.count("operation_started") == operation.tries
            assert (kinds[-1] in {"operation_ended", "deadline_met"}) >= operation.state.ended


class AccountsWithMail(Accounts):
    """A mail server asks the first target, and remembers; people log in to it and stay."""

    def __init__(self) -> None:
        super().__init__()
        first = self.directories[0]
        assert isinstance(first, MemoryTarget)
        self.mail = MemoryMail(first)
        self.faults["mail"] = Faults()
        #: Who is logged in, with which password.
        self.sessions: list[tuple[str, MemorySession]] = []

    @property
    def systems(self) -> dict[str, object]:
        return {**super().systems, "mail": FaultSessions(self.mail, self.faults["mail"])}

    @rule(unit=units, age=st.integers(0, 2), with_domain=st.booleans())
    def log_in(self, unit: Unit, age: int, *, with_domain: bool) -> None:
        """Log in with the last password, or with an earlier one."""
        account = self.account(unit)
        words = self.passwords(account.login)[-1 - age :][:1] if account else []
        for word in words:
            assert account
            session = self.mail.log_in(account.mail if with_domain else account.login, word)
            self.sessions += [(word, session)] if session else []

    @rule(fault=st.sampled_from(Fault), lasts=st.booleans())
    def let_mail_fail(self, fault: Fault, *, lasts: bool) -> None:
        faults = self.faults["mail"]
        faults.on("sessions_end", fault, EVERY_CALL if lasts else {faults.calls["sessions_end"] + 1})

    @invariant()
    def only_the_password_in_force_keeps_anybody_logged_in(self) -> None:
        for unit in UNITS:
            account = self.account(unit)
            if account is None or self.harness.store.operations.unended([account.login]):
                continue
            valid = self.valid(account.login)[0] if account.state is AccountState.OPEN else set()
            for word, session in self.sessions:
                assert session.login != account.login or not session.is_open or word in valid
            for word in set(self.passwords(account.login)) - valid:
                assert not any(self.mail.log_in(spelling, word) for spelling in (account.login, account.mail))

    @invariant()
    def no_operation_delivers_twice_after_a_delivery_that_was_recorded(self) -> None:
        for operation in self.harness.store.operations.find():
            entries = self.harness.store.audit_log.entries(operation_id=operation.id)
            sent = [
                entry
                for entry in entries
                if entry.kind == "step_ended" and '"hook":"secret_deliver"' in entry.body and '"applied"' in entry.body
            ]
            assert len(sent) <= 1


class AccountsInDirectory(Accounts):
    """The first target is a real directory, with a password policy that remembers, weighs and locks."""

    slapd: ClassVar[Slapd]
    entrance: ClassVar[Entrance]
    numbers: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self) -> None:
        self.entrance.clear()
        super().__init__()

    def first(self) -> System:
        directory = LdapDirectory(entrance=self.entrance, slapd=self.slapd, settings=settings_of(self.slapd))
        self.exit.callback(directory.close)
        return directory

    @rule(unit=units)
    def close_and_rotate_behind_the_product(self, unit: Unit) -> None:
        """Give a closed account a password in the directory; that alone must not open it."""
        self.heal()
        self.open(unit, None)
        self.close(unit, None)
        account, secret = self.account(unit), Secret(f"hidden-{next(self.numbers)}")
        if (
            account is None
            or account.state is not AccountState.CLOSED
            or self.harness.store.operations.unended([account.login])
        ):
            return
        with suppress(MissingError):
            self.targets["first"].inner.account_rotate(
                RotateSecret(operation_id="", account=account, unit=unit, secret=secret)
            )
        assert not self.entrance.logs_in(account.login, secret.reveal())


class DriftingAccounts(Accounts):
    """A hidden hand changes the targets, lists change, and scopes change from one process to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: dict[str, dict[str, list[str]]] = {}
        self.is_repaired = True

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.harness.open([unit.code for unit in UNITS])

    @property
    def options(self) -> dict[str, Any]:
        return {"scopes": self.scopes}

    def hide(self, unit: Unit, side: int, change: Callable[[Any], Any]) -> None:
        """Change an account in a target behind the product's back, if it is there."""
        entries, login = self.directories[side]._entries, unit.login  # type: ignore[attr-defined]
        if login in entries:
            self.is_repaired = False
            entries[login] = change(entries[login])

    @rule(unit=units, side=sides)
    def drop(self, unit: Unit, side: int) -> None:
        self.is_repaired = False
        self.directories[side]._entries.pop(unit.login, None)  # type: ignore[attr-defined]

    @rule(unit=units, side=sides, enabled=st.booleans())
    def switch(self, unit: Unit, side: int, *, enabled: bool) -> None:
        self.hide(unit, side, lambda entry: attrs.evolve(entry, enabled=enabled))

    @rule(unit=units, side=sides, key=st.sampled_from(["holder", "unit", "name"]), value=st.sampled_from("ab"))
    def write(self, unit: Unit, side: int, key: str, value: str) -> None:
        self.hide(unit, side, lambda entry: attrs.evolve(entry, attributes={**entry.attributes, key: value}))

    @rule(unit=units, side=sides)
    def add_a_stranger(self, unit: Unit, side: int) -> None:
        entries = self.directories[side]._entries  # type: ignore[attr-defined]
        if unit.login in entries:
            entries["yabanci"] = entries[unit.login]

    @rule(unit=units, name=st.sampled_from(["Yeni Ad", "Eski Ad"]))
    def rename(self, unit: Unit, name: str) -> None:
        self.change_list(unit, name=name)

    @rule(unit=units, person=persons)
    def name_a_custodian(self, unit: Unit, person: Person) -> None:
        self.change_list(unit, custodian=person.id)

    def change_list(self, unit: Unit, **changes: Any) -> None:
        [known] = self.harness.store.units.get_many([unit.code]).values()
        self.is_repaired = False
        self.harness.know(units=[attrs.evolve(known, **changes)])

    @rule(
        name=st.sampled_from(["first", "second"]),
        scope=st.sampled_from([{}, {"kinds": ["school"]}, {"under": ["u0"]}]),
    )
    def change_scope(self, name: str, scope: dict[str, list[str]]) -> None:
        self.is_repaired = False
        self.scopes = {**self.scopes, name: scope}
        self.harness = self.start()

    @rule(handover=st.booleans())
    def repair_and_renew(self, *, handover: bool) -> None:
        """Repair and renew; then everything is as it should be, and stays so."""
        self.drive_on()
        self.end_locks()
        self.drive_on()
        self.repair(handover=handover)
        self.harness.rotate([found.login for found in self.differences() if found.kind is DifferenceKind.NOT_JOINED])
        left = {DifferenceKind.EXTRA} if handover else {DifferenceKind.EXTRA, DifferenceKind.CUSTODIAN}
        assert {found.kind for found in self.differences()} <= left
        self.is_repaired = True
        for unit in UNITS:
            self.check_settled(unit)

    def end_locks(self) -> None:
        """End the locks for which operations wait. The comparison tells which accounts it leaves out for that."""
        waiting = [found.operation for found in self.differences() if found.kind is DifferenceKind.UNFINISHED]
        for operation in self.harness.store.operations.get_many(filter(None, waiting)).values():
            if operation.error and operation.error.name == LockedError.__name__:
                [unit] = [unit for unit in UNITS if unit.login == operation.login]
                for side in range(len(self.directories)):
                    self.switch(unit, side, enabled=True)

    def repair(self, *, handover: bool) -> None:
        repairs = self.harness.app.repairs
        plan = repairs.plan(self.differences(), actor=INITIATOR.actor, handover=handover)
        states = {operation.state for operation in repairs.start(plan, INITIATOR)}
        assert states <= {OperationState.DONE}

    def differences(self) -> list[Difference]:
        self.clock.advance(timedelta(minutes=1))
        return [one for one in self.harness.app.reconcile.compare(actor="tester") if isinstance(one, Difference)]

    @rule()
    def settle(self) -> None:
        self.repair_and_renew(handover=False)
        super().settle()

    @rule(unit=units, person=st.none() | persons, troubles=troubles)
    def renew_what_is_locked(self, unit: Unit, person: Person | None, troubles: Troubles) -> None:
        self.repair_and_renew(handover=False)
        if self.belongs(unit, "first"):
            super().renew_what_is_locked(unit, person, troubles)

    def check_settled(self, unit: Unit) -> None:
        account = self.account(unit)
        login = unit.login or ""
        assert not self.harness.store.operations.unended([login])
        is_open = account is not None and account.state is AccountState.OPEN
        valid = self.valid(login)
        for name, passwords in zip(self.targets, valid, strict=True):
            assert len(passwords) == int(is_open and self.belongs(unit, name))
        if account and is_open:
            assert len(set.union(*valid)) <= 1
            assert set.union(*valid) <= set(self.passwords(login, account.holder))

    def belongs(self, unit: Unit, target: str) -> bool:
        scope = self.scopes.get(target, {})
        return unit.kind in scope.get("kinds", [unit.kind]) and unit.code in scope.get("under", [unit.code])

    @invariant()
    def what_is_closed_lets_nobody_in(self) -> None:
        if self.is_repaired:
            super().what_is_closed_lets_nobody_in()

    @invariant()
    def of_what_is_deleted_nothing_is_left(self) -> None:
        if self.is_repaired:
            super().of_what_is_deleted_nothing_is_left()


@attrs.define(eq=False, kw_only=True)
class LdapDirectory(Ldap):
    """The plug-in, and a door beside it."""

    entrance: Entrance
    slapd: Slapd

    def logs_in(self, login: str, password: str) -> bool:
        return self.entrance.logs_in(login, password)

    def lock(self, login: str) -> None:
        """Guess, while the password policy has little patience."""
        self.allow_failures(2)
        for guess in range(3):
            assert not self.logs_in(login, f"guess-{guess}")
        self.allow_failures(PATIENCE)

    def allow_failures(self, count: int) -> None:
        """Set how many wrong passwords lock an account. What is locked stays so, whatever is set later."""
        administrator, password = self.slapd.admin_dn, self.slapd.admin_password.reveal()
        with ldap3.Connection(self.slapd.url, administrator, password, client_strategy=ldap3.SAFE_SYNC) as connection:
            changes = {"pwdMaxFailure": [(ldap3.MODIFY_REPLACE, [str(count)])]}
            assert connection.modify(self.slapd.policy_dn, changes)[0]


def settings_of(slapd: Slapd) -> LdapSettings:
    return LdapSettings(
        urls=(slapd.url,),
        bind_dn=slapd.bind_dn,
        bind_password=slapd.bind_password,
        base_dn=slapd.base_dn,
        tls=TlsMode.NONE,
        policy_dn=slapd.policy_dn,
    )


@pytest.fixture(name="directory", scope="module")
def _directory() -> Iterator[None]:
    failures = {"pwdLockout": "TRUE", "pwdMaxFailure": str(PATIENCE)}
    policy = {"pwdCheckQuality": "2", "pwdMinLength": "6", "pwdInHistory": "3", **failures}
    with Slapd(policy=policy) as AccountsInDirectory.slapd, Entrance.to(AccountsInDirectory.slapd) as entrance:
        AccountsInDirectory.entrance = entrance
        yield


def run(machine: type[Accounts], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.mark.slow
@pytest.mark.server("slapd")
@pytest.mark.usefixtures("directory")
def test_accounts_in_a_directory() -> None:
    run(AccountsInDirectory, 12)


@pytest.mark.slow
def test_accounts() -> None:
    run(Accounts, 32)


@pytest.mark.parametrize("examples", [3, pytest.param(32, marks=pytest.mark.slow)])
def test_sessions_of_accounts(examples: int) -> None:
    run(AccountsWithMail, examples)


@pytest.mark.parametrize("examples", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_accounts_that_a_hidden_hand_changes(examples: int) -> None:
    run(DriftingAccounts, examples)
