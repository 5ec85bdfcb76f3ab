"""Sessions that may still be open are told by every check, until they have ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.services.health_check.results import CheckStatus
from provisioner.services.health_check.sessions import check_sessions
from provisioner.testing import samples
from provisioner.testing.faults import Fault, Faults, FaultSessions
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.memory_mail import MemoryMail


@pytest.fixture(name="faults")
def _faults() -> Faults:
    return Faults()


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, faults: Faults) -> Iterator[Harness]:
    file, directory = tmp_path / "provisioner.sqlite", MemoryTarget()  # where the configuration looks for it
    targets = {"directory": directory, "mail": FaultSessions(MemoryMail(directory), faults)}
    with Harness(file, targets=targets, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        harness.open([samples.UNIT.code])
        yield harness


def test_open_sessions_are_told_until_they_have_ended(harness: Harness, faults: Faults) -> None:
    faults.on("sessions_end", Fault.CANNOT_CONNECT)
    harness.close_accounts([samples.ACCOUNT.login])

    [found] = check_sessions(harness.app.config)

    assert (found.name, found.status) == ("sessions.mail", CheckStatus.WARNING)
    assert str(found.message) == "sessions of 1 account may still be open on mail"
    faults.clear()
    harness.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    harness.resume()
    assert list(check_sessions(harness.app.config)) == []


def test_nothing_is_told_where_all_have_ended(harness: Harness) -> None:
    assert list(check_sessions(harness.app.config)) == []
