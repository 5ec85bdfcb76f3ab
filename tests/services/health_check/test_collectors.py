"""A collector that gets nothing any more is told, and one that is up to date raises no alarm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.services.health_check.collectors import LONGEST_WAIT, check_collectors
from provisioner.services.health_check.results import CheckStatus
from provisioner.store.audit.chain import Head
from provisioner.store.collectors import CollectorPlace
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.engine.test_engine import PERSONS, UNITS

ADDRESS = "tls://siem.example:6514"


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, clock: FakeClock) -> Iterator[Harness]:
    file = tmp_path / "provisioner.sqlite"  # where the configuration looks for it
    with Harness(file, targets={"mail": MemoryTarget()}, channels={"sms": MemoryChannel()}, clock=clock) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:1])
        harness.open([UNITS[0].code])
        yield harness


def confirm(harness: Harness, head: Head) -> None:
    place = CollectorPlace(collector=ADDRESS, seq=head.seq, hash=head.hash, at=harness.clock())
    harness.app.store.collectors.save(place)


def told(harness: Harness) -> list[tuple[CheckStatus, str]]:
    found = check_collectors(harness.app.config, harness.clock)
    return [(result.status, str(result.message)) for result in found]


def test_nothing_is_told_where_there_is_no_collector(harness: Harness) -> None:
    assert told(harness) == []


def test_quiet_audit_log_is_no_reason_for_an_alarm(harness: Harness, clock: FakeClock) -> None:
    """No entry is waiting, however long ago the last one was."""
    head = harness.app.store.audit_log.head() or Head()
    confirm(harness, head)
    clock.advance(timedelta(days=30))

    assert told(harness) == [(CheckStatus.OK, f"{ADDRESS} has the audit log up to entry {head.seq}")]


def test_entry_that_waits_for_long_is_told(harness: Harness, clock: FakeClock) -> None:
    head = harness.app.store.audit_log.head() or Head()
    confirm(harness, Head(seq=head.seq - 2, hash="0" * 64))
    clock.advance(LONGEST_WAIT)
    assert told(harness)[0][0] is CheckStatus.OK

    clock.advance(timedelta(seconds=1))

    [(status, message)] = told(harness)
    assert status is CheckStatus.WARNING
    assert message.startswith(f"{ADDRESS} lacks the last 2 entries of the audit log, since ")
