"""A move brings an account to the container of its unit, and leaves its login, password and state alone."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import MissingError
from provisioner.core.api.messages import CONTAINER, AttributeChange, PlannedChange, ProbeAccount
from provisioner.core.gateways.gateway import LIST, PROBE, RENAME
from provisioner.core.model import Account, OperationKind, Outcome
from provisioner.testing.contract.inventory import listed, of
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged


@tagged(Tag.CORE)
class MoveChecks:
    """Checks of ``account_rename``."""

    def test_move_keeps_password(self, sandbox: Sandbox) -> None:
        """A moved account is open as before, with the same password."""
        sandbox.needs(RENAME)
        account, secret = sandbox.opened()

        receipt = sandbox.do(sandbox.moving(account))

        assert receipt.outcome is Outcome.APPLIED, "moving to another container answers 'applied'"
        sandbox.expect_open(account, secret, "moving it")

    def test_move_leaves_closed_account_closed(self, sandbox: Sandbox) -> None:
        """A move opens nothing. A copy in the other container would be without the lock."""
        sandbox.needs(RENAME, "account_close")
        account, secret = sandbox.closed()

        sandbox.do(sandbox.moving(account))

        sandbox.expect_closed(account, secret, after="moving it")

    def test_move_twice_is_unchanged(self, sandbox: Sandbox) -> None:
        """The engine repeats a move that was interrupted before the update that follows it."""
        sandbox.needs(RENAME)
        account, secret = sandbox.opened()
        sandbox.do(sandbox.moving(account))

        receipt = sandbox.do(sandbox.moving(account))

        assert receipt.outcome is Outcome.UNCHANGED, "moving an account to where it is answers 'unchanged'"
        sandbox.expect_open(account, secret, "moving it twice")

    def test_move_of_missing_account_is_missing(self, sandbox: Sandbox) -> None:
        """A move creates nothing, and doesn't report it as done."""
        sandbox.needs(RENAME)
        account = sandbox.account()

        with pytest.raises(MissingError):
            sandbox.do(sandbox.moving(account))

        sandbox.expect_absent(account, after="moving what was not there")

    def test_probe_shows_the_container_until_the_move(self, sandbox: Sandbox) -> None:
        """A probe shows the move as a change of the container before it, and not after it."""
        sandbox.needs(RENAME, PROBE)
        account, _ = sandbox.opened()
        if not sandbox.target.check().foresees:
            pytest.skip("the target does not foresee changes")

        before = _moves(sandbox, account)
        sandbox.do(sandbox.moving(account))

        assert before, f"the probe does not show that the account is in another container: no change '{CONTAINER}'"
        assert not _moves(sandbox, account), "the probe still shows another container after the move"

    def test_moved_account_is_found_by_its_login(self, sandbox: Sandbox) -> None:
        """Changes find the account in the other container: a list has it once, and it can be closed there."""
        sandbox.needs(RENAME, "account_close", LIST)
        account, secret = sandbox.opened()
        sandbox.do(sandbox.moving(account))

        found = of(account, listed(sandbox))
        receipt = sandbox.do(sandbox.closing(account))

        assert len(found) == 1, f"the list has the moved account {len(found)} times"
        assert receipt.outcome is Outcome.APPLIED, "the moved account is not found when it is closed"
        sandbox.expect_closed(account, secret, after="moving and closing it")


def _moves(sandbox: Sandbox, account: Account) -> list[AttributeChange]:
    """Return the moves that a probe shows for an update after the unit has moved."""
    move = sandbox.unit_move
    planned = PlannedChange(kind=OperationKind.UPDATE, unit=move.unit, parent=move.parent, holder=sandbox.people.holder)
    report = sandbox.target.probe(ProbeAccount(account=account, planned=planned))
    return [change for change in report.changes if change.name == CONTAINER]
