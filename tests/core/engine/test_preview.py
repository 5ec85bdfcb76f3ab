"""A dry run asks the targets that can tell, about the operations that touch attributes, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from provisioner.core.api.errors import UnavailableError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AccountReport, AttributeChange, Presence, ProbeAccount, TargetReport
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.preview import Preview, preview
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import Account, Operation, OperationKind, Person, Unit
from provisioner.testing.harness import ORIGIN

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIT = Unit(code="46", name="Kahramanmaraş", kind="province")
PERSON = Person(id="p1", name="Ayşe Işık")
CHANGE = AttributeChange(name="title", removes=("Müdür",))


class Foreseeing:
    """A target that tells what would become of attributes, unless it is down."""

    def __init__(self, *, foresees: bool = True) -> None:
        self.foresees = foresees
        self.asked: list[ProbeAccount] = []

    @hookimpl
    def target_check(self) -> TargetReport:
        return TargetReport(foresees=self.foresees)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        self.asked.append(request)
        if request.account.login == "down":
            raise UnavailableError("connection refused")
        changes = () if request.account.login == "same" else (CHANGE,)
        return AccountReport(presence=Presence.ENABLED, changes=changes)


def planned(login: str, kind: OperationKind = OperationKind.CREATE, holder: Person | None = PERSON) -> PlannedOperation:
    return PlannedOperation(
        operation=Operation(id=login, kind=kind, login=login, actor="p1", created_at=NOON),
        account=Account(login=login, domain="meb.gov.tr", unit="46"),
        unit=UNIT,
        holder=holder,
    )


def answers(plugins: Plugins, plugin: Foreseeing, work: Sequence[PlannedOperation]) -> list[Preview]:
    target: Target = plugins.add_target("posta", plugin, ORIGIN)
    target.check()
    return list(preview(work, [target]))


def test_only_answers_that_say_something_are_shown(plugins: Plugins) -> None:
    found = answers(plugins, Foreseeing(), [planned("a"), planned("same")])

    assert found == [Preview(login="a", target="posta", changes=(CHANGE,))]


def test_a_target_that_cannot_tell_is_not_asked(plugins: Plugins) -> None:
    plugin = Foreseeing(foresees=False)

    assert answers(plugins, plugin, [planned("a")]) == []
    assert plugin.asked == []


@pytest.mark.parametrize("kind", [OperationKind.CLOSE, OperationKind.DELETE, OperationKind.ROTATE])
def test_operations_that_leave_attributes_alone_ask_nothing(plugins: Plugins, kind: OperationKind) -> None:
    plugin = Foreseeing()

    assert answers(plugins, plugin, [planned("a", kind), planned("b", holder=None)]) == []
    assert plugin.asked == []


def test_an_account_that_cannot_be_asked_about_hides_no_other(plugins: Plugins) -> None:
    failed, told = answers(plugins, Foreseeing(), [planned("down"), planned("a")])

    assert isinstance(failed.error, UnavailableError)
    assert told.changes == (CHANGE,)


def test_the_target_is_told_what_is_planned(plugins: Plugins) -> None:
    plugin = Foreseeing()
    answers(plugins, plugin, [planned("a")])
    [request] = plugin.asked

    assert request.secret is None
    assert request.planned
    assert (request.planned.kind, request.planned.holder) == (OperationKind.CREATE, PERSON)
