"""Changing one entry in several steps, all of which count or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Self

import attrs

from provisioner.core.api.errors import RefusedError, SecretRefusedError, TargetError, UnknownOutcomeError
from provisioner.core.model.secret import Secret
from provisioner_ldap.client import LdapSession
from provisioner_ldap.entry import PASSWORD, Attributes, Entry
from provisioner_ldap.families.base import Family
from provisioner_ldap.groups import GroupChange


def take_back(dn: str, error: TargetError, undo: Callable[[], None]) -> None:
    """Take the finished steps of a change back.

    Args:

        dn: The entry.

        error: Why the next step failed.

        undo: Takes them back.

    Raises:

        UnknownOutcomeError: That failed too, so the entry is half changed.
    """
    try:
        undo()
    except TargetError as second:
        raise UnknownOutcomeError(
            "{dn} is partly changed: {error}; and it could not be restored: {second}",
            dn=dn,
            error=error.text,
            second=second.text,
        ) from None


@attrs.define(eq=False)
class Undo:
    """Brings an entry back to what it was."""

    family: Family
    #: The entry before the change.
    former: Entry
    #: The attributes that were changed.
    touched: set[str] = attrs.field(factory=set)
    #: The changes of groups, in their order.
    regrouped: list[GroupChange] = attrs.field(factory=list)

    @property
    def needed(self) -> bool:
        """Whether anything was changed."""
        return bool(self.touched or self.regrouped)

    @property
    def possible(self) -> bool:
        """Whether enough is known: a password that we may not read cannot be restored."""
        return not self.former.exists or PASSWORD not in self.touched or self.family.restores_password(self.former)

    def run(self, session: LdapSession) -> None:
        """Restore the former groups and values, or remove an entry that was not there.

        Raises:

            RefusedError: The directory takes no hashed passwords, or we do not know the former one.
        """
        if not self.possible:
            raise RefusedError("the former password of {dn} cannot be read", dn=self.former.dn)
        for change in reversed(self.regrouped):
            change.inverse.make(session)
        if self.former.exists:
            self._restore(session)
        elif self.touched:
            session.delete(self.former.dn)

    def regroup(self, session: LdapSession, changes: Iterable[GroupChange]) -> None:
        """Make changes of groups, and note those that were not made by somebody else."""
        for change in changes:
            if change.make(session):
                self.regrouped.append(change)

    def _restore(self, session: LdapSession) -> None:
        if not self.touched:
            return
        try:
            session.modify(self.former.dn, self.former.pick(sorted(self.touched)))
            if PASSWORD in self.touched and (locks := self.family.after_password(self.former)):
                session.modify(self.former.dn, locks)
        except SecretRefusedError as error:
            raise self.family.not_restored(self.former.dn, error.text) from None


@attrs.define(eq=False)
class Rewrite:
    """A change of one entry in several steps. If one of them fails, those before it are rolled back."""

    session: LdapSession
    family: Family
    former: Entry
    undo: Undo = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.undo = Undo(self.family, self.former)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Take the finished steps back.

        Raises:

            UnknownOutcomeError: That failed too, so the entry is half changed.
        """
        if not self.undo.needed or not isinstance(error, TargetError) or isinstance(error, UnknownOutcomeError):
            return
        take_back(self.former.dn, error, lambda: self.undo.run(self.session))

    def add(self, attributes: Attributes, secret: Secret) -> bool:
        """Make the entry with its password. Return ``False`` if its name, or what only one may have, is taken."""
        at_once = self.family.adds_with_password
        added = self.session.add(self.former.dn, attributes, secret if at_once else None)
        if added:
            self.undo.touched.update(attributes)
            if not at_once:
                self.set_password(secret)
        return added

    def modify(self, attributes: Attributes) -> None:
        """Replace the values of attributes, if there are any to replace."""
        if attributes:
            self.session.modify(self.former.dn, attributes)
            self.undo.touched.update(attributes)

    def regroup(self, changes: Iterable[GroupChange]) -> None:
        """Make changes of groups."""
        self.undo.regroup(self.session, changes)

    def enable(self, now: datetime) -> None:
        """Remove what keeps the account from logging in, and see that nothing else does.

        Raises:

            ConflictError: Something does that is not the entry's own.
        """
        changes = self.family.enabling(self.former)
        if not changes:
            return
        self.modify(changes)
        enabled = self.session.read(self.former.dn, self.family.locks)
        if lock := self.family.lock(enabled, now):
            raise self.family.still_disabled(enabled, lock)

    def set_password(self, secret: Secret) -> None:
        """Set the password. One that the entry has already is fine, whatever the policy says of using it again."""
        answer = self.session.set_password(self.former.dn, secret)
        if not answer.ok and not self.family.same_password(answer):
            raise self.family.explain(answer, to_password=True)
        if answer.ok:
            self.undo.touched.update({PASSWORD, *self.family.reset_with_password})
