"""A random password that one target refuses is drawn again for all of them, and nobody receives a refused one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.engine.execution import DRAWS
from provisioner.core.model import OperationState
from provisioner.testing import samples
from provisioner.testing.faults import EVERY_CALL, Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

LOGIN = samples.ACCOUNT.login


@pytest.fixture(name="strict")
def _strict() -> FaultTarget:
    return FaultTarget(MemoryTarget())


@pytest.fixture(name="lenient")
def _lenient() -> MemoryTarget:
    return MemoryTarget()


@pytest.fixture(name="phones")
def _phones() -> MemoryChannel:
    return MemoryChannel()


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, lenient: MemoryTarget, strict: FaultTarget, phones: MemoryChannel) -> Iterator[Harness]:
    targets, channels = {"lenient": lenient, "strict": strict}, {"sms": phones}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        harness.open([samples.UNIT.code])
        yield harness


def passwords(phones: MemoryChannel) -> list[str]:
    return [message.password for message in phones.inbox(samples.HOLDER.mobile or "")]


def test_another_password_is_set_on_every_target(
    harness: Harness, lenient: MemoryTarget, strict: FaultTarget, phones: MemoryChannel
) -> None:
    strict.faults.on("account_rotate", Fault.REFUSE_SECRET, range(1, DRAWS))

    [operation] = harness.rotate([LOGIN])

    [_, sent] = passwords(phones)
    assert operation.state is OperationState.DONE
    assert lenient.logs_in(LOGIN, sent), "the first target kept a password that the second one refused"
    assert strict.inner.logs_in(LOGIN, sent)


def test_a_target_that_refuses_every_password_leaves_the_old_one_everywhere(
    harness: Harness, lenient: MemoryTarget, strict: FaultTarget, phones: MemoryChannel
) -> None:
    strict.faults.on("account_rotate", Fault.REFUSE_SECRET, EVERY_CALL)

    [operation] = harness.rotate([LOGIN])

    [old] = passwords(phones)
    assert operation.state is OperationState.UNDONE
    assert strict.faults.calls["account_rotate"] == DRAWS
    assert lenient.logs_in(LOGIN, old)
    assert strict.inner.logs_in(LOGIN, old)


def test_an_account_is_refused_for_something_else_only_once(harness: Harness, strict: FaultTarget) -> None:
    strict.faults.on("account_rotate", Fault.REFUSE, EVERY_CALL)

    [operation] = harness.rotate([LOGIN])

    assert (operation.state, strict.faults.calls["account_rotate"]) == (OperationState.UNDONE, 1)
