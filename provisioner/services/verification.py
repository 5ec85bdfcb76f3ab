"""Verifies single accounts on their targets now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import attrs

from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model import Account
from provisioner.core.reconcile.sessions import SessionCheck
from provisioner.core.reconcile.verification import VerifiedAccount, Verifier


@attrs.frozen(kw_only=True)
class AccountVerification:
    """Verifies single accounts for a person.

    Args:

        verifier: Verifies them.

        session_check: Counts their open sessions.

        authority: Decides who may do it.
    """

    verifier: Verifier
    session_check: SessionCheck
    authority: Authority

    def verify(self, accounts: Iterable[Account], *, actor: str) -> Iterator[VerifiedAccount]:
        """Verify accounts on every target on which they belong, or have been. Nothing is changed on the targets.

        Args:

            accounts: The accounts.

            actor: Who asks.

        Yields:

            What each target that holds the accounts showed of each, then how many sessions of each are open on the
            targets that can tell.

        Raises:

            DeniedError: The actor is neither an administrator nor an officer of the unit of each account.

            StoreError: The store failed.
        """
        wanted = list(accounts)
        for account in wanted:
            self.authority.require(actor, {Role.OFFICER}, account.unit)
        return self._verified(wanted)

    def _verified(self, accounts: Sequence[Account]) -> Iterator[VerifiedAccount]:
        spellings: defaultdict[str, list[str]] = defaultdict(list)
        for verified in self.verifier.verify(accounts):
            spellings[verified.login] += verified.spellings
            yield verified
        yield from self.session_check.count(accounts, spellings)
