"""Comparing targets with the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NoReturn

import pytest

from provisioner.core.api.errors import DeniedError, InputError, UnavailableError
from provisioner.core.api.messages import DeleteAccount
from provisioner.core.engine.plan import Initiator
from provisioner.core.gateways.gateway import Target
from provisioner.core.model import Unit
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference
from provisioner.services.application import Application
from provisioner.services.reconcile import ComparedTarget
from tests.services.conftest import UNITS, Observer

ADMINISTRATOR = "9000"


def test_counts_what_a_target_lists_and_tells_the_observers(app: Application, observer: Observer) -> None:
    found = list(app.reconcile.compare(actor=ADMINISTRATOR))

    assert found == [ComparedTarget(name="directory")]
    assert [event.kind for event in observer.seen] == ["target_compared"]
    assert app.store.audit_log.verify_chain() is None


@pytest.mark.parametrize("unit", [None, "ar-ge"])
def test_is_denied_to_others(app: Application, unit: str | None) -> None:
    with pytest.raises(DeniedError):
        app.reconcile.compare(actor="1003", unit=unit)


def test_a_target_or_a_unit_that_does_not_exist_is_named(app: Application) -> None:
    with pytest.raises(InputError, match="there is no target posta; the targets are directory"):
        app.reconcile.compare(actor=ADMINISTRATOR, target="posta")
    with pytest.raises(InputError, match="there is no unit nowhere"):
        app.reconcile.compare(actor=ADMINISTRATOR, unit="nowhere")


def test_only_the_accounts_of_a_unit_are_shown(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    from provisioner.core.reconcile import comparison

    kinds = DifferenceKind
    everywhere = [
        Difference(kind=kinds.MISSING, target="directory", login="kmarasmem", unit="il-mem"),
        Difference(kind=kinds.MISSING, target="directory", login="arge46", unit="ar-ge"),
        Difference(kind=kinds.EXTRA, target="directory", login="x"),
    ]
    monkeypatch.setattr(comparison.Comparison, "differences", lambda self: iter(everywhere))

    *shown, ended = app.reconcile.compare(actor=ADMINISTRATOR, unit="ar-ge")

    assert shown == everywhere[1:2]
    assert isinstance(ended, ComparedTarget)
    assert ended.differences == {kinds.MISSING: 1}
    assert not ended.is_clean
    assert app.store.comparisons.last("directory") is None, "it is recorded as a whole comparison"


class TestUnfinished:
    """Accounts that a comparison leaves out, because their operation waits."""

    @pytest.fixture(name="waiting")
    def _waiting(self, app: Application, monkeypatch: pytest.MonkeyPatch) -> Application:
        """An account is open. Its renewal failed, and then somebody deleted the account in the directory."""
        app.engine.apply(app.planner.open_units(list(UNITS), Initiator(actor=ADMINISTRATOR)))
        account = app.store.accounts.get_many(["arge46"])["arge46"]
        with monkeypatch.context() as patched:
            patched.setattr(Target, "change", _fail)
            app.engine.apply(app.planner.rotate([account], Initiator(actor=ADMINISTRATOR)))
        [target] = app.plugins.targets.values()
        target.change(DeleteAccount(operation_id="", account=account, unit=UNITS[1]))
        return app

    def test_are_told_with_the_operation(self, waiting: Application) -> None:
        """Nothing else says that the account is missing: until the operation ends, nobody compares it."""
        _, *shown = waiting.reconcile.compare(actor=ADMINISTRATOR)

        [operation] = waiting.store.operations.find(unended=True)
        assert shown == [
            Difference(
                kind=DifferenceKind.UNFINISHED,
                target="",
                login="arge46",
                unit="ar-ge",
                known="open",
                operation=operation.id,
            )
        ]
        assert [operation.id in str(found.cure) for found in shown if isinstance(found, Difference)] == [True]

    def test_are_restricted_to_the_unit_that_is_asked_for(self, waiting: Application) -> None:
        waiting.store.units.save([Unit(code="other", name="Other", kind="office")])

        kinds = {unit: _kinds(waiting, unit) for unit in ("ar-ge", "il-mem", "other")}
        assert kinds == {"ar-ge": [DifferenceKind.UNFINISHED], "il-mem": [DifferenceKind.UNFINISHED], "other": []}

    def test_are_left_to_a_person(self, waiting: Application) -> None:
        found = [found for found in waiting.reconcile.compare(actor=ADMINISTRATOR) if isinstance(found, Difference)]

        repairs = waiting.repairs.plan(found, actor=ADMINISTRATOR)
        assert (repairs.count, list(repairs.left)) == (0, found)


def _kinds(app: Application, unit: str) -> list[DifferenceKind]:
    found = app.reconcile.compare(actor=ADMINISTRATOR, unit=unit)
    return [difference.kind for difference in found if isinstance(difference, Difference)]


def _fail(*_: object) -> NoReturn:
    raise UnavailableError("the directory is down")


class TestNotSeen:
    """Accounts of a target that can't be compared, when nothing has shown them for long."""

    @pytest.fixture(name="silent")
    def _silent(self, app: Application, monkeypatch: pytest.MonkeyPatch) -> Application:
        """Two accounts were opened, and 31 days later the directory doesn't list them."""
        units = app.store.units.get_many(["il-mem", "ar-ge"])
        app.engine.apply(app.planner.open_units(list(units.values()), Initiator(actor=ADMINISTRATOR)))
        later = app.now() + timedelta(days=31)
        monkeypatch.setattr(Application, "now", lambda _: later)

        def fail(_: Target) -> Iterator[object]:
            raise UnavailableError("the directory is down")

        monkeypatch.setattr(Target, "list_accounts", fail)
        return app

    def test_are_told_with_the_reason(self, silent: Application) -> None:
        *shown, ended = silent.reconcile.compare(actor=ADMINISTRATOR)

        assert [(one.login, one.kind.value, one.known) for one in shown if isinstance(one, Difference)] == [
            ("arge46", "not_seen", "open"),
            ("kmarasmem", "not_seen", "open"),
        ]
        assert isinstance(ended, ComparedTarget)
        assert ended.error is not None
        assert ended.error.name == "UnavailableError"
        assert ended.total == 2

    def test_are_restricted_to_the_unit_that_is_asked_for(self, silent: Application) -> None:
        *shown, _ = silent.reconcile.compare(actor=ADMINISTRATOR, unit="ar-ge")

        assert [one.login for one in shown if isinstance(one, Difference)] == ["arge46"]

    def test_are_left_to_a_person(self, silent: Application) -> None:
        found = [one for one in silent.reconcile.compare(actor=ADMINISTRATOR) if isinstance(one, Difference)]

        repairs = silent.repairs.plan(found, actor=ADMINISTRATOR)
        assert (repairs.count, list(repairs.left)) == (0, found)
