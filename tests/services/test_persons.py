"""Staff without a command line."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import BusyError, DeniedError, InputError, UnavailableError
from provisioner.core.api.messages import FindPerson
from provisioner.core.engine.master_data import PersonChanged, PersonNumberConfirmed
from provisioner.core.governance.privacy import MASK
from provisioner.core.governance.roles import Role
from provisioner.core.model import Person
from provisioner.services.application import Application
from tests.services.conftest import PERSONS, Observer

ADMINISTRATOR, OFFICER, OTHER = "9000", "1001", "1003"
NEW = Person(id="1005", name="Yeni", unit="ar-ge", mobile="+905337654325")


class TestSave:
    """Staff are written."""

    def test_writes_who_is_new_or_changed(self, app: Application, observer: Observer) -> None:
        assert app.persons.save([*PERSONS, NEW], actor=ADMINISTRATOR) == [NEW]
        assert len(observer.seen) == 1
        assert app.store.persons.get_many(["1005"]) == {"1005": NEW}

    def test_is_denied_to_an_officer(self, app: Application) -> None:
        """Who sets mobile numbers decides where passwords go."""
        app.delegation.grant(OFFICER, Role.OFFICER, actor=ADMINISTRATOR)

        with pytest.raises(DeniedError):
            app.persons.save([NEW], actor=OFFICER)

    @pytest.mark.parametrize("field", ["mobile", "other_mobile"])
    def test_does_not_change_the_own_mobile_number(self, app: Application, field: str) -> None:
        changes: dict[str, Any] = {field: "+905321230000"}
        own = attrs.evolve(PERSONS[0], **changes)

        with pytest.raises(DeniedError, match="mobile number or supervisor"):
            app.persons.save([own], actor=ADMINISTRATOR)

    def test_in_a_dry_run_writes_nothing(self, app: Application) -> None:
        assert app.persons.save([NEW], actor=ADMINISTRATOR, dry_run=True) == [NEW]
        assert not app.store.persons.get_many(["1005"])


class TestConfirmNumber:
    """An administrator has verified a person's other number."""

    OTHER_NUMBER = "+905339876543"

    def known(self, app: Application, person: Person = PERSONS[3]) -> Person:
        """Put a person with another number into the store."""
        app.store.persons.save([attrs.evolve(person, other_mobile=self.OTHER_NUMBER)])
        return app.store.persons.get_many([person.id])[person.id]

    def test_records_who_confirmed_it_in_the_audit_log_without_the_number(
        self, app: Application, observer: Observer
    ) -> None:
        self.known(app)

        confirmed = app.persons.confirm_number(OTHER, actor=ADMINISTRATOR)

        assert (confirmed.confirmed_mobile, confirmed.other_mobile_confirmed_by) == (self.OTHER_NUMBER, ADMINISTRATOR)
        [event] = observer.seen
        assert isinstance(event, PersonNumberConfirmed)
        mark = app.store.mobile_mark(self.OTHER_NUMBER)
        assert (event.actor, event.person, event.before, event.after) == (
            ADMINISTRATOR,
            OTHER,
            {"confirmed_mobile_mark": None},
            {"confirmed_mobile_mark": mark},
        )
        assert app.persons.confirm_number(OTHER, actor=ADMINISTRATOR) == confirmed
        assert len(observer.seen) == 1, "it is confirmed already"

    def test_ends_when_the_number_changes_and_not_with_other_changes(
        self, app: Application, observer: Observer
    ) -> None:
        self.known(app)
        confirmed = app.persons.confirm_number(OTHER, actor=ADMINISTRATOR)
        imported = attrs.evolve(PERSONS[3], other_mobile=self.OTHER_NUMBER, title="Müdür")

        app.persons.save([imported], actor=ADMINISTRATOR)
        kept = app.store.persons.get_many([OTHER])[OTHER]
        assert kept == attrs.evolve(confirmed, title="Müdür")
        assert app.persons.save([imported], actor=ADMINISTRATOR) == []

        for number in ("+905330000000", self.OTHER_NUMBER):
            app.persons.save([attrs.evolve(imported, other_mobile=number)], actor=ADMINISTRATOR)
            assert app.store.persons.get_many([OTHER])[OTHER].confirmed_mobile is None
        event = observer.seen[2]
        assert isinstance(event, PersonChanged)
        assert event.after["confirmed_mobile_mark"] is None

    def test_does_not_come_with_a_list(self, app: Application) -> None:
        """Anybody who writes the list would confirm the number."""
        forged = attrs.evolve(
            PERSONS[3],
            other_mobile=self.OTHER_NUMBER,
            other_mobile_confirmed_by=ADMINISTRATOR,
            other_mobile_confirmed_at=app.now(),
        )

        app.persons.save([forged], actor=ADMINISTRATOR)
        app.store.persons.save([forged])

        assert app.store.persons.get_many([OTHER])[OTHER].confirmed_mobile is None

    def test_is_denied_to_an_officer_and_for_the_own_number(self, app: Application) -> None:
        app.delegation.grant(OFFICER, Role.OFFICER, actor=ADMINISTRATOR)
        self.known(app)
        self.known(app, PERSONS[0])

        with pytest.raises(DeniedError):
            app.persons.confirm_number(OTHER, actor=OFFICER)
        with pytest.raises(DeniedError, match="mobile number or supervisor"):
            app.persons.confirm_number(ADMINISTRATOR, actor=ADMINISTRATOR)

    @pytest.mark.parametrize("person", [OTHER, "4711"])
    def test_needs_a_number(self, app: Application, person: str) -> None:
        with pytest.raises(InputError, match="no other mobile number"):
            app.persons.confirm_number(person, actor=ADMINISTRATOR)

    def test_is_not_for_a_number_that_changed_meanwhile(self, app: Application) -> None:
        seen = self.known(app)
        app.store.persons.save([attrs.evolve(seen, other_mobile="+905330000000")])

        with pytest.raises(BusyError):
            app.store.persons.confirm_number(seen, actor=ADMINISTRATOR)

    def test_in_a_dry_run_writes_nothing(self, app: Application) -> None:
        self.known(app)

        assert app.persons.confirm_number(OTHER, actor=ADMINISTRATOR, dry_run=True).confirmed_mobile
        assert app.store.persons.get_many([OTHER])[OTHER].confirmed_mobile is None


class TestFind:
    """Somebody looks a person up."""

    @pytest.mark.parametrize("viewer", [ADMINISTRATOR, OTHER])
    def test_is_for_administrators_and_the_person(self, app: Application, viewer: str) -> None:
        assert app.persons.find(OTHER, viewer=viewer) == PERSONS[3]

    @pytest.mark.parametrize("person", ["1002", "4711"])
    def test_tells_others_nothing_at_all(self, app: Application, person: str) -> None:
        with pytest.raises(DeniedError, match=r"or person \d+ is unknown"):
            app.persons.find(person, viewer=OTHER)

    def test_tells_an_administrator_that_there_is_nobody(self, app: Application) -> None:
        with pytest.raises(InputError, match="person 4711 not found"):
            app.persons.find("4711", viewer=ADMINISTRATOR)


class TestNames:
    """Names beside IDs, on pages."""

    def test_are_those_of_the_personnel_system(self, app: Application) -> None:
        """The store knows only persons who were imported; a page showed the others as numbers."""
        people = app.planner.people
        people.has_system = lambda: True
        people.find = lambda asked: Person(id="7001", name="Yalnız PYS'de") if asked.person_id == "7001" else None

        assert app.persons.names(["7001", "1001", "8000", None]) == {"7001": "Yalnız PYS'de", "1001": "Ayşe Işık"}
        assert app.search.names(["7001"]) == {"7001": "Yalnız PYS'de"}

    def test_are_those_of_the_store_while_the_personnel_system_is_down(self, app: Application) -> None:
        def down(_: FindPerson) -> Person | None:
            raise UnavailableError("no answer")

        people = app.planner.people
        people.has_system, people.find = lambda: True, down

        assert app.persons.names(["7001", "1001"]) == {"1001": "Ayşe Işık"}

    def test_are_not_asked_for_what_is_no_person(self, app: Application) -> None:
        """Masked records and those of policies and services would send these words to the personnel system."""
        asked: list[str] = []

        def find(request: FindPerson) -> Person | None:
            asked.append(request.person_id)
            return None

        people = app.planner.people
        people.has_system, people.find = lambda: True, find

        assert app.persons.names([MASK, "policy:renewal", "service:list", "7001"]) == {}
        assert asked == ["7001"]
