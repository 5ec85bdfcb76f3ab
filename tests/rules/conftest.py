from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest

from provisioner.core.api.rules import Facts
from provisioner.core.model import AccountState
from provisioner.testing import samples

#: Nine in the morning in Istanbul.
OPENED = datetime(2026, 1, 5, 6, tzinfo=UTC)


@pytest.fixture(name="facts")
def _facts() -> Facts:
    """Of an open account whose password is as old as itself."""
    account = attrs.evolve(
        samples.ACCOUNT, state=AccountState.OPEN, opened_at=OPENED, password_changed_at=OPENED, closed_at=None
    )
    return Facts(account=account, unit=samples.UNIT, time_zone=ZoneInfo("Europe/Istanbul"))


@pytest.fixture(name="day")
def _day() -> Callable[[float], datetime]:
    """Returns the time so many days after the opening."""
    return lambda days: OPENED + timedelta(days=days)
