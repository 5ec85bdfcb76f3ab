"""What is known of accounts on their targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from provisioner.core.model import Account, SessionsState, TargetState
from provisioner.services.account_lookup import KnownAccounts


@attrs.frozen(kw_only=True)
class AccountDetails:
    """An account, and what is known of it on each target."""

    account: Account
    #: Its state, by target.
    targets: Mapping[str, TargetState] = attrs.field(factory=dict)
    #: Whether sessions of it are left, by target.
    sessions: Mapping[str, SessionsState] = attrs.field(factory=dict)

    def sessions_in(self, state: SessionsState) -> list[str]:
        """Return the names of the targets on which its sessions are in a state."""
        return [name for name, known in self.sessions.items() if known is state]


def account_details(store: KnownAccounts, accounts: Sequence[Account]) -> list[AccountDetails]:
    """Return what is known of accounts, in their order.

    Raises:

        StoreError: The store failed.
    """
    logins = [account.login for account in accounts]
    targets, sessions = store.accounts.all_target_states(logins), store.accounts.sessions(logins)
    return [
        AccountDetails(
            account=account, targets=targets.get(account.login, {}), sessions=sessions.get(account.login, {})
        )
        for account in accounts
    ]
