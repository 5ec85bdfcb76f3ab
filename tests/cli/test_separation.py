"""Nobody has two parts in one matter: the ways round it, each denied with who could, and what stays permitted."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from tests.cli.conftest import CONFIG, PERSONS, Answer, Office
from tests.planted import plant
from tests.words import has_word

STAFF = [
    PERSONS[0],
    attrs.evolve(PERSONS[1], supervisor="1001"),
    attrs.evolve(PERSONS[2], mobile="+905330000003"),
    *(attrs.evolve(PERSONS[0], id=id_, mobile=f"+90533000{id_}") for id_ in ("2001", "2002", "3001", "3002")),
]


@pytest.fixture(name="office")
def _office(office: Office) -> Office:
    """Return an office with two administrators, two officers, and an open account that 1002 holds."""
    plant(f"sqlite:///{office.config.parent / 'provisioner.sqlite'}", *STAFF)
    office.config.write_text(CONFIG + '[authority]\nadministrators = ["3001", "3002"]\n')
    for officer in ("2001", "2002"):
        assert by(office, "3001", "authority", "grant", officer, "officer", "--unit", "il-mem").code == 0
    assert by(office, "2001", "unit", "open", "ar-ge").code == 0
    return office


def by(office: Office, actor: str, *command: object) -> Answer:
    return office.type("--json", "--actor", actor, *command)


def cure(answer: Answer) -> str:
    """Return who could do what was denied."""
    assert answer.code == 3, answer
    error = answer.json["error"]
    return str(error["cure"] or error["items"][0]["cure"])


def delegate(office: Office, delegator: str, person: str, role: str = "officer") -> None:
    command = "authority", "delegate", "--from", delegator, "--to", person, "--role", role, "--until", "2090-01-01"
    assert by(office, "3001", *command, *(("--unit", "il-mem") if role == "officer" else ())).code == 0


def name_custodian(office: Office, actor: str, custodian: str, code: str = "ar-ge") -> Answer:
    row = f"{code},AR-GE Birimi,office,il-mem,{'arge46' if code == 'ar-ge' else ''},{custodian}"
    units = office.write("units.csv", f"code,name,kind,parent,login,custodian\n{row}\n")
    return by(office, actor, "unit", "import", units)


def access_request(office: Office, requester: str, kind: str, *more: object) -> str:
    answer = by(office, requester, "request", "submit", "arge46", "--kind", kind, "--reason", "x", *more)
    assert answer.code == 0, answer
    return str(answer.json["id"])


def approved(office: Office, *args: Any) -> str:
    request_id = access_request(office, *args)
    assert by(office, "1001", "request", "approve", request_id).code == 0
    return request_id


class TestHandover:
    """A handover is a renewal with another receiver."""

    def test_by_an_officer_needs_a_form(self, office: Office) -> None:
        """A handover away and back would renew twice without any form."""
        answer = by(office, "2001", "handover", "arge46", "--to", "1003")

        assert "'provisioner request submit arge46 --kind handover --to 1003'" in cure(answer)
        assert cure(answer).endswith("without a request it can be done by Ayşe Işık (3001), Ayşe Işık (3002)")

    def test_by_an_officer_with_a_form_is_done(self, office: Office) -> None:
        request_id = approved(office, "1002", "handover", "--to", "1003")

        assert by(office, "2001", "request", "execute", request_id).code == 0

    def test_that_follows_the_personnel_data_is_done(self, office: Office) -> None:
        assert name_custodian(office, "3001", "1003").code == 0

        assert by(office, "2001", "handover", "arge46", "--to", "1003").code == 0
        assert by(office, "2001", "handover", "arge46", "--to", "1003").code == 0, "it may be repeated"

    def test_back_to_who_held_it_needs_a_form_again(self, office: Office) -> None:
        name_custodian(office, "3001", "1003")
        by(office, "2001", "handover", "arge46", "--to", "1003")

        assert "request submit" in cure(by(office, "2001", "handover", "arge46", "--to", "1002"))

    @pytest.mark.parametrize("other", ["nobody", "stand-in"])
    def test_does_not_follow_what_the_same_officer_wrote_down(self, office: Office, other: str) -> None:
        """A person who writes the list and carries it out would need nobody else."""
        if other == "stand-in":
            delegate(office, "2001", "2002")
        assert name_custodian(office, "2001" if other == "nobody" else "2002", "1003").code == 0

        assert "request submit" in cure(by(office, "2001", "handover", "arge46", "--to", "1003"))
        assert by(office, "3001", "handover", "arge46", "--to", "1003").code == 0

    @pytest.mark.parametrize("actor", ["2001", "3001"], ids=["officer", "administrator"])
    def test_to_oneself_is_denied(self, office: Office, actor: str) -> None:
        name_custodian(office, "3002", actor)

        answer = by(office, actor, "handover", "arge46", "--to", actor)

        assert f"({actor})" not in cure(answer)
        assert "(3002)" in cure(answer)

    @pytest.mark.parametrize("pair", [("1003", "3001"), ("3001", "1003")], ids=["for the receiver", "by the receiver"])
    def test_to_somebody_linked_is_denied(self, office: Office, pair: tuple[str, str]) -> None:
        delegate(office, *pair, role="supervisor")

        assert "(3002)" in cure(by(office, "3001", "handover", "arge46", "--to", "1003"))
        assert by(office, "3002", "handover", "arge46", "--to", "1003").code == 0

    def test_does_not_tell_strangers_who_holds_an_account(self, office: Office) -> None:
        answer = by(office, "1003", "handover", "arge46", "--to", "1003", "--from", "1001")

        assert answer.code == 3
        assert not has_word(answer.out + answer.err, "1002")


class TestForm:
    """Requester, approver and officer are three persons, and the officer receives no password."""

    def test_is_not_carried_out_by_who_receives_the_password(self, office: Office) -> None:
        name_custodian(office, "3001", "2001")
        assert by(office, "3001", "handover", "arge46", "--to", "2001").code == 0
        request_id = approved(office, "1002", "rotate")

        assert "the officer receives no password" in cure(by(office, "2001", "request", "execute", request_id))
        assert by(office, "2002", "request", "execute", request_id).code == 0

    @pytest.mark.parametrize("actor", ["2001", "3001"], ids=["officer", "administrator"])
    def test_is_not_carried_out_by_a_stand_in_of_who_asks_and_receives(self, office: Office, actor: str) -> None:
        request_id = approved(office, "1002", "rotate")
        delegate(office, "1002", actor, role="supervisor")

        assert "the officer receives no password" in cure(by(office, actor, "request", "execute", request_id))
        assert by(office, "2002", "request", "execute", request_id).code == 0

    def test_names_no_officer_who_receives_the_password(self, office: Office) -> None:
        command = "request", "submit", "arge46", "--kind", "handover", "--to", "2001", "--officer", "2001"

        assert by(office, "1002", *command, "--reason", "x").code == 3

    def test_is_for_the_receiver_that_was_approved(self, office: Office) -> None:
        """Another custodian in the personnel data does not change who receives the account of a form."""
        request_id = approved(office, "1002", "handover", "--to", "1003")
        name_custodian(office, "3001", "1001")

        assert by(office, "2001", "request", "execute", request_id).code == 0
        with office.open() as store:
            assert store.accounts.get_many(["arge46"])["arge46"].holder == "1003"


class TestLists:
    """Lists of units and persons say who holds an account and where passwords go."""

    @pytest.mark.parametrize("code", ["ar-ge", "yeni"], ids=["known unit", "new unit"])
    def test_officer_does_not_name_themselves(self, office: Office, code: str) -> None:
        assert "(2002)" in cure(name_custodian(office, "2001", "2001", code))
        assert name_custodian(office, "2002", "2001", code).code == 0
        assert name_custodian(office, "2001", "2001", code).code == 0, "it is known as it is"

    def test_officer_does_not_name_a_stand_in(self, office: Office) -> None:
        delegate(office, "2001", "1003")

        assert "(2002)" in cure(name_custodian(office, "2001", "1003"))
        assert name_custodian(office, "2001", "1001").code == 0

    def staff(self, office: Office, actor: str, person: str, mobile: str, supervisor: str = "") -> Answer:
        header, row = "id,name,unit,title,mobile,supervisor", f"{person},Ayşe Işık,il-mem,Şef,{mobile},{supervisor}"
        return by(
            office,
            actor,
            "person",
            "import",
            office.write("staff.csv", f"{header}\n{row}\n"),
        )

    @pytest.mark.parametrize("change", [("+905339999999", ""), ("+905330003001", "1001")], ids=["number", "supervisor"])
    def test_administrator_does_not_change_the_own_number_or_supervisor(
        self, office: Office, change: tuple[str, str]
    ) -> None:
        assert cure(self.staff(office, "3001", "3001", *change)) == "it can be done by Ayşe Işık (3002)"
        assert self.staff(office, "3002", "3001", *change).code == 0

    def test_administrator_does_not_change_the_number_of_who_is_acted_for(self, office: Office) -> None:
        delegate(office, "1001", "3001", role="supervisor")

        assert "(3002)" in cure(self.staff(office, "3001", "1001", "+905339999999"))
        assert self.staff(office, "3002", "1001", "+905339999999").code == 0

    def test_administrator_imports_new_staff_and_the_own_other_data(self, office: Office) -> None:
        assert self.staff(office, "3001", "9001", "+905339999999").code == 0
        staff = "id,name,unit,title,mobile,supervisor\n3001,Another Name,il-mem,Şef,+905330003001,\n"

        assert by(office, "3001", "person", "import", office.write("staff.csv", staff)).code == 0


def test_run_is_not_released_by_a_stand_in_of_who_asked(office: Office) -> None:
    office.config.write_text(office.config.read_text() + "[limits]\nmass_change_from = 1\n")
    by(office, "3001", "unit", "open", "il-mem")
    answer = by(office, "2001", "unit", "close", "ar-ge", "il-mem")
    assert answer.code == 6, answer
    run_id = answer.json["operations"][0]["staging"]
    delegate(office, "2001", "1003")

    assert "another person" in cure(by(office, "1003", "policy", "release", run_id))
    assert by(office, "2002", "policy", "release", run_id).code == 0
