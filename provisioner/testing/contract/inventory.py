"""The list of accounts tells what is there, and changes nothing."""

from __future__ import annotations

from provisioner.core.api.messages import ListedAccount, Presence
from provisioner.core.gateways.gateway import LIST
from provisioner.core.model import Account
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged


@tagged(Tag.CORE)
class ListChecks:
    """Checks of ``account_list``. Reconciliation believes what is in a complete list, and what is not in it."""

    def test_list_has_every_account_with_its_state(self, sandbox: Sandbox) -> None:
        """Open and closed accounts are listed as what they are, each once, and the list says that it is complete."""
        sandbox.needs(LIST, "account_close")
        (open_account, _), (closed_account, _) = sandbox.opened(), sandbox.closed()

        found = listed(sandbox)

        for account, presence in ((open_account, Presence.ENABLED), (closed_account, Presence.DISABLED)):
            entries = of(account, found)
            assert len(entries) == 1, f"an account that is {presence} is listed {len(entries)} times"
            assert entries[0].presence in {presence, None}, f"it is listed as {entries[0].presence}, and is {presence}"

    def test_list_has_no_account_that_does_not_exist(self, sandbox: Sandbox) -> None:
        """Neither an account that never was nor one that was deleted is listed."""
        sandbox.needs(LIST, "account_delete")
        never, (deleted, _) = sandbox.account(), sandbox.closed()
        sandbox.do(sandbox.deleting(deleted))

        found = listed(sandbox)

        assert not of(never, found), "an account that never existed is listed"
        assert not of(deleted, found), "an account that was deleted is listed"

    def test_list_names_the_holder_that_the_target_has(self, sandbox: Sandbox) -> None:
        """Where a list names holders, it names the one that the account was opened for."""
        sandbox.needs(LIST)
        account, _ = sandbox.opened()

        holders = {entry.holder for entry in of(account, listed(sandbox))} - {None}

        assert holders <= {sandbox.people.holder.id}, f"the list names another holder: {holders}"

    def test_list_changes_nothing(self, sandbox: Sandbox) -> None:
        """After a list the password still logs in, and a second list is the same."""
        sandbox.needs(LIST)
        account, secret = sandbox.opened()

        first = of(account, listed(sandbox))

        sandbox.expect_open(account, secret, "a list of all accounts")
        assert of(account, listed(sandbox)) == first, "a second list shows something else"


def listed(sandbox: Sandbox) -> list[ListedAccount]:
    """Return all accounts that the target lists."""
    return [account for page in sandbox.target.list_accounts() for account in page]


def of(account: Account, found: list[ListedAccount]) -> list[ListedAccount]:
    """Return the entries of one account."""
    return [entry for entry in found if entry.login.casefold() == account.login]
