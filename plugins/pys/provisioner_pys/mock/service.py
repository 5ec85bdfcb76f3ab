"""The operations of PYS on people, units and accounts, independent of the interface."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from provisioner_pys.mock.database import MockDatabase, StoredAccount, UndoGoneError
from provisioner_pys.mock.documents import (
    AccountData,
    AccountDocument,
    AccountList,
    Change,
    HolderData,
    ListData,
    LoginAnswer,
    LoginData,
    MockStatus,
    OperationData,
    PasswordData,
    PersonDocument,
    UndoData,
    UnitDocument,
    UpdateData,
)
from provisioner_pys.mock.passwords import fits, hash_password
from provisioner_pys.mock.problems import MockProblem

#: The version of the interface.
VERSION = "1.0"
#: How many accounts one answer has.
PAGE_SIZE = 500


@attrs.define(eq=False)
class MockService:
    """The personnel system: one method for each thing it can be asked."""

    database: MockDatabase

    def status(self) -> MockStatus:
        """Tell how the service is."""
        return MockStatus(service="PYS mock", version=VERSION, undo=True)

    def person(self, person_id: str) -> PersonDocument:
        """Return a person."""
        person = self.database.person(person_id)
        if person is None:
            raise MockProblem("person_missing", "there is no such person")
        return person

    def unit(self, code: str) -> UnitDocument:
        """Return a unit."""
        unit = self.database.unit(code)
        if unit is None:
            raise MockProblem("unit_missing", "there is no such unit")
        return unit

    def account(self, login: str) -> AccountDocument:
        """Return an account."""
        return _document(_existing(self.database.account(login)))

    def accounts(self, data: ListData) -> AccountList:
        """Return the next accounts after a login."""
        found = self.database.accounts(data.after, PAGE_SIZE + 1)
        shown = tuple(map(_document, found[:PAGE_SIZE]))
        return AccountList(accounts=shown, complete=len(found) <= PAGE_SIZE)

    def put_account(self, login: str, data: AccountData) -> Change:
        """Make or update an account, set its password and enable it."""
        account = StoredAccount(
            login=login,
            unit=data.unit,
            holder=data.holder,
            enabled=True,
            password_hash=hash_password(data.password),
            changed_at=_now(),
        )
        return self.database.change(login, data.operation, lambda _: account)

    def set_password(self, login: str, data: PasswordData) -> Change:
        """Set a password; a disabled account stays disabled."""
        hashed, now = hash_password(data.password), _now()
        return self.database.change(
            login,
            data.operation,
            lambda former: attrs.evolve(_existing(former), password_hash=hashed, changed_at=now),
        )

    def set_holder(self, login: str, data: HolderData) -> Change:
        """Set the holder and the password; a disabled account stays disabled."""
        hashed, now = hash_password(data.password), _now()
        return self.database.change(
            login,
            data.operation,
            lambda former: attrs.evolve(_existing(former), holder=data.holder, password_hash=hashed, changed_at=now),
        )

    def update(self, login: str, data: UpdateData) -> Change:
        """Set the unit and the holder, and nothing else."""

        def updated(former: StoredAccount | None) -> StoredAccount:
            account = _existing(former)
            return attrs.evolve(account, unit=data.unit, holder=data.holder or account.holder)

        return self.database.change(login, data.operation, updated)

    def disable(self, login: str, data: OperationData) -> Change:
        """Let nobody log in to the account."""
        return self.database.change(
            login, data.operation, lambda former: attrs.evolve(_existing(former), enabled=False)
        )

    def delete(self, login: str) -> Change:
        """Forget an account."""
        if not self.database.delete(login):
            raise MockProblem("account_missing", "there is no such account")
        return Change(changed=True)

    def undo(self, login: str, data: UndoData) -> Change:
        """Take the account's last change back."""
        try:
            return self.database.undo(login, data.token)
        except UndoGoneError:
            raise MockProblem("undo_gone", "this change cannot be taken back any more") from None

    def log_in(self, data: LoginData) -> LoginAnswer:
        """Tell whether somebody gets in."""
        account = self.database.account(data.login)
        accepted = account is not None and account.enabled and fits(data.password, account.password_hash)
        return LoginAnswer(accepted=accepted)


def _document(account: StoredAccount) -> AccountDocument:
    return AccountDocument(
        login=account.login,
        unit=account.unit,
        holder=account.holder,
        enabled=account.enabled,
        changed_at=account.changed_at,
    )


def _existing(account: StoredAccount | None) -> StoredAccount:
    if account is None:
        raise MockProblem("account_missing", "there is no such account")
    return account


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
