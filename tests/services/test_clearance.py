"""Clearance without a command line."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.api.messages import Passage
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.roles import Role
from provisioner.services.application import Application

OFFICE, HOLDER, OTHER = "1001", "1002", "1003"


@pytest.fixture(autouse=True)
def _opened(app: Application) -> None:
    app.runs.start(app.accounts.plan_creation(["arge46"], Initiator(actor="9000"))).wait()
    app.delegation.grant(OFFICE, Role.PERSONNEL_OFFICE, unit="il-mem", actor="9000")


class TestAsk:
    """The personnel office asks."""

    def test_who_holds_an_account_may_not_leave(self, app: Application) -> None:
        answer = app.clearance.ask(HOLDER, Passage.LEAVING, actor=OFFICE)

        assert not answer.is_clear
        assert [block.subject for block in answer.blocks] == ["arge46"]

    def test_who_holds_nothing_may_leave(self, app: Application) -> None:
        assert app.clearance.ask(OTHER, Passage.LEAVING, actor=OFFICE).is_clear

    def test_is_denied_to_everybody_else(self, app: Application) -> None:
        with pytest.raises(DeniedError):
            app.clearance.ask(HOLDER, Passage.LEAVING, actor=OTHER)

    @pytest.mark.parametrize("person", ["9000", "4711"])
    def test_does_not_tell_another_office_whether_there_is_such_a_person(self, app: Application, person: str) -> None:
        app.delegation.grant(OTHER, Role.PERSONNEL_OFFICE, unit="ar-ge", actor="9000")

        with pytest.raises(DeniedError):
            app.clearance.ask(person, Passage.LEAVING, actor=OTHER)

    def test_an_unknown_person_is_not_cleared(self, app: Application) -> None:
        """Most likely the id is wrong, and another person may not leave."""
        app.delegation.grant(OFFICE, Role.PERSONNEL_OFFICE, actor="9000")

        with pytest.raises(InputError, match="person 4711 not found"):
            app.clearance.ask("4711", Passage.STARTING, actor=OFFICE)
