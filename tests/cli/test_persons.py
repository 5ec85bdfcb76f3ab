from __future__ import annotations

import pytest

from provisioner.testing.faults import Fault
from tests.cli.conftest import Office

PEOPLE = "id,name,unit,title,mobile,supervisor\n2001,Veli Kaya,il-mem,Memur,0532 765 43 21,1001\n"


class TestImport:
    """``person import``."""

    def test_takes_people_over(self, office: Office) -> None:
        answer = office.type("--json", "person", "import", office.write("people.csv", PEOPLE))

        assert answer.code == 0
        assert [person["id"] for person in answer.json["items"]] == ["2001"]
        with office.open() as store:
            assert store.persons.get_many(["2001"])["2001"].mobile == "0532 765 43 21"

    def test_does_not_print_numbers(self, office: Office) -> None:
        answer = office.type("--json", "person", "import", office.write("people.csv", PEOPLE))

        assert answer.json["items"][0]["mobile"] == "************21"

    def test_as_a_dry_run_stores_nothing(self, office: Office) -> None:
        office.type("person", "import", "--dry-run", office.write("people.csv", PEOPLE))

        with office.open() as store:
            assert store.persons.get_many(["2001"]) == {}

    def test_may_be_repeated(self, office: Office) -> None:
        people = office.write("people.csv", PEOPLE)
        office.type("person", "import", people)

        assert "0 imported, 1 unchanged" in office.type("person", "import", people).out


class TestShow:
    """``person show``."""

    def test_masks_the_number(self, office: Office) -> None:
        person = office.type("--json", "person", "show", "1001").json

        assert person == {
            "id": "1001",
            "name": "Ayşe Işık",
            "unit": "il-mem",
            "title": "Şef",
            "mobile": "***********67",
            "supervisor": None,
            "other_mobile": None,
            "other_mobile_confirmed_by": None,
            "other_mobile_confirmed_at": None,
        }

    def test_shows_the_whole_number_when_asked(self, office: Office) -> None:
        assert "+905321234567" in office.type("person", "show", "1001", "--full").out

    def test_of_somebody_whom_nobody_knows_exits_with_2(self, office: Office) -> None:
        answer = office.type("--json", "person", "show", "9999")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "person 9999 not found"


OTHER = "id,name,unit,title,mobile,supervisor,other_mobile\n1001,Ayşe Işık,il-mem,Şef,+905321234567,,0555 111 22 33\n"


class TestConfirmNumber:
    """``person confirm-number``."""

    @pytest.fixture(autouse=True)
    def _imported(self, office: Office) -> None:
        assert office.type("person", "import", office.write("other.csv", OTHER)).code == 0

    def test_prints_the_masked_number_and_who_confirmed_it(self, office: Office) -> None:
        answer = office.type("--json", "--actor", "9000", "person", "confirm-number", "1001")

        assert answer.code == 0
        assert (answer.json["other_mobile"], answer.json["other_mobile_confirmed_by"]) == ("************33", "9000")
        assert office.type("person", "confirm-number", "1001").out == "1001: ************33\n"
        shown = office.type("person", "show", "1001")
        assert "0555" not in shown.out
        assert "9000" in shown.out
        assert "0555 111 22 33" in office.type("person", "show", "1001", "--full").out

    def test_is_in_the_audit_log_without_the_number(self, office: Office) -> None:
        office.type("person", "confirm-number", "1001")

        answer = office.type("audit", "list", "--kind", "person_number_confirmed")

        assert "confirmed_mobile_mark: - → " in answer.out
        listed = office.type("--json", "audit", "list").out
        assert not [number for number in ("0555 111 22 33", "5551112233") if number in listed]

    def test_as_a_dry_run_stores_nothing(self, office: Office) -> None:
        office.type("person", "confirm-number", "1001", "--dry-run")

        with office.open() as store:
            assert store.persons.get_many(["1001"])["1001"].confirmed_mobile is None

    def test_without_a_number_exits_with_2(self, office: Office) -> None:
        assert office.type("person", "confirm-number", "1002").code == 2


CHANGED = "id,name,unit,title,mobile,supervisor\n1001,Ayşe Yıldız,il-mem,Şef,+905321234567,\n"


class TestOpenAccounts:
    """``person import`` of a person who holds an open account."""

    @pytest.fixture(autouse=True)
    def _opened(self, office: Office) -> None:
        office.type("unit", "open", "il-mem")

    def test_updates_them_on_the_targets(self, office: Office) -> None:
        answer = office.type("--json", "person", "import", office.write("persons.csv", CHANGED))

        assert answer.code == 0
        assert [item["id"] for item in answer.json["items"]] == ["1001"]
        assert [(one["kind"], one["state"]) for one in answer.json["operations"]] == [("update", "done")]

    def test_as_a_dry_run_shows_old_and_new(self, office: Office) -> None:
        answer = office.type("person", "import", "--dry-run", office.write("persons.csv", CHANGED))

        assert answer.code == 0
        assert "posta: name: removes Ayşe Işık; adds Ayşe Yıldız" in answer.out
        assert "1 would be imported, 0 unchanged" in answer.out
        with office.open() as store:
            assert store.persons.get_many(["1001"])["1001"].name == "Ayşe Işık"

    def test_with_a_target_that_is_down_imports_and_waits(self, office: Office) -> None:
        for hook in ("target_check", "account_update"):
            office.faults("posta").on(hook, Fault.CANNOT_CONNECT)

        answer = office.type("--json", "person", "import", office.write("persons.csv", CHANGED))

        assert answer.code == 4
        assert [one["state"] for one in answer.json["operations"]] == ["incomplete"]
        with office.open() as store:
            assert store.persons.get_many(["1001"])["1001"].name == "Ayşe Yıldız"
