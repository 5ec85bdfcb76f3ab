"""A plan says where and in which steps it changes accounts, also where that can't be done."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import CreateAccount, Receipt
from provisioner.core.gateways.gateway import TARGET_HOOKS
from provisioner.core.model import OperationState, Outcome
from provisioner.testing import samples
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget


def test_a_plan_that_cannot_deliver_is_refused(tmp_path: Path) -> None:
    with Harness(tmp_path / "s.sqlite", targets={"posta": MemoryTarget()}, channels={}) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        with pytest.raises(ConfigurationError, match="no channel"):
            harness.open([samples.UNIT.code])


def test_a_target_that_cannot_do_it_is_shown_as_not_attempted(tmp_path: Path) -> None:
    @attrs.define(eq=False)
    class Half:
        @hookimpl
        def account_create(self, request: CreateAccount) -> Receipt:
            return Receipt(outcome=Outcome.APPLIED)

    others = [hook for hook in TARGET_HOOKS if hook != "account_create"]
    targets, channels = {"half": Half()}, {"sms": MemoryChannel()}
    with Harness(tmp_path / "s.sqlite", targets=targets, channels=channels, cannot={"half": others}) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        operation = harness.open([samples.UNIT.code])[0]
        plan = harness.planner.close([harness.account("temelegitim46")], initiator=INITIATOR)

    assert operation.state is OperationState.DONE
    step = plan.work[0].operation.steps[0]
    assert step.outcome is Outcome.NOT_APPLIED
    assert step.error
    assert str(step.error.message) == "half cannot do account_close, as the configuration says"
