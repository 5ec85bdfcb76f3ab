"""Tests that what the capabilities promise to undo can be undone, and nothing else is promised."""

from __future__ import annotations

import pytest

from provisioner.core.api.messages import Receipt
from provisioner.core.gateways.gateway import UPDATE
from provisioner.core.model import Outcome
from provisioner.testing.contract.cases import CASES, PLAIN, Case, prepared
from provisioner.testing.contract.lifecycle import shown
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged

#: The change that makes an account where none was, so that its undo needs no former password.
NEW = "create"


@tagged(Tag.CORE)
class UndoChecks:
    """Checks of the undo that a receipt may carry. The engine needs it when another target refuses."""

    @pytest.mark.parametrize("change", CASES)
    def test_undo_restores_what_was(self, sandbox: Sandbox, change: str) -> None:
        """After an undo, the account is as before: absent, closed, or open with its former password."""
        case = prepared(change, sandbox)
        declared = case.hook in sandbox.capabilities.undoes
        if not declared and change != NEW:
            pytest.skip(f"the target does not declare that it undoes {case.hook}")
        receipt = sandbox.do(case.request)
        if not declared and receipt.undo is None:
            pytest.skip("the target does not undo the creation of a new account")
        _needs_change(case, receipt)
        sandbox.expect(case.account, case.after, change)

        sandbox.undo(receipt, case.request)

        sandbox.expect(case.account, case.before, f"{change} and its undo")

    def test_undo_of_a_handover_restores_the_holder(self, sandbox: Sandbox) -> None:
        """If the probe shows the holder, it shows the outgoing person again."""
        case = prepared("handover", sandbox)
        holder = sandbox.people.holder
        before = shown(sandbox, case.account, holder.id, holder.name)
        if not before or case.hook not in sandbox.capabilities.undoes:
            pytest.skip("the probe does not show who holds the account, or the target does not undo handovers")

        sandbox.undo(sandbox.do(case.request), case.request)

        assert shown(sandbox, case.account, holder.id, holder.name) == before, "the former holder is not shown again"

    @pytest.mark.parametrize("change", PLAIN)
    def test_undo_is_there_if_it_is_declared(self, sandbox: Sandbox, change: str) -> None:
        """A receipt contains an undo if the capabilities declare it; only the removal of a new account may be
        undeclared.
        """
        case = prepared(change, sandbox)

        receipt = sandbox.do(case.request)
        _needs_change(case, receipt)

        declared = case.hook in sandbox.capabilities.undoes
        allowed = declared or change == NEW
        assert declared <= (receipt.undo is not None) <= allowed, (
            f"the capabilities {'name' if declared else 'do not name'} {case.hook} among what can be undone,"
            f" and the receipt carries {'no undo' if declared else 'one'}"
        )


def _needs_change(case: Case, receipt: Receipt) -> None:
    """Skip the check of an update if the target keeps nothing of what the update writes, so that nothing changed."""
    if case.hook == UPDATE and receipt.outcome is Outcome.UNCHANGED:
        pytest.skip("the update changes nothing on the target")
