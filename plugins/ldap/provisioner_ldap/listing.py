"""Accounts of a directory as a list, and what is needed to compare them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from provisioner.core.api.messages import AttributeChange, Entitlements, ListedAccount, Presence
from provisioner_ldap.entry import OBJECT_CLASS, Attributes, Entry
from provisioner_ldap.families.base import Family
from provisioner_ldap.groups import Member, Memberships
from provisioner_ldap.names import entry_dn
from provisioner_ldap.schema import Schema
from provisioner_ldap.settings import LdapSettings

#: The template of the attribute that names the holder.
_HOLDER = "{holder_id}"


@attrs.frozen
class Snapshot:
    """An account as the list has read it."""

    entry: Entry
    _schema: Schema
    _memberships: Memberships

    def changes(self, wanted: Attributes, member: Member, entitlements: Entitlements) -> tuple[AttributeChange, ...]:
        """Return what an update would change.

        Args:

            wanted: What the entry shall hold.

            member: The account, as a member of groups.

            entitlements: Its groups.
        """
        differences = self.entry.differences(wanted, schema=lambda: self._schema)
        attributes = (self.entry.change(name, values) for name, values in differences.items())
        return (*attributes, *self._memberships.changes(self.entry, member, entitlements))


def account_filter(settings: LdapSettings) -> str:
    """Return the filter for entries that may be accounts (RFC 4515): they have a login and one of our classes."""
    classes = "".join(f"({OBJECT_CLASS}={name})" for name in settings.object_classes)
    return f"(&({settings.rdn}=*)(|{classes}))"


def listed(snapshot: Snapshot, base: str, settings: LdapSettings, family: Family, now: datetime) -> ListedAccount:
    """Return an entry as an account in a list.

    Args:

        snapshot: The entry, with its operational attributes.

        base: The entry below which it was found.

        settings: Names the attributes.

        family: Reads its state.

        now: The time.
    """
    entry = snapshot.entry
    texts = {name: entry.texts(name) for name in settings.attributes}
    lock = family.lock(entry, now)
    return ListedAccount(
        login=_login(entry, base, settings),
        presence=Presence.DISABLED if lock else Presence.ENABLED,
        reference=entry.dn,
        holder=_holder(entry, settings.attributes),
        attributes={name: values[0] for name, values in texts.items() if values},
        further_values={name: tuple(values[1:]) for name, values in texts.items() if len(values) > 1},
        lock=lock,
        password_changed_at=family.password_changed_at(entry),
        entry=snapshot,
    )


def _login(entry: Entry, base: str, settings: LdapSettings) -> str:
    """Return the value that the entry is named by; an entry may have several."""
    logins = entry.texts(settings.rdn)
    if len(logins) == 1:
        return logins[0]
    dn = entry.dn.casefold()
    return next((login for login in logins if entry_dn(settings.rdn, login, base).casefold() == dn), logins[0])


def _holder(entry: Entry, templates: Mapping[str, str]) -> str | None:
    """Return the holder that the entry names; ``None`` if no attribute is meant for that."""
    names = [name for name, template in templates.items() if template == _HOLDER]
    return entry.text(names[0]) or "" if names else None
