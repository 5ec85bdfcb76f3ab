"""An update brings attributes up to date, and leaves the password and the state alone."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import MissingError
from provisioner.core.api.messages import (
    AttributeChange,
    CompareAccount,
    PlannedChange,
    Presence,
    ProbeAccount,
    UpdateAccount,
)
from provisioner.core.gateways.gateway import COMPARE, LIST, PROBE, UPDATE
from provisioner.core.model import Account, OperationKind, Outcome
from provisioner.testing.contract.inventory import listed, of
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged


@tagged(Tag.CORE)
class UpdateChecks:
    """Checks of ``account_update`` and ``account_compare``."""

    def test_update_keeps_password_of_open_account(self, sandbox: Sandbox) -> None:
        """After an update the account is open as before, with the same password."""
        sandbox.needs(UPDATE)
        account, secret = sandbox.opened()

        sandbox.do(_renamed(sandbox, account))

        sandbox.expect_open(account, secret, "an update")

    def test_update_leaves_closed_account_closed(self, sandbox: Sandbox) -> None:
        """An update opens nothing."""
        sandbox.needs(UPDATE, "account_close")
        account, secret = sandbox.closed()

        sandbox.do(_renamed(sandbox, account))

        sandbox.expect_closed(account, secret, after="an update")

    def test_update_twice_changes_nothing_more(self, sandbox: Sandbox) -> None:
        """A repeated update reports that everything is up to date, or writes the same again."""
        sandbox.needs(UPDATE)
        account, secret = sandbox.opened()
        sandbox.do(_renamed(sandbox, account))

        receipt = sandbox.do(_renamed(sandbox, account))

        assert receipt.outcome in {Outcome.UNCHANGED, Outcome.APPLIED}
        sandbox.expect_open(account, secret, "a second update")

    def test_update_of_missing_account_is_missing(self, sandbox: Sandbox) -> None:
        """An update creates nothing, and doesn't report it as done."""
        sandbox.needs(UPDATE)
        account = sandbox.account()

        with pytest.raises(MissingError):
            sandbox.do(sandbox.updating(account))

        sandbox.expect_absent(account, after="an update")

    def test_comparison_shows_what_an_update_would_change(self, sandbox: Sandbox) -> None:
        """A new account is up to date. A changed holder's name is a difference until the update, and none after it."""
        sandbox.needs(UPDATE, COMPARE, LIST)
        account, _ = sandbox.opened()
        update = _renamed(sandbox, account)

        assert not compared(sandbox, sandbox.updating(account)), "a new account is not what its opening wrote"
        before = compared(sandbox, update)
        sandbox.do(update)
        after = compared(sandbox, update)

        if before:  # a target need not keep names
            assert not after, f"after the update there are still differences: {after}"

    def test_probe_foresees_an_update(self, sandbox: Sandbox) -> None:
        """A target that foresees changes finds none after the update."""
        sandbox.needs(UPDATE, PROBE)
        account, _ = sandbox.opened()
        update = _renamed(sandbox, account)
        if not sandbox.target.check().foresees:
            pytest.skip("the target does not foresee changes")

        sandbox.do(update)

        planned = PlannedChange(kind=OperationKind.UPDATE, unit=update.unit, holder=update.holder)
        report = sandbox.target.probe(ProbeAccount(account=account, planned=planned))
        assert (report.presence, report.changes) == (Presence.ENABLED, ())


def _renamed(sandbox: Sandbox, account: Account) -> UpdateAccount:
    """Return an update after which the unit and the holder have other names."""
    people = sandbox.people
    return sandbox.updating(
        account,
        unit=attrs.evolve(people.unit, name=f"{people.unit.name} 2"),
        holder=attrs.evolve(people.holder, name=f"{people.holder.name} Yeni"),
    )


def compared(sandbox: Sandbox, update: UpdateAccount) -> tuple[AttributeChange, ...]:
    """Return how the account, as it is listed, differs from what an update would write."""
    [entry] = of(update.account, listed(sandbox))
    request = CompareAccount(listed=entry, account=update.account, unit=update.unit, holder=update.holder)
    return sandbox.target.compare(request).changes
