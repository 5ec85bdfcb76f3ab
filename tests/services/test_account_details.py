"""What is known of an account on its targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.model import SessionsState, TargetState
from provisioner.services.account_details import account_details
from provisioner.testing import samples
from provisioner.testing.faults import Fault, Faults, FaultSessions
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.memory_mail import MemoryMail


@pytest.fixture(name="harness")
def _harness(tmp_path: Path) -> Iterator[Harness]:
    directory, faults = MemoryTarget(), Faults()
    faults.on("sessions_end", Fault.CANNOT_CONNECT)
    targets = {"directory": directory, "mail": FaultSessions(MemoryMail(directory), faults)}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        harness.open([samples.UNIT.code])
        yield harness


def test_sessions_are_not_taken_for_an_account_on_a_target(harness: Harness) -> None:
    [details] = account_details(harness.store, [harness.account(samples.ACCOUNT.login)])

    assert details.targets == {"directory": TargetState.OPEN}
    assert details.sessions == {"mail": SessionsState.OPEN}
    assert details.sessions_in(SessionsState.OPEN) == ["mail"]
    assert details.sessions_in(SessionsState.ENDED) == []


def test_an_account_of_which_nothing_is_known_has_nothing(harness: Harness) -> None:
    [details] = account_details(harness.store, [samples.ACCOUNT.__class__(login="x", domain="d", unit="u")])

    assert (details.targets, details.sessions) == ({}, {})
