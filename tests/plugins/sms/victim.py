"""Opens an account whose password goes over two gateways, and kills itself when the password is out."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provisioner.core.api.events import Event, OperationEnded
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryTarget
from provisioner_sms.plugin import SmsChannel
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.plugins.sms.conftest import make_section

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def process(folder: Path, url: str, later: timedelta = timedelta(0)) -> Harness:
    """Return one process of a site whose channel has two gateways."""
    credentials = {"username": "8501234567", "password": "plain:k", "timeout": 5, "url": url}
    table = {
        "gateway": "netgsm",
        "fallbacks": ["verimor"],
        "sender": "ILMEM",
        "help_desk": "0344",
        "netgsm": credentials,
        "verimor": credentials,
    }
    harness = Harness(
        folder / "store.sqlite",
        targets={"mail": MemoryTarget()},
        channels={"sms": SmsChannel.configured(make_section(table), "en")},
        clock=FakeClock(NOON + later),
    )
    harness.know(units=UNITS[:1], persons=PERSONS[:1])
    return harness


def _die_after_sending(events: Sequence[Event]) -> None:
    if any(isinstance(event, OperationEnded) for event in events):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    killed = process(Path(sys.argv[1]), sys.argv[2])
    killed.on_record = _die_after_sending
    killed.open([UNITS[0].code])
