"""Finds the entries of accounts, in whichever container they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import attrs

from provisioner.core.api.errors import (
    ConflictError,
    MisconfiguredError,
    MissingError,
    PartialListError,
    TargetError,
)
from provisioner.core.model import Account
from provisioner_ldap.client import LdapSession, filter_value
from provisioner_ldap.entry import OBJECT_CLASS, PASSWORD, Attributes, Control, Entry
from provisioner_ldap.errors import hidden
from provisioner_ldap.families.base import STRUCTURAL_CLASS
from provisioner_ldap.layout import Layout
from provisioner_ldap.listing import account_filter


@attrs.frozen
class AccountEntries:
    """The entries of accounts, as one session of the service account sees them."""

    session: LdapSession
    layout: Layout

    def find(self, account: Account, control: Control | None = None) -> Entry:
        """Read what an undo, a comparison or a report needs. An entry that is not there holds nothing.

        Args:

            account: The account.

            control: What else to ask for, by its identifier and value.

        Raises:

            ConflictError: There are several.
        """
        family, settings = self.session.family, self.layout.settings
        operational = [STRUCTURAL_CLASS, *family.shown, *family.locks, *family.reset_with_password]
        return self.read(account, [settings.rdn, *settings.attributes, PASSWORD, *operational], control)

    def read(self, account: Account, attributes: Sequence[str], control: Control | None = None) -> Entry:
        """Read some attributes. An entry that is not there holds nothing.

        Raises:

            ConflictError: There are several.

            ForbiddenError: There is one, and the service account sees nothing of it.
        """
        self.session.family.expect_login(account.login)
        wanted, dn = dict.fromkeys(attributes), self.layout.below_base(account)
        if not self.layout.has_containers:
            entry = self.session.read(dn, wanted, control)
            if entry.is_hidden:
                raise hidden(self.session.server, dn)
            return entry
        found = self._located(account, wanted, control)
        if len(found) > 1:
            raise ConflictError(
                "there are several entries of {login}: {names}",
                cure="find out which one is in use, and remove the others",
                login=account.login,
                names="; ".join(entry.dn for entry in found),
            )
        return found[0] if found else Entry(dn)

    def _located(self, account: Account, attributes: Iterable[str], control: Control | None = None) -> Sequence[Entry]:
        """Read the entries of an account anywhere below its base."""
        test = account_filter(self.layout, filter_value(self.layout.name(account)))
        return self.session.locate(self.layout.settings.base(account.kind), test, attributes, control)

    def expect(self, account: Account) -> Entry:
        """Read an entry that is there.

        Raises:

            MissingError: It is not.

            ConflictError: It is in another place.
        """
        entry = self.find(account)
        if not entry.exists:
            self.expect_absent(account)
            raise MissingError("{server} has no entry {dn}", server=self.session.server, dn=entry.dn)
        return entry

    def expect_changes(self, account: Account) -> None:
        """Check that the server takes changes, so that what is not there is not there.

        Raises:

            ReadOnlyServerError: It takes none.
        """
        self.session.expect_changes(self.layout.settings.base(account.kind))

    def expect_absent(self, account: Account) -> None:
        """Check that an account whose entry was not found is nowhere below its base.

        Raises:

            ConflictError: Somebody has moved it.

            ReadOnlyServerError: The server takes no changes, so it may only not have it yet.
        """
        self.expect_changes(account)
        if self.layout.has_containers:
            return  # it was looked for everywhere
        moved: Sequence[Entry] = ()
        with suppress(PartialListError):  # where another server is responsible, no account was made
            moved = self._located(account, ())
        if moved:
            raise ConflictError(
                "the entry of {login} is not {dn} but {other}",
                cure="move it back; if accounts are in containers, set 'container'",
                login=account.login,
                dn=self.layout.below_base(account),
                other=moved[0].dn,
            )

    def expect_ours(self, entry: Entry, account: Account) -> None:
        """Check that an entry that was there before us is this account.

        Raises:

            ConflictError: It is not.
        """
        schema, settings = self.session.schema, self.layout.settings
        kind, classes = self.session.family.kind(entry, schema), settings.object_classes
        known = kind.lower() in map(str.lower, classes) or schema().object_class(kind) in map(
            schema().object_class, classes
        )
        if not known:
            raise ConflictError(
                "{dn} is an entry of another kind, {kind}",
                cure="move that entry elsewhere, or give the account another login",
                dn=entry.dn,
                kind=kind or ", ".join(entry.texts(OBJECT_CLASS)),
            )
        if self.layout.name(account).encode() not in entry[settings.rdn]:
            raise ConflictError(
                "{dn} belongs to another account, {login}",
                cure="rename that entry, or give the account another login",
                dn=entry.dn,
                login=entry.text(settings.rdn),
            )

    def taken(self, dn: str, account: Account, wanted: Attributes) -> TargetError:
        """Return the error for an entry that was not made because there is one, and none of its name can be read.

        Args:

            dn: Its name.

            account: The account.

            wanted: What it was to hold.
        """
        settings, own = self.layout.settings, self.layout.own_attributes
        base = settings.base(account.kind)
        other = self.session.find(base, {name: wanted[name] for name in (settings.rdn, *own)})
        scope = self.session.family.scope(base)
        if other is None and scope != base and own:
            other = self.session.find(scope, {name: wanted[name] for name in own})
        if other is None:
            return MisconfiguredError(
                "there is an entry {dn} that the service account may not read",
                cure="give the service account the rights that the README of the plug-in lists",
                dn=dn,
            )
        return ConflictError(
            "{dn} cannot be created, because another entry has its login or mail address: {other}",
            cure="rename that entry, or give the account another login",
            dn=dn,
            other=other,
        )
