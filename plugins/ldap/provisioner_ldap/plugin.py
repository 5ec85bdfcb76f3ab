"""What a directory does for the product: the hooks, and nothing heavy to import."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountComparison,
    AccountPage,
    AccountReport,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    CredentialReport,
    DeleteAccount,
    HandOver,
    ProbeAccount,
    ProbeCredential,
    Receipt,
    RenameAccount,
    RotateSecret,
    SetCredential,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner_ldap.settings import LdapSettings

if TYPE_CHECKING:
    from provisioner_ldap.directory import Directory


@attrs.define(eq=False, kw_only=True)
class Ldap:
    """One directory as a target. Connects when it is first needed."""

    settings: LdapSettings
    _opened: Directory | None = attrs.field(default=None, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        """Make the entry, or take over the one that is there, set its password and enable it."""
        return self._directory().create(request)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        """Disable the entry and keep it."""
        return self._directory().shut(request)

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        """Set another password."""
        return self._directory().rotate(request)

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        """Set another password, and write down the holder (000 m.5/e)."""
        return self._directory().hand_over(request)

    @hookimpl
    def account_update(self, request: UpdateAccount) -> Receipt:
        """Write down what differs, and change groups."""
        return self._directory().update(request)

    @hookimpl
    def account_rename(self, request: RenameAccount) -> Receipt:
        """Move the entry to the container of its unit."""
        return self._directory().rename(request)

    @hookimpl
    def account_delete(self, request: DeleteAccount) -> Receipt:
        """Remove the entry."""
        return self._directory().delete(request)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        """Try to log in, or read the entry."""
        return self._directory().probe(request)

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        """Read the entries page by page."""
        return self._directory().accounts()

    @hookimpl
    def account_compare(self, request: CompareAccount) -> AccountComparison:
        """Compare an entry as it was listed."""
        return self._directory().compare(request)

    @hookimpl
    def target_check(self) -> TargetReport:
        """Log in as the service account and look around."""
        return self._directory().check()

    @hookimpl
    def credential_set(self, request: SetCredential) -> Receipt:
        """Set another password for the service account."""
        return self._directory().credential.set(request)

    @hookimpl
    def credential_probe(self, request: ProbeCredential) -> CredentialReport:
        """Log in with a password of the service account at every server."""
        return self._directory().credential.probe(request)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._opened:
                self._opened.close()

    def _directory(self) -> Directory:
        with self._lock:
            if self._opened is None:
                from provisioner_ldap.directory import Directory

                self._opened = Directory(settings=self.settings)
            return self._opened


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one target of each section."""
    for section in settings.targets:
        ldap = Ldap(settings=section.settings(LdapSettings))
        ldap.settings.verify(section.place)
        register.target(
            section.name, ldap, longest_call=timedelta(seconds=ldap.settings.timeout), credential="bind_password"
        )
        register.on_close(ldap.close)
