"""The accounts that one check makes on one target, and what must be true of them.

Calls go the way the engine's calls go, through the gateway of the core, so its redaction and its checks of types count.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from functools import cached_property, partial
from typing import TypeVar

import attrs
import pytest

from provisioner.core.api.errors import PluginDefectError, RefusedError, TargetError, TransientError
from provisioner.core.api.kinds import HOOKS
from provisioner.core.api.messages import (
    AccountChange,
    AccountReport,
    Capabilities,
    CloseAccount,
    CreateAccount,
    DeleteAccount,
    HandOver,
    Presence,
    ProbeAccount,
    Receipt,
    RenameAccount,
    RotateSecret,
    UpdateAccount,
)
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import PROBE, Channel, PluginOrigin, Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import Account, AccountKind, Person, Unit
from provisioner.core.model.days import utc_now
from provisioner.core.model.secret import Secret

ORIGIN = PluginOrigin(plugin="contract", distribution="provisioner.testing", version="0")

AnswerT = TypeVar("AnswerT")


def _tireless(name: str) -> Breaker:
    """Return a breaker that never gives a target a rest: a check makes it fail on purpose."""
    return Breaker(name=name, now=utc_now, threshold=sys.maxsize, pause=timedelta(0), quarantine_after=timedelta.max)


def target_gateway(plugin: object) -> Target:
    """Return the way to a plug-in's object that the engine takes."""
    with closing(Plugins(make_breaker=_tireless)) as plugins:
        return plugins.add_target("target", plugin, ORIGIN)


def channel_gateway(plugin: object) -> Channel:
    """Return the way to a plug-in's object that the engine takes."""
    with closing(Plugins(make_breaker=_tireless)) as plugins:
        return plugins.add_channel("channel", plugin, ORIGIN)


@attrs.frozen(kw_only=True)
class SandboxPeople:
    """Whose accounts they are. Systems that know their people need some that they know."""

    unit: Unit
    holder: Person
    successor: Person
    domain: str
    #: What each login begins with, so that what is left behind can be told from what belongs there.
    prefix: str


#: SandboxPeople and a unit that nobody has; the mobile numbers are from a range that belongs to nobody.
PEOPLE = SandboxPeople(
    unit=Unit(code="sozlesme", name="Sözleşme Denetimi", kind="office"),
    holder=Person(id="sozlesme-1", name="Işıl Çağrı", unit="sozlesme", title="Şef", mobile="+905000000001"),
    successor=Person(id="sozlesme-2", name="İsmail Öğüt", unit="sozlesme", title="Memur", mobile="+905000000002"),
    domain="sozlesme.example",
    prefix="sozlesme",
)


@attrs.frozen(kw_only=True)
class Situation:
    """What must be true of one account."""

    presence: Presence
    #: The password that logs in, if one does.
    secret: Secret | None = None
    #: Passwords that do not, or do not any more.
    dead: tuple[Secret, ...] = ()


@attrs.frozen(kw_only=True)
class UnitMove:
    """A unit that has moved below another one."""

    #: The unit of the accounts, after the move.
    unit: Unit
    #: The unit that is above it now.
    parent: Unit


@attrs.frozen(kw_only=True)
class Means:
    """What the checks have besides the target."""

    people: SandboxPeople
    make_secret: Callable[[], Secret]
    #: Logs in with something that is not the plug-in, if there is such a thing.
    log_in: Callable[[str, str], bool] | None = None
    #: Deletes an account by its login, if that can be done.
    remove: Callable[[str], None] | None = None
    #: What brings accounts to another container, if the target has containers.
    unit_move: UnitMove | None = None


@attrs.define(eq=False, kw_only=True, repr=False)
class Patient:
    """Repeats calls that fail for a moment."""

    #: How often something is tried that is not the point of the check; more than once behind a bad network.
    tries: int = 1

    def patiently(self, call: Callable[[], AnswerT]) -> AnswerT:
        """Make a call, several times if need be: the core would, too."""
        for _ in range(self.tries - 1):
            try:
                return call()
            except TransientError:
                continue
        return call()


@attrs.define(eq=False, kw_only=True, repr=False)
class Sandbox(Patient):
    """The accounts of one check, each with a login that nobody else has. They are removed in the end."""

    target: Target
    means: Means
    accounts: list[Account] = attrs.field(factory=list, init=False)

    @property
    def people(self) -> SandboxPeople:
        """Whose accounts they are."""
        return self.means.people

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the target says that it can do."""
        if "target_check" not in self.target.hooks:
            return Capabilities()
        return expecting_no_defect(lambda: self.patiently(self.target.check)).capabilities

    def make_secret(self) -> Secret:
        """Return a new password."""
        return self.means.make_secret()

    def needs(self, *hooks: str) -> None:
        """Skip the check if the target does not have these hooks: what it cannot do, it need not do well."""
        for hook in hooks:
            if hook not in self.target.hooks:
                pytest.skip(f"the target has no {hook}")

    def account(self, login: str | None = None, *, kind: AccountKind = AccountKind.UNIT) -> Account:
        """Return an account that is not there yet."""
        login = login or f"{self.people.prefix}{secrets.token_hex(5)}"
        people = self.people
        account = Account(login=login, domain=people.domain, unit=people.unit.code, kind=kind, holder=people.holder.id)
        self.accounts.append(account)
        return account

    def opened(self) -> tuple[Account, Secret]:
        """Return a new account that is open, and its password."""
        account, secret = self.account(), self.make_secret()
        self.patiently(lambda: self.do(self.creating(account, secret)))
        return account, secret

    def closed(self) -> tuple[Account, Secret]:
        """Return a new account that is closed, and the password it had."""
        account, secret = self.opened()
        self.needs("account_close")
        self.patiently(lambda: self.do(self.closing(account)))
        return account, secret

    def creating(
        self, account: Account, secret: Secret, *, unit: Unit | None = None, holder: Person | None = None
    ) -> CreateAccount:
        """Return a request to create."""
        return CreateAccount(
            operation_id=secrets.token_hex(8),
            account=account,
            unit=unit or self.people.unit,
            holder=holder or self.people.holder,
            secret=secret,
        )

    def closing(self, account: Account) -> CloseAccount:
        """Return a request to close."""
        return CloseAccount(operation_id=secrets.token_hex(8), account=account, unit=self.people.unit)

    def rotating(self, account: Account, secret: Secret) -> RotateSecret:
        """Return a request to rotate."""
        return RotateSecret(operation_id=secrets.token_hex(8), account=account, unit=self.people.unit, secret=secret)

    def handing_over(self, account: Account, secret: Secret) -> HandOver:
        """Return a request to hand over."""
        return HandOver(
            operation_id=secrets.token_hex(8),
            account=account,
            unit=self.people.unit,
            outgoing=self.people.holder,
            holder=self.people.successor,
            secret=secret,
        )

    def updating(self, account: Account, *, unit: Unit | None = None, holder: Person | None = None) -> UpdateAccount:
        """Return a request to update."""
        return UpdateAccount(
            operation_id=secrets.token_hex(8),
            account=account,
            unit=unit or self.people.unit,
            holder=holder or self.people.holder,
        )

    @property
    def unit_move(self) -> UnitMove:
        """What brings accounts to another container. Skip the check if there is none."""
        if self.means.unit_move is None:
            pytest.skip("needs a unit that moves to another container: define the fixture 'unit_move'")
        return self.means.unit_move

    def moving(self, account: Account) -> RenameAccount:
        """Return a request to move to the container of the unit after it has moved."""
        move = self.unit_move
        return RenameAccount(operation_id=secrets.token_hex(8), account=account, unit=move.unit, parent=move.parent)

    def deleting(self, account: Account) -> DeleteAccount:
        """Return a request to delete."""
        return DeleteAccount(operation_id=secrets.token_hex(8), account=account, unit=self.people.unit)

    def do(self, request: AccountChange) -> Receipt:
        """Carry out a request, or skip the check if the target does not have the hook.

        Raises:

            TargetError: What the target raised. What it may not raise fails the check.
        """
        self.needs(HOOKS[type(request)])
        return expecting_no_defect(lambda: self.target.change(request))

    def undo(self, receipt: Receipt, request: AccountChange) -> None:
        """Undo what a request did."""
        undo = receipt.undo
        assert undo is not None, "the receipt carries no undo, although the capabilities declare one"
        expecting_no_defect(lambda: self.target.undo(undo, request))

    def probe(self, account: Account, secret: Secret | None = None) -> AccountReport:
        """Look at an account, or skip the check if the target does not let us."""
        self.needs(PROBE)
        request = ProbeAccount(account=account, secret=secret)
        return self.patiently(lambda: expecting_no_defect(lambda: self.target.probe(request)))

    def takes(self, account: Account, secret: Secret) -> bool:
        """Return whether the account takes this password, as the probe and an independent log-in say alike."""
        if not self.capabilities.proves_secret and self.means.log_in is None:
            pytest.skip("the target cannot tell whether a password logs in; define the fixture 'log_in' to prove it")
        answers = []
        if self.capabilities.proves_secret:
            answers.append(self._accepts(account, secret))
        if self.means.log_in is not None:
            answers.append(self.means.log_in(account.login, secret.reveal()))
        assert len(set(answers)) == 1, f"the probe says {answers[0]} of a password, and a log-in says {answers[-1]}"
        return answers[0]

    def _accepts(self, account: Account, secret: Secret) -> bool:
        """Return what the probe says of a password. Who refuses to look at it does not let it in."""
        try:
            accepted = self.probe(account, secret).secret_accepted
        except RefusedError:
            return False
        assert accepted is not None, "the probe says nothing of the password, although proves_secret is declared"
        return accepted

    def differences(self, account: Account, situation: Situation) -> list[str]:
        """Return what is not as it must be."""
        found = []
        if self.capabilities.tells_presence:
            presence = self.probe(account).presence
            if presence is not situation.presence:
                found.append(f"the account is {presence}, and must be {situation.presence}")
        if situation.secret is not None and not self.takes(account, situation.secret):
            found.append("the password in force does not log in")
        if any(self.takes(account, secret) for secret in situation.dead):
            found.append("a password logs in that must not")
        return found

    def expect(self, account: Account, situation: Situation, after: str) -> None:
        """Check that everything is as it must be.

        Args:

            account: Which one.

            situation: What must be true.

            after: What was done, for the message.
        """
        __tracebackhide__ = True
        found = self.differences(account, situation)
        assert not found, f"after {after}: {'; '.join(found)}"

    def expect_open(self, account: Account, secret: Secret, after: str, dead: tuple[Secret, ...] = ()) -> None:
        """Check that an account is open with this password and none of the *dead* ones."""
        __tracebackhide__ = True
        self.expect(account, Situation(presence=Presence.ENABLED, secret=secret, dead=dead), after)

    def expect_closed(self, account: Account, *dead: Secret, after: str) -> None:
        """Check that an account is there, and that none of these passwords logs in."""
        __tracebackhide__ = True
        self.expect(account, Situation(presence=Presence.DISABLED, dead=dead), after)

    def expect_absent(self, account: Account, *dead: Secret, after: str) -> None:
        """Check that an account is not there, and that none of these passwords logs in."""
        __tracebackhide__ = True
        self.expect(account, Situation(presence=Presence.ABSENT, dead=dead), after)

    def clean_up(self) -> list[str]:
        """Remove or at least close every account. Return the logins of those that are left open, perhaps."""
        return [account.login for account in reversed(self.accounts) if not self._cleaned(account)]

    def _cleaned(self, account: Account) -> bool:
        try:
            if self.means.remove is not None:
                self.means.remove(account.login)
                return True
            for request in (self.closing(account), self.deleting(account)):
                if HOOKS[type(request)] in self.target.hooks:
                    with suppress(RefusedError):
                        self.patiently(partial(self.target.change, request))
            return not self._is_open(account)
        except TargetError:
            return False

    def _is_open(self, account: Account) -> bool:
        if PROBE not in self.target.hooks:
            return HOOKS[CloseAccount] not in self.target.hooks
        try:
            return self.probe(account).presence is Presence.ENABLED
        except RefusedError:
            return False  # what cannot even be asked for is not there


def expecting_no_defect(call: Callable[[], AnswerT]) -> AnswerT:
    """Make a call. An exception or an answer that the hooks do not allow fails the check."""
    __tracebackhide__ = True
    try:
        return call()
    except PluginDefectError as error:
        defect = str(error)
    pytest.fail(f"this breaks the rules of the hooks: {defect}")
