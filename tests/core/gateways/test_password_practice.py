"""What a target demands of passwords, compared with what the product does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.api.messages import PasswordLimits
from provisioner.core.gateways.password_practice import Practice

DAY = 86400
PRACTICE = Practice(length=13, life=timedelta(days=30))


@pytest.mark.parametrize("limits", [PasswordLimits(minimum_length=14), PasswordLimits(maximum_length=12)])
def test_a_target_that_would_take_none_of_the_passwords_is_not_fit(limits: PasswordLimits) -> None:
    with pytest.raises(MisconfiguredError, match="13 characters"):
        PRACTICE.require_acceptance(limits)


@pytest.mark.parametrize(
    "limits", [PasswordLimits(), PasswordLimits(minimum_length=13, maximum_length=13, maximum_age=30 * DAY)]
)
def test_a_target_that_takes_them_and_keeps_them_is_fit(limits: PasswordLimits) -> None:
    PRACTICE.require_acceptance(limits)
    Practice().require_acceptance(limits)

    assert PRACTICE.warnings(limits) == []


def test_a_password_that_ends_before_the_rules_end_it_is_warned_of() -> None:
    [warning] = PRACTICE.warnings(PasswordLimits(maximum_age=30 * DAY - 1))

    assert "after 29 days, but the rules keep them for 30" in str(warning)


def test_a_password_that_ends_and_that_no_rule_renews_is_warned_of() -> None:
    [warning] = Practice(length=13).warnings(PasswordLimits(maximum_age=90 * DAY))

    assert "after 90 days, and no rule renews them" in str(warning)
