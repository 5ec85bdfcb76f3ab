"""Finds out who is logged in: counts the sessions of single accounts on the targets that can tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs

from provisioner.core.api.errors import CircuitOpenError, TargetError, step_error
from provisioner.core.api.messages import ProbeSessions
from provisioner.core.engine.desired import DesiredState
from provisioner.core.gateways.gateway import PROBE_SESSIONS, Target, able
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import Account, AccountState
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.ports import Inventory
from provisioner.core.reconcile.verification import VerifiedAccount


@attrs.frozen(kw_only=True)
class SessionCheck:
    """Counts the open sessions of single accounts. Nothing is ended.

    Args:

        targets: The targets that end sessions.

        inventory: The stored data.

        desired: Determines on which targets accounts can have sessions.

        retry: Repeats probes that failed.
    """

    targets: Collection[Target]
    inventory: Inventory
    desired: DesiredState
    retry: Retry

    def count(self, accounts: Sequence[Account], spellings: Mapping[str, Sequence[str]]) -> Iterator[VerifiedAccount]:
        """Count the sessions of accounts on every target that can tell and on which they can have any.

        Args:

            accounts: The accounts.

            spellings: The names with which each can log in, as the targets that hold it store them, by login.

        Yields:

            What each target showed of each account. An open session of a closed account is a difference.

        Raises:

            StoreError: The store failed.
        """
        places = self._places(accounts)
        for target in able(self.targets, PROBE_SESSIONS):
            for account in accounts:
                if target.name in places[account.login]:
                    names = (*spellings.get(account.login, ()), account.login, account.mail)
                    yield self._counted(target, account, tuple(dict.fromkeys(names)))

    def _places(self, accounts: Sequence[Account]) -> Mapping[str, Collection[str]]:
        """Return the names of the targets on which each account is, or can have sessions, by login."""
        units = self.inventory.units.get_many({account.unit for account in accounts})
        known = self.inventory.accounts.all_target_states([account.login for account in accounts])
        desired = self.desired.of([(account, units[account.unit]) for account in accounts])
        return {login: place.targets.union(place.sessions, known.get(login, {})) for login, place in desired.items()}

    def _counted(self, target: Target, account: Account, spellings: tuple[str, ...]) -> VerifiedAccount:
        request = ProbeSessions(account=account, spellings=spellings)
        try:
            sessions = self.retry.call(lambda _: target.probe_sessions(request)).count
        except TargetError as error:
            return VerifiedAccount(
                login=account.login,
                target=target.name,
                error=step_error(error),
                is_left_out=isinstance(error, CircuitOpenError),
            )
        difference = _difference(target, account, sessions)
        return VerifiedAccount(login=account.login, target=target.name, sessions=sessions, difference=difference)


def _difference(target: Target, account: Account, sessions: int) -> Difference | None:
    if account.state is not AccountState.CLOSED or not sessions:
        return None
    return Difference(
        kind=DifferenceKind.LOGGED_IN,
        target=target.name,
        login=account.login,
        unit=account.unit,
        known=account.state.value,
    )
