"""What was found when accounts were verified is told until something newer is known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.core.engine.plan import Initiator
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.ports import LastAnswer
from provisioner.services.application import Application
from provisioner.services.health_check.results import CheckStatus
from provisioner.services.health_check.verification import check_verification


@pytest.fixture(name="opened")
def _opened(app: Application) -> Application:
    units = app.store.units.get_many(["il-mem", "ar-ge"])
    app.engine.apply(app.planner.open_units(list(units.values()), Initiator(actor="9000")))
    return app


def checked(app: Application, days: int = 0) -> list[tuple[str, str, str]]:
    results = list(check_verification(app.config, app.plugins, lambda: app.now() + timedelta(days=days)))
    assert all(result.status is CheckStatus.WARNING for result in results)
    return [(result.name, str(result.message), str(result.cure)) for result in results]


def note(app: Application, login: str, difference: DifferenceKind | None) -> None:
    app.store.verifications.note("directory", [LastAnswer(login=login, at=app.now(), difference=difference)])


def test_nothing_is_told_of_accounts_that_are_as_they_should_be(opened: Application) -> None:
    note(opened, "arge46", None)

    assert checked(opened) == []


def test_accounts_that_differed_are_counted_and_the_first_is_named(opened: Application) -> None:
    note(opened, "arge46", DifferenceKind.DISABLED)
    cure = "run 'provisioner account verify arge46'"
    assert checked(opened) == [
        ("accounts.directory", "1 account differed when it was verified: arge46", cure),
    ]

    note(opened, "kmarasmem", DifferenceKind.MISSING)
    [(_, message, _)] = checked(opened)
    assert message == "2 accounts differed when they were verified, the first is arge46"


def test_accounts_that_nothing_has_shown_for_long_are_counted(opened: Application) -> None:
    assert checked(opened, days=29) == []
    assert checked(opened, days=31) == [
        (
            "accounts.directory",
            "2 accounts were not seen for 30 days, the first is arge46",
            "run 'provisioner reconcile --target directory', or add a rule set 'verify'",
        )
    ]
