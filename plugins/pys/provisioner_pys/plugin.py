"""What PYS does for the product: the hooks, and nothing heavy to import."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

import attrs

from provisioner.core.api.errors import MissingError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountComparison,
    AccountPage,
    AccountReport,
    AttributeChange,
    Capabilities,
    CheckTarget,
    CliCommand,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    FindPerson,
    HandOver,
    ListedAccount,
    PlannedChange,
    Presence,
    ProbeAccount,
    Receipt,
    RotateSecret,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.model import Outcome, Person
from provisioner.core.model.text import marked
from provisioner_pys.settings import PysSettings

if TYPE_CHECKING:
    from provisioner_pys.client import PysAccount, PysChange, PysClient

#: The hooks whose change PYS can undo.
CHANGES = frozenset({"account_create", "account_close", "account_rotate", "account_handover", "account_update"})


@attrs.define(eq=False, kw_only=True)
class Pys:
    """One PYS: a target that is also the source of people. Connects when it is first needed."""

    settings: PysSettings
    _client: PysClient | None = attrs.field(default=None, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    _exit: ExitStack = attrs.field(factory=ExitStack, init=False, repr=False)

    @hookimpl
    def person_find(self, request: FindPerson) -> Person | None:
        """Ask PYS who this is and which mobile number is registered (001 ¶5)."""
        return self._connected().person(request.person_id)

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        """Make or update the account, set its password and enable it, in one request."""
        change = self._connected().put_account(
            request.account.login,
            unit=request.unit.code,
            holder=request.holder.id,
            password=request.secret,
            operation=request.operation_id,
        )
        return self._receipt(request.account.login, change)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        """Disable the account. PYS keeps it."""
        login = request.account.login
        try:
            change = self._connected().disable(login, operation=request.operation_id)
        except MissingError:
            return Receipt(outcome=Outcome.UNCHANGED, detail="there is no such account", reference=login)
        if not change.changed:
            return Receipt(outcome=Outcome.UNCHANGED, detail="it was disabled already", reference=login)
        return self._receipt(login, change)

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        """Set the password. PYS leaves a disabled account disabled."""
        change = self._connected().set_password(
            request.account.login, password=request.secret, operation=request.operation_id
        )
        return self._receipt(request.account.login, change)

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        """Set the holder and the password in one request (000 m.5/e)."""
        change = self._connected().set_holder(
            request.account.login,
            holder=request.holder.id,
            password=request.secret,
            operation=request.operation_id,
        )
        return self._receipt(request.account.login, change)

    @hookimpl
    def account_update(self, request: UpdateAccount) -> Receipt:
        """Set the unit, and the holder if there is one. PYS has no entitlements."""
        login, holder = request.account.login, request.holder
        change = self._connected().update(
            login, unit=request.unit.code, holder=holder.id if holder else None, operation=request.operation_id
        )
        if not change.changed:
            return Receipt(outcome=Outcome.UNCHANGED, reference=login)
        return self._receipt(login, change)

    @hookimpl
    def account_delete(self, request: DeleteAccount) -> Receipt:
        """Let PYS forget the account. The person stays."""
        login = request.account.login
        try:
            self._connected().delete(login)
        except MissingError:
            return Receipt(outcome=Outcome.UNCHANGED, detail="there is no such account", reference=login)
        return Receipt(outcome=Outcome.APPLIED, reference=login)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        """Log in once if there is a secret, and look the account up unless that has told all."""
        client, secret = self._connected(), request.secret
        if secret and client.log_in(request.account.login, secret):
            return AccountReport(presence=Presence.ENABLED, secret_accepted=True)
        account = client.account(request.account.login)
        refused = False if secret else None
        if account is None:
            return AccountReport(presence=Presence.ABSENT, secret_accepted=refused)
        return AccountReport(
            presence=Presence.ENABLED if account.enabled else Presence.DISABLED,
            secret_accepted=refused,
            attributes={"unit": account.unit, "holder": account.holder or "", "changed_at": account.changed_at},
            changes=_changes(account, request.planned) if request.planned else (),
        )

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        """Ask PYS for all accounts, a part at a time."""
        for accounts, is_last in self._connected().accounts():
            yield AccountPage(
                accounts=tuple(
                    ListedAccount(
                        login=account.login,
                        presence=Presence.ENABLED if account.enabled else Presence.DISABLED,
                        reference=account.login,
                        holder=account.holder or "",
                        attributes={"unit": account.unit},
                        password_changed_at=_moment(account.changed_at),
                        entry=account,
                    )
                    for account in accounts
                ),
                is_last=is_last,
            )

    @hookimpl
    def account_compare(self, request: CompareAccount) -> AccountComparison:
        """Compare the unit and the holder that were listed."""
        return AccountComparison(changes=_changes(cast("PysAccount", request.listed.entry), request))

    @hookimpl
    def target_check(self, request: CheckTarget) -> TargetReport:  # noqa: ARG002 - the hook's argument
        """Ask PYS for its status with our key."""
        status = self._connected().status()
        in_the_clear = marked("passwords cross the network unencrypted, because insecure = true; use https:// instead")
        return TargetReport(
            capabilities=Capabilities(
                undoes=CHANGES if status.undo else frozenset(),
                facts={"service": status.service, "version": status.version},
            ),
            warnings=(in_the_clear,) if self.settings.in_the_clear else (),
            foresees=True,
        )

    def close(self) -> None:
        """Close the connections and end the embedded PYS, if there is one."""
        with self._lock:
            self._client = None
            self._exit.close()

    def _connected(self) -> PysClient:
        with self._lock:
            if self._client is None:
                from provisioner_pys.connection import connected

                self._client = self._exit.enter_context(connected(self.settings))
            return self._client

    def _receipt(self, login: str, change: PysChange) -> Receipt:
        token = change.undo_token
        undo = partial(self._connected().undo, login, token) if token else None
        return Receipt(outcome=Outcome.APPLIED, reference=login, undo=undo)


def _moment(text: str) -> datetime | None:
    """Read a time of PYS; ``None`` if it can't be read, or has no time zone."""
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    return None


def _changes(account: PysAccount, wanted: CompareAccount | PlannedChange) -> tuple[AttributeChange, ...]:
    holder = wanted.holder.id if wanted.holder else account.holder
    changes = (
        AttributeChange.between("unit", [account.unit], [wanted.unit.code]),
        AttributeChange.between("holder", [account.holder] if account.holder else [], [holder] if holder else []),
    )
    return tuple(change for change in changes if not change.is_empty)


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one target for each section. Nothing is connected or started yet."""
    for section in settings.targets:
        pys = Pys(settings=section.settings(PysSettings))
        register.target(section.name, pys, longest_call=timedelta(seconds=pys.settings.timeout))
        register.on_close(pys.close)


@hookimpl
def cli_commands() -> Sequence[CliCommand]:
    """Add ``provisioner pys-mock``."""
    return [
        CliCommand(
            name="pys-mock",
            help="A PYS of one's own, for tests and demonstrations.",
            location="provisioner_pys.cli:group",
        )
    ]
