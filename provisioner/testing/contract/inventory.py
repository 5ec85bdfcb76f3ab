"""The list of accounts tells what is there, and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

import attrs
import pytest

from provisioner.core.api.errors import TargetError
from provisioner.core.api.messages import ListedAccount, Presence, ProbeAccount
from provisioner.core.gateways.gateway import LIST, PROBE, Target
from provisioner.core.model import Account
from provisioner.testing.contract.sandbox import Sandbox, expecting_no_defect, target_gateway
from provisioner.testing.contract.tags import Tag, tagged

Page = tuple[ListedAccount, ...]


@attrs.define(eq=False, kw_only=True, repr=False)
class Crowd:
    """A system with so many accounts that the plug-in lists them in several pages.

    Args:

        target: The plug-in's object.

        logins: The logins of the accounts, in lower case.

        delete: Deletes an account without the plug-in.
    """

    target: object
    logins: set[str]
    delete: Callable[[str], object]
    gateway: Target = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.gateway = target_gateway(self.target)

    def drop(self, login: str) -> None:
        """Delete an account without the plug-in."""
        self.delete(login)
        self.logins.remove(login)


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

    def test_list_of_many_has_each_once(self, crowd: Crowd) -> None:
        """A list of many pages is complete and has no account twice. An account at the edge of a page is not lost."""
        pages = list(crowd.gateway.list_accounts())
        found = logins_on(pages)

        assert len(pages) > 1, "the list has one page; the crowd must have more accounts than that"
        assert not (lost := crowd.logins - found.keys()), f"{len(lost)} accounts are not listed"
        assert not (twice := over_once(found)), f"{len(twice)} accounts are listed several times"

    def test_list_survives_accounts_that_vanish(self, crowd: Crowd) -> None:
        """While a list is read, accounts are deleted. All others are listed nevertheless: pages don't move."""
        first, rest = begun(crowd)
        shown = logins_on(first).keys() & crowd.logins
        for login in (min(shown), max(shown), max(crowd.logins - shown)):
            crowd.drop(login)

        found = logins_on([*first, *rest])

        assert not (lost := crowd.logins - found.keys()), f"{len(lost)} accounts are not listed"
        assert not (twice := over_once(found)), f"{len(twice)} accounts are listed several times"

    def test_accounts_are_probed_while_a_list_is_read(self, crowd: Crowd, sandbox: Sandbox) -> None:
        """A comparison confirms what it suspects before it reads the next page. The open list must not prevent that."""
        sandbox.needs(PROBE)
        first, rest = begun(crowd)
        login = min(logins_on(first).keys() & crowd.logins)
        request = ProbeAccount(
            account=Account(login=login, domain=sandbox.people.domain, unit=sandbox.people.unit.code)
        )

        report = expecting_no_defect(lambda: crowd.gateway.probe(request))

        assert report.presence is not Presence.ABSENT, "an account that is listed is absent"
        assert crowd.logins <= logins_on([*first, *rest]).keys(), "after a probe, the list is not complete"

    def test_list_over_a_limit_is_an_error(self, limited_target: object) -> None:
        """If the system stops in the middle of a list, that is an error. A part must not look like the whole list."""
        with pytest.raises(TargetError):
            expecting_no_defect(lambda: list(target_gateway(limited_target).list_accounts()))


def listed(sandbox: Sandbox) -> list[ListedAccount]:
    """Return all accounts that the target lists."""
    return [account for page in sandbox.target.list_accounts() for account in page]


def begun(crowd: Crowd) -> tuple[list[Page], Iterator[Page]]:
    """Return the pages of a list up to the first one that has accounts of the crowd, and the rest, which isn't read."""
    pages, first = crowd.gateway.list_accounts(), []
    for page in pages:
        first.append(page)
        if shown := logins_on(first).keys() & crowd.logins:
            assert shown < crowd.logins, "all accounts are on one page; the crowd must be larger than a page"
            break
    return first, pages


def logins_on(pages: Iterable[Iterable[ListedAccount]]) -> Counter[str]:
    """Return how often each login is on these pages."""
    return Counter(entry.login.casefold() for page in pages for entry in page)


def over_once(found: Counter[str]) -> Collection[str]:
    """Return the logins that were found more than once."""
    return [login for login, count in found.items() if count > 1]


def of(account: Account, found: list[ListedAccount]) -> list[ListedAccount]:
    """Return the entries of one account."""
    return [entry for entry in found if entry.login.casefold() == account.login]
