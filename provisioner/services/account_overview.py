"""One account as people look at it: names, where it is open, messages with passwords, next dates and history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

import attrs

from provisioner.core.api.errors import InputError, Problem, TargetError
from provisioner.core.api.rules import Deadline
from provisioner.core.engine.people import People
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.log_ins import NumberShown
from provisioner.core.governance.privacy import Privacy
from provisioner.core.model import Account, Operation, PasswordDelivery, Person, Unit
from provisioner.core.model.text import Text
from provisioner.core.reconcile.ports import LastAnswer
from provisioner.services.account_details import AccountDetails, account_details
from provisioner.services.accounts import Accounts
from provisioner.services.parts import Clock
from provisioner.services.policy import Deadlines
from provisioner.store import Store

ItemT = TypeVar("ItemT")

#: How many of the latest operations, messages and requests are read.
_LATEST = 20


@attrs.frozen(kw_only=True)
class AccountOverview:
    """What is known of one account."""

    details: AccountDetails
    #: The units from the top down to that of the account.
    units: Sequence[Unit]
    #: The holder, as the personnel system knows the person now; ``None`` if nobody is known, or if the viewer may not
    #: read the person's data.
    holder: Person | None
    #: Why the personnel system can't be asked about the holder. Then the holder is as the store knows the person.
    holder_error: TargetError | None
    #: When each target last showed the account in a list or to a probe.
    last_seen: Mapping[str, datetime]
    #: What each target last answered when it was asked about this account.
    answers: Mapping[str, LastAnswer]
    #: The messages with passwords, the latest first.
    deliveries: Sequence[PasswordDelivery]
    #: What the rules require next, the earliest first.
    deadlines: Sequence[Deadline]
    #: The operations, the latest first.
    operations: Sequence[Operation]
    #: The access requests, the latest first.
    requests: Sequence[AccessRequest]

    @property
    def account(self) -> Account:
        """The account."""
        return self.details.account


@attrs.frozen(kw_only=True)
class AccountOverviews:
    """Tells what is known of single accounts.

    Args:

        store: The stored data.

        accounts: Looks accounts up.

        deadlines: Tells what the rules require.

        people: Asks the personnel system, and then the store.

        targets: The names of the targets that hold accounts.

        authority: Decides who may read personal data.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    store: Store
    accounts: Accounts
    deadlines: Deadlines
    people: People
    targets: Sequence[str]
    authority: Authority
    record: Recorder
    now: Clock

    def of(self, login: str, *, viewer: str) -> AccountOverview:
        """Return what is known of an account.

        Args:

            login: Its login, with or without the domain.

            viewer: Who reads the answer.

        Raises:

            InputError: There is no such account.

            DeniedError: The viewer may not read who holds it.
        """
        account = self._readable(login, viewer)
        [details] = account_details(self.store, [account])
        found = self.people.look_up([account.holder] if account.holder else [])
        known = {**self.store.persons.get_many(found.errors), **found.persons}
        privacy, holder = Privacy(self.authority, viewer), known.get(account.holder or "")
        return AccountOverview(
            details=details,
            units=self.store.units.path(account.unit),
            holder=holder if holder and privacy.may_read(holder) else None,
            holder_error=next(iter(found.errors.values()), None),
            last_seen=self.store.last_seen.times(account.login),
            answers=self.store.verifications.of_account(account.login, self.targets),
            deliveries=list(
                privacy.shown_deliveries(
                    _latest(self.store.deliveries.recent(account.login)), self.store.accounts.get_many
                )
            ),
            deadlines=self.deadlines.of_account(account),
            operations=_latest(
                privacy.shown_operations(self.store.operations.find(login=account.login), self.store.accounts.get_many)
            ),
            requests=_latest(privacy.shown(self.store.access_requests.find(login=account.login))),
        )

    def number_of_holder(self, login: str, *, viewer: str) -> Person:
        """Return the holder of an account, to show the whole mobile number. It is written into the audit log.

        Args:

            login: The login of the account, with or without the domain.

            viewer: Who wants to see it.

        Raises:

            InputError: There is no such account, or it has no holder who is known.

            DeniedError: The viewer may not read who holds the account, or not the person's data.

            TargetError: The personnel system can't be used.
        """
        account = self._readable(login, viewer)
        holder = account.holder or ""
        person = self.people.find_all([holder] if holder else []).get(holder)
        if person is None:
            message = Text("nobody who is known holds {login}", {"login": account.login})
            raise InputError([Problem(field="login", message=message)])
        Privacy(self.authority, viewer).require(person)
        self.record(NumberShown(at=self.now(), actor=viewer, login=account.login, person=holder))
        return person

    def _readable(self, login: str, viewer: str) -> Account:
        [account] = self.accounts.find([login])
        Privacy(self.authority, viewer).require(account)
        return account


def _latest(items: Iterable[ItemT]) -> list[ItemT]:
    return list(islice(items, _LATEST))
