"""Groups of a directory, as entitlements of accounts.

A group is named by its DN. Its object class decides which attribute holds the members, and whether by DN or by login.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import attrs

from provisioner.core.api.errors import ConflictError
from provisioner.core.api.messages import ENTITLEMENTS, AttributeChange, Entitlements
from provisioner_ldap.client import LdapSession
from provisioner_ldap.entry import OBJECT_CLASS, Entry
from provisioner_ldap.errors import hidden
from provisioner_ldap.names import canonical

#: The attribute whose values are logins. Those of the others are DNs.
_LOGINS = "memberUid"

#: The attribute that holds the members of a group, by object class in lower case. Of several classes, the first counts.
MEMBERS: Mapping[str, str] = {
    "groupofnames": "member",
    "groupofmembers": "member",
    "group": "member",
    "groupofuniquenames": "uniqueMember",
    "posixgroup": _LOGINS,
}


@attrs.frozen
class Member:
    """An account, as a member of groups."""

    dn: str
    login: str

    def value(self, attribute: str) -> str:
        """Return what stands for the account in an attribute of a group."""
        return self.login if attribute == _LOGINS else self.dn


@attrs.frozen
class GroupChange:
    """A change of one group by one member."""

    group: str
    attribute: str
    value: str
    #: Whether the account becomes a member, or no longer is one.
    joins: bool

    @property
    def inverse(self) -> GroupChange:
        """The change that takes this one back."""
        return attrs.evolve(self, joins=not self.joins)

    def make(self, session: LdapSession) -> bool:
        """Make the change. Return ``False`` if somebody else has made it.

        Where a group must have a member, its own DN takes the place of the last one.
        """
        if self.joins:
            return session.add_value(self.group, self.attribute, self.value)
        return session.remove_value(self.group, self.attribute, self.value, placeholder=self.group)


def is_by_name(change: GroupChange) -> bool:
    """Whether a group names its members by DN, and not by login."""
    return change.attribute != _LOGINS


def pending(session: LdapSession, member: Member, wanted: Entitlements) -> Sequence[GroupChange]:
    """Return what has to change so that an account has its entitlements.

    A group that does not exist has no members, so there is nothing to withdraw.

    Raises:

        ConflictError: A granted group does not exist, or is an entry of another kind.
    """
    return [*_missing(session, member, wanted), *_surplus(session, member, wanted)]


def _missing(session: LdapSession, member: Member, wanted: Entitlements) -> Iterator[GroupChange]:
    for group in sorted(wanted.granted):
        attribute = _members_attribute(read_group(session, group))
        if attribute is None:
            raise ConflictError(
                "{server} has no group {group}",
                cure="create the group, or set 'name' of the entitlement to the DN of a group that the service account"
                " may read",
                server=session.server,
                group=group,
            )
        value = member.value(attribute)
        if not session.holds(group, attribute, value):
            yield GroupChange(group, attribute, value, joins=True)


def _surplus(session: LdapSession, member: Member, wanted: Entitlements) -> Iterator[GroupChange]:
    for group in sorted(wanted.withdrawn):
        attribute = _members_attribute(read_group(session, group))
        if attribute and session.holds(group, attribute, member.value(attribute)):
            yield GroupChange(group, attribute, member.value(attribute), joins=False)


def foreseen(wanted: Entitlements, changes: Sequence[GroupChange]) -> Sequence[AttributeChange]:
    """Return changes of groups as they are shown; nothing if there are none."""
    joined = {change.group for change in changes if change.joins}
    return _shown(wanted, joined, {change.group for change in changes} - joined)


def _shown(wanted: Entitlements, joined: AbstractSet[str], left: AbstractSet[str]) -> Sequence[AttributeChange]:
    change = AttributeChange(
        name=ENTITLEMENTS,
        removes=tuple(sorted(left)),
        adds=tuple(sorted(joined)),
        keeps=tuple(sorted(wanted.granted - joined)),
    )
    return [change] if joined or left else []


@attrs.define(eq=False)
class Memberships:
    """Who is in which group, for the comparison of a list: each group is read once.

    Args:

        read: Returns the named attributes of a group.

        member_of: The attribute of an entry that the directory itself keeps in line with the groups; empty if none is.
    """

    _read: Callable[[str, Sequence[str]], Entry]
    _member_of: str
    _members: dict[str, tuple[str, frozenset[str]]] = attrs.field(factory=dict, init=False, repr=False)

    def changes(self, entry: Entry, member: Member, wanted: Entitlements) -> Sequence[AttributeChange]:
        """Return what has to change so that a listed account has its entitlements.

        Raises:

            TargetError: A group can't be read.
        """
        groups = wanted.granted | wanted.withdrawn
        if not groups:
            return ()
        held = {group for group in groups if self._holds(group, entry, member)}
        return _shown(wanted, wanted.granted - held, wanted.withdrawn & held)

    def _holds(self, group: str, entry: Entry, member: Member) -> bool:
        if self._member_of:
            return canonical(group) in map(canonical, entry.texts(self._member_of))
        if group not in self._members:
            self._members[group] = self._read_members(group)
        attribute, members = self._members[group]
        return _comparable(attribute, member.value(attribute)) in members

    def _read_members(self, group: str) -> tuple[str, frozenset[str]]:
        entry = self._read(group, sorted(set(MEMBERS.values())))
        attribute = _members_attribute(entry) or _LOGINS
        return attribute, frozenset(_comparable(attribute, value) for value in entry.texts(attribute))


def read_group(session: LdapSession, group: str, attributes: Sequence[str] = ()) -> Entry:
    """Return a group, without any value if it does not exist. What is no DN is the name of no group.

    Raises:

        ForbiddenError: It exists, and the service account sees nothing of it.
    """
    entry = session.read(group, attributes) if "=" in group else Entry(group)
    if entry.is_hidden:
        raise hidden(session.server, group)
    return entry


def _members_attribute(group: Entry) -> str | None:
    """Return the attribute that holds the members of a group; ``None`` if it is no group."""
    classes = {name.lower() for name in group.texts(OBJECT_CLASS)}
    return next((attribute for name, attribute in MEMBERS.items() if name in classes), None)


def _comparable(attribute: str, value: str) -> str:
    return value if attribute == _LOGINS else canonical(value)
