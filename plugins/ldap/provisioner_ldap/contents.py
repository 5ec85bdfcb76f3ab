"""What the entry of an account shall hold, and what a change would do to it."""

from __future__ import annotations

import attrs

from provisioner.core.api.messages import AttributeChange, HandOver, PlannedChange, UpdateAccount
from provisioner.core.model import Account, OperationKind
from provisioner_ldap.client import LdapSession
from provisioner_ldap.entry import Attributes, Entry
from provisioner_ldap.groups import Member, foreseen, pending
from provisioner_ldap.layout import Layout, Subject
from provisioner_ldap.moving import move_shown
from provisioner_ldap.numbers import NEXT_NUMBER, Numbers


@attrs.frozen
class Contents:
    """What entries shall hold."""

    layout: Layout
    #: Gives POSIX numbers, if accounts have them.
    numbers: Numbers | None

    def wanted(self, session: LdapSession, subject: Subject, former: Entry | None = None) -> Attributes:
        """Return what an entry shall hold. It gets a POSIX number if accounts have one and it has none.

        Args:

            session: The session of the service account.

            subject: The account.

            former: Its entry, if it is there.
        """
        number = (self.numbers.held(former) or self.numbers.take(session)) if self.numbers else None
        wanted = self.layout.wanted(subject, number)
        return self.layout.unmarked(wanted) if former else wanted

    def shown(self, subject: Subject, entry: Entry) -> Attributes:
        """Return what an entry shall hold, without giving it a number."""
        number = (self.numbers.held(entry) or NEXT_NUMBER) if self.numbers else None
        return self.layout.unmarked(self.layout.wanted(subject, number))

    def handed_over(
        self,
        session: LdapSession,
        former: Entry,
        wanted: Attributes,
        account: Account,
        change: HandOver | PlannedChange,
    ) -> dict[str, tuple[bytes, ...]]:
        """Return what changes in an entry with its holder. What others have added stays.

        Args:

            session: The session of the service account.

            former: The entry.

            wanted: What it shall hold.

            account: The account.

            change: The handover.
        """
        outgoing = Subject(account, change.unit, change.outgoing, change.parent)
        ours = self.layout.wanted(outgoing) if change.outgoing else None
        return former.differences(wanted, ours, session.schema)

    def move(self, entry: Entry, subject: Subject) -> tuple[AttributeChange, ...]:
        """Return the move that an update would make; nothing if there is none, or if it is not known where to."""
        if not self.layout.has_containers or self.layout.container(subject) is None:
            return ()
        return move_shown(entry.dn, self.layout.dn(subject))

    def foreseen(
        self, session: LdapSession, entry: Entry, account: Account, planned: PlannedChange
    ) -> tuple[AttributeChange, ...]:
        """Return what a planned change would do.

        Args:

            session: The session of the service account.

            entry: The entry.

            account: The account.

            planned: The change.
        """
        subject, is_update = subject_of(account, planned), planned.kind is OperationKind.UPDATE
        wanted = self.shown(subject, entry)
        differences = (
            entry.differences(wanted, schema=session.schema)
            if is_update
            else self.handed_over(session, entry, wanted, account, planned)
        )
        groups = foreseen(planned.entitlements, pending(session, Member(entry.dn, account.login), planned.entitlements))
        moves = self.move(entry, subject) if is_update else ()
        return (*(entry.change(name, values) for name, values in differences.items()), *groups, *moves)


def subject_of(account: Account, change: HandOver | UpdateAccount | PlannedChange) -> Subject:
    """Return what templates are filled with."""
    return Subject(account, change.unit, change.holder, change.parent)
