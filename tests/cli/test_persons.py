from __future__ import annotations

from provisioner.cli.commands.persons import masked
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
        }

    def test_shows_the_whole_number_when_asked(self, office: Office) -> None:
        assert "+905321234567" in office.type("person", "show", "1001", "--full").out

    def test_of_somebody_whom_nobody_knows_exits_with_2(self, office: Office) -> None:
        answer = office.type("--json", "person", "show", "9999")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "person 9999 not found"


def test_masked_hides_all_but_the_last_digits() -> None:
    assert (masked("+905321234567"), masked("12"), masked(None)) == ("***********67", "12", None)
