"""Accounts without a command line."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import AccountState, OperationKind
from provisioner.services.accounts import list_accounts
from provisioner.services.application import Application

INITIATOR = Initiator(actor="9000")


@pytest.fixture(autouse=True)
def _open(app: Application) -> None:
    """Open one of the two accounts."""
    app.runs.start(app.accounts.plan_creation(["kmarasmem"], INITIATOR)).wait()


class TestFind:
    """Accounts are looked up by their logins."""

    def test_takes_logins_with_and_without_their_domain_once(self, app: Application) -> None:
        found = app.accounts.find(["kmarasmem", "KMarasMEM@meb.gov.tr"])

        assert [account.login for account in found] == ["kmarasmem"]

    def test_names_all_that_are_unknown(self, app: Application) -> None:
        with pytest.raises(InputError) as caught:
            app.accounts.find(["kmarasmem", "nosuch", "another"])

        assert [problem.message.values["login"] for problem in caught.value.problems] == ["nosuch", "another"]

    def test_names_all_that_belong_to_others(self, app: Application) -> None:
        with pytest.raises(InputError) as caught:
            app.accounts.find(["a@example.org", "b@example.org"])

        assert len(caught.value.problems) == 2

    def test_returns_the_account_that_a_unit_would_get(self, app: Application) -> None:
        account = app.accounts.find_or_future("arge46")

        assert (account.unit, account.holder, account.mail) == ("ar-ge", "1002", "arge46@meb.gov.tr")

    def test_prefers_the_account_that_is_there(self, app: Application) -> None:
        assert app.accounts.find_or_future("kmarasmem").state is AccountState.OPEN

    def test_invents_no_account_without_a_unit(self, app: Application) -> None:
        with pytest.raises(InputError, match="nosuch is unknown"):
            app.accounts.find_or_future("nosuch")


class TestPlans:
    """What can be done with accounts."""

    def test_opens_accounts_of_units_and_leaves_open_ones(self, app: Application) -> None:
        plan = app.accounts.plan_creation(["kmarasmem", "arge46"], INITIATOR)

        assert [work.operation.login for work in plan.work] == ["arge46"]
        assert [account.login for account in plan.unchanged] == ["kmarasmem"]

    def test_closes_renews_and_opens_again(self, app: Application) -> None:
        accounts, kinds = app.accounts, []
        for make in (accounts.plan_rotation, accounts.plan_closing, accounts.plan_reopening):
            plan = make(["kmarasmem"], INITIATOR)
            kinds += [work.operation.kind for work in plan.work]
            app.runs.start(plan).wait()

        assert kinds == [OperationKind.ROTATE, OperationKind.CLOSE, OperationKind.REOPEN]


class TestList:
    """Accounts are listed."""

    def test_of_an_unknown_unit_is_refused(self, app: Application) -> None:
        """An empty list would say that its accounts are closed."""
        with pytest.raises(InputError, match="nosuch"):
            list_accounts(app.store, unit="nosuch")

    def test_of_a_unit_has_those_of_the_units_below(self, app: Application) -> None:
        app.runs.start(app.accounts.plan_creation(["arge46"], INITIATOR)).wait()

        assert [account.login for account in list_accounts(app.store, unit="il-mem")] == ["arge46", "kmarasmem"]
        assert [account.login for account in list_accounts(app.store, unit="ar-ge")] == ["arge46"]
