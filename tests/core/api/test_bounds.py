"""A number that no clock or calendar can compute with is refused where it is read."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.bounds import DAYS, LONGEST_TIMEOUT, MONTHS, MOST_DAYS, is_timeout
from provisioner.core.api.errors import ConfigurationError


@attrs.frozen(kw_only=True)
class Settings:
    timeout: float = attrs.field(default=1, validator=is_timeout)
    days: int = attrs.field(default=1, validator=DAYS)
    months: int = attrs.field(default=1, validator=MONTHS)


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_TIMEOUT + 1, float("nan"), float("inf")])
def test_a_time_that_cannot_be_waited_for_is_refused_with_its_key(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout: expected more than 0 and at most 3600 seconds"):
        Settings(timeout=seconds)


@pytest.mark.parametrize("seconds", [0.001, 30, LONGEST_TIMEOUT])
def test_other_times_are_taken(seconds: float) -> None:
    assert Settings(timeout=seconds).timeout == seconds


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": MOST_DAYS + 1}, {"months": 0}, {"months": 1201}])
def test_more_than_a_century_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"days|months"):
        Settings(**wrong)
    Settings(days=MOST_DAYS, months=1200)
