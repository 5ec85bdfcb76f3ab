"""The last comparison of each target: nobody relies for weeks on one that was never made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from provisioner.core.model import StepError
from provisioner.core.reconcile.differences import TargetCompared
from provisioner.services.application import Application
from provisioner.services.health_check.comparisons import check_comparisons
from provisioner.services.health_check.results import CheckResult, CheckStatus

DAY = timedelta(days=1)
PARTIAL = StepError(name="PartialListError", message="the list ended early")


def compared(
    app: Application,
    ago: timedelta,
    differences: Mapping[str, int] | None = None,
    *,
    unit: str | None = None,
    error: StepError | None = None,
) -> None:
    event = TargetCompared(
        at=app.now() - ago,
        actor="9000",
        target="directory",
        started_at=app.now() - ago,
        listed=39,
        differences=differences or {},
        unit=unit,
        error=error,
    )
    app.record(event)


def checked(app: Application) -> list[CheckResult]:
    return list(check_comparisons(app.config, app.plugins, app.now))


@pytest.mark.parametrize(
    ("ago", "differences", "error", "message"),
    [
        (8 * DAY, {}, None, "compared 8 days ago, no differences"),
        (DAY, {"missing": 1}, None, "compared 1 day ago, 1 difference"),
        (0 * DAY, {"missing": 2, "extra": 1}, None, "compared less than a day ago, 3 differences"),
        (DAY, {}, PARTIAL, "compared 1 day ago, not completely: the list ended early"),
    ],
)
def test_what_somebody_should_look_at_is_a_warning(
    app: Application, ago: timedelta, differences: Mapping[str, int], error: StepError | None, message: str
) -> None:
    compared(app, ago, differences, error=error)

    [found] = checked(app)

    assert (found.name, found.status, str(found.message)) == ("comparisons.directory", CheckStatus.WARNING, message)
    assert str(found.cure) == "run 'provisioner reconcile --target directory'"


def test_a_target_that_was_never_compared_is_a_warning(app: Application) -> None:
    compared(app, DAY, unit="ar-ge")

    [found] = checked(app)

    assert (found.status, str(found.message)) == (CheckStatus.WARNING, "never compared"), "a unit is not the whole"
    assert str(found.cure) == "run 'provisioner reconcile --target directory'"


def test_a_clean_comparison_of_this_week_needs_nothing(app: Application) -> None:
    compared(app, 3 * DAY, {"missing": 1})
    compared(app, 2 * DAY)
    compared(app, DAY, {"missing": 1}, unit="ar-ge")

    [found] = checked(app)

    assert (found.status, str(found.message)) == (CheckStatus.OK, "compared 2 days ago, no differences")
    assert str(found.cure) == ""
