"""Moves the entry of an account to another container, and keeps groups from naming what is no longer there."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from provisioner.core.api.errors import TargetError, UnknownOutcomeError
from provisioner.core.api.messages import CONTAINER, AttributeChange, Entitlements
from provisioner_ldap.client import LdapSession
from provisioner_ldap.containers import provide
from provisioner_ldap.errors import NoParentError
from provisioner_ldap.groups import GroupChange, Member, is_by_name, pending
from provisioner_ldap.layout import ContainerLevel
from provisioner_ldap.names import canonical, container_of
from provisioner_ldap.rewrite import take_back


def move_shown(former: str, new: str) -> tuple[AttributeChange, ...]:
    """Return a move as it is shown; nothing if both names are the same.

    Args:

        former: The name of the entry.

        new: The name that it shall have.
    """
    if is_same(former, new):
        return ()
    old_place, new_place = container_of(former), container_of(new)
    if is_same(old_place, new_place):
        old_place, new_place = former, new
    return (AttributeChange(name=CONTAINER, removes=(old_place,), adds=(new_place,)),)


def is_same(one: str, other: str) -> bool:
    """Whether two names are spellings of the same."""
    return canonical(one) == canonical(other)


@attrs.define(eq=False, kw_only=True)
class Move:
    """A move of one entry.

    Args:

        former: The name that the entry has.

        new: The name that it shall have.

        levels: The containers that it shall be in, the topmost first.

        create: Whether missing containers are created.
    """

    former: str
    new: str
    levels: Sequence[ContainerLevel]
    create: bool
    _left: list[GroupChange] = attrs.field(factory=list, init=False)
    _joined: list[GroupChange] = attrs.field(factory=list, init=False)
    _is_moved: bool = attrs.field(default=False, init=False)

    def make(self, session: LdapSession, login: str, entitlements: Entitlements) -> None:
        """Move the entry. It leaves the managed groups that name it first, and joins them again under its new name.

        A process that dies in between leaves an account without its groups, and no group with a name that is nobody's.

        Args:

            session: The session of the service account.

            login: The login of the account.

            entitlements: The managed groups.

        Raises:

            UnknownOutcomeError: A step failed, and those before it could not be rolled back.
        """
        try:
            self._leave(session, Member(self.former, login), entitlements)
            self._move(session)
            self._join_again(session)
        except UnknownOutcomeError:
            raise
        except TargetError as error:
            take_back(self.former, error, lambda: self.undo(session))
            raise

    def undo(self, session: LdapSession) -> None:
        """Move the entry back, as far as it was moved."""
        for change in self._joined:
            change.inverse.make(session)
        if self._is_moved:
            session.move(self.new, self.former)
        for change in reversed(self._left):
            change.inverse.make(session)

    def _leave(self, session: LdapSession, member: Member, entitlements: Entitlements) -> None:
        if session.family.member_of:
            return  # the directory itself writes the new name into groups
        managed = Entitlements(withdrawn=entitlements.granted | entitlements.withdrawn)
        for change in filter(is_by_name, pending(session, member, managed)):
            if change.make(session):
                self._left.append(change)

    def _move(self, session: LdapSession) -> None:
        try:
            session.move(self.former, self.new)
        except NoParentError:
            provide(session, self.levels, create=self.create)
            session.move(self.former, self.new)
        self._is_moved = True

    def _join_again(self, session: LdapSession) -> None:
        for left in self._left:
            change = attrs.evolve(left, value=self.new, joins=True)
            change.make(session)
            self._joined.append(change)
