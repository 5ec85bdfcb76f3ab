"""Accounts of a directory as a list, and what is needed to compare them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from provisioner.core.api.messages import AttributeChange, Entitlements, ListedAccount, Presence
from provisioner_ldap.entry import OBJECT_CLASS, Attributes, Entry
from provisioner_ldap.families.base import Family
from provisioner_ldap.groups import Member, Memberships
from provisioner_ldap.layout import Layout
from provisioner_ldap.names import has_name
from provisioner_ldap.schema import Schema

#: The templates of the attribute that names the holder.
_HOLDER = ("{holder_id}",)


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


def account_filter(layout: Layout, value: str = "*") -> str:
    """Return the filter for entries that may be accounts (RFC 4515): they have a name and one of our classes.

    Args:

        layout: Names the attribute and the classes.

        value: The name, escaped for a filter; by default any.
    """
    classes = "".join(f"({OBJECT_CLASS}={name})" for name in layout.settings.object_classes)
    return f"(&({layout.settings.rdn}={value})(|{classes}))"


def listed(snapshot: Snapshot, layout: Layout, family: Family, now: datetime) -> ListedAccount:
    """Return an entry as an account in a list.

    Args:

        snapshot: The entry, with its operational attributes.

        layout: Names the attributes.

        family: Reads its state.

        now: The time.
    """
    entry = snapshot.entry
    texts = {name: entry.texts(name) for name in layout.settings.attributes}
    lock = family.lock(entry, now)
    return ListedAccount(
        login=_login(entry, layout),
        presence=Presence.DISABLED if lock else Presence.ENABLED,
        reference=entry.dn,
        holder=_holder(entry, layout.settings.templates),
        attributes={name: values[0] for name, values in texts.items() if values},
        further_values={name: tuple(values[1:]) for name, values in texts.items() if len(values) > 1},
        lock=lock,
        password_changed_at=family.password_changed_at(entry),
        entry=snapshot,
    )


def _login(entry: Entry, layout: Layout) -> str:
    """Return the login in the value that the entry is named by; an entry may have several."""
    names = entry.texts(layout.settings.rdn)
    own = (name for name in names if has_name(entry.dn, layout.settings.rdn, name))
    return layout.login(names[0] if len(names) == 1 else next(own, names[0]))


def _holder(entry: Entry, templates: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the holder that the entry names; ``None`` if no attribute is meant for that."""
    names = [name for name, values in templates.items() if values == _HOLDER]
    return entry.text(names[0]) or "" if names else None
