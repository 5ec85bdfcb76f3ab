"""Handovers without a command line."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import ConfigurationError, DeniedError, InputError
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import Operation
from provisioner.services.application import Application
from provisioner.services.handovers import find_handover, list_handovers

ADMINISTRATOR, OUTGOING, INCOMING, OTHER = "9000", "1002", "1003", "1004"
INITIATOR = Initiator(actor=ADMINISTRATOR)


@pytest.fixture(autouse=True)
def _opened(app: Application) -> None:
    app.runs.start(app.accounts.plan_creation(["arge46"], INITIATOR)).wait()


@pytest.fixture(name="operation")
def _operation(app: Application) -> Operation:
    """Return a handover that is done."""
    run = app.runs.start(app.handovers.plan("arge46", to=INCOMING, initiator=INITIATOR))
    run.wait()
    return run.ended[0]


class TestPlan:
    """An officer plans a handover."""

    def test_leaves_a_record(self, app: Application) -> None:
        plan = app.handovers.plan("arge46", to=INCOMING, outgoing=OUTGOING, initiator=INITIATOR)
        assert not app.handovers.recorded(plan)

        app.runs.start(plan).wait()

        assert app.handovers.recorded(plan) == [plan.work[0].operation.id]

    @pytest.mark.parametrize("to", [INCOMING, None])
    def test_is_denied_to_everybody_else(self, app: Application, to: str | None) -> None:
        """Before anybody is told what the configuration lacks."""
        with pytest.raises(DeniedError):
            app.handovers.plan("arge46", to=to, initiator=Initiator(actor=OUTGOING))

    def test_from_somebody_who_does_not_hold_it_is_refused(self, app: Application) -> None:
        with pytest.raises(InputError):
            app.handovers.plan("arge46", to=INCOMING, outgoing=OTHER, initiator=INITIATOR)

    def test_of_a_vacant_post_goes_to_the_it_unit(self, app: Application) -> None:
        handovers = attrs.evolve(app.handovers, it_unit="il-mem")

        plan = handovers.plan("arge46", to=None, initiator=INITIATOR)

        assert [work.operation.holder for work in plan.work] == ["1001"]

    @pytest.mark.parametrize(("code", "message"), [("", "names no IT unit"), ("nosuch", "nosuch is unknown")])
    def test_without_an_it_unit_leaves_the_account_where_it_is(self, app: Application, code: str, message: str) -> None:
        handovers = attrs.evolve(app.handovers, it_unit=code)

        with pytest.raises(ConfigurationError, match=message):
            handovers.plan("arge46", to=None, initiator=INITIATOR)


class TestRead:
    """Both sides keep the record."""

    def test_names_both_sides(self, app: Application, operation: Operation) -> None:
        record = find_handover(app.store, app.privacy(INCOMING), operation.id[:6])

        assert (record.handover.outgoing, record.handover.incoming, record.not_on) == (OUTGOING, INCOMING, ())

    def test_is_masked_for_others(self, app: Application, operation: Operation) -> None:
        privacy = app.privacy(OTHER)

        assert find_handover(app.store, privacy, operation.id).handover.incoming == MASK
        with pytest.raises(DeniedError):
            find_handover(app.store, privacy, operation.id, whole=True)

    def test_of_a_person_does_not_tell_others_who_is_in_it(self, app: Application, operation: Operation) -> None:
        """A filter by person that finds a masked record unmasks it."""
        privacy = app.privacy(OTHER)

        assert len(list_handovers(app.store, privacy)) == 1
        assert not list_handovers(app.store, privacy, person=INCOMING)
        assert len(list_handovers(app.store, app.privacy(INCOMING), person=INCOMING)) == 1

    def test_that_does_not_exist_is_refused(self, app: Application) -> None:
        with pytest.raises(InputError, match="no record"):
            find_handover(app.store, app.privacy(ADMINISTRATOR), "nosuch")
