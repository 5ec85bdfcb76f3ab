"""Staff without a command line."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import DeniedError, InputError
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

    def test_does_not_change_the_own_mobile_number(self, app: Application) -> None:
        own = attrs.evolve(PERSONS[0], mobile="+905321230000")

        with pytest.raises(DeniedError, match="mobile number or supervisor"):
            app.persons.save([own], actor=ADMINISTRATOR)

    def test_in_a_dry_run_writes_nothing(self, app: Application) -> None:
        assert app.persons.save([NEW], actor=ADMINISTRATOR, dry_run=True) == [NEW]
        assert not app.store.persons.get_many(["1005"])


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
