"""The search finds what the person who asks may read, and nothing else."""

from __future__ import annotations

import attrs

from provisioner.services import search as module
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, TEACHER, Office


def logins(office: Office, words: str, viewer: str) -> list[str]:
    found = office.harness.app.search.find(words, viewer=viewer)
    return [one.account.login for one in found.items]


def test_each_finds_only_what_the_person_may_read(office: Office) -> None:
    assert logins(office, "müdür", ADMINISTRATOR) == ["il46", "ilce46"]
    assert logins(office, "müdür", OFFICER) == ["ilce46"]
    assert logins(office, "müdür", TEACHER) == []
    assert logins(office, "okul", TEACHER) == ["okul46"]
    assert logins(office, "okul", STRANGER) == []


def test_the_end_of_a_number_finds_only_persons_who_may_be_read(office: Office) -> None:
    """It would tell the number of somebody, a digit at a time."""
    assert logins(office, "4567", OFFICER) == ["okul46"]
    assert logins(office, "4567", STRANGER) == []
    moved = attrs.evolve(office.harness.store.persons.get_many([TEACHER])[TEACHER], unit="baska")
    office.harness.know(persons=[moved])
    assert logins(office, "4567", OFFICER) == []
    assert logins(office, "67", ADMINISTRATOR) == []


def test_more_digits_of_a_number_than_four_tell_no_more(office: Office) -> None:
    """Ten tries for each digit would show the number, and the audit log wouldn't have it."""
    for digits in ("4567", "04567", "234567"):
        assert logins(office, digits, OFFICER) == ["okul46"]
    assert logins(office, "0532 123 45 67", OFFICER) == ["okul46"]
    assert logins(office, "531 123 45 67", OFFICER) == []


def test_a_login_may_have_its_domain_and_too_little_finds_nothing(office: Office) -> None:
    assert logins(office, "OKUL46@meb.gov.tr", ADMINISTRATOR) == ["okul46"]
    assert logins(office, " o ", ADMINISTRATOR) == []
    assert logins(office, TEACHER, ADMINISTRATOR) == ["okul46"]


def test_a_list_that_is_cut_says_so(office: Office) -> None:
    monkeyed, before = 2, module._MOST
    module._MOST = monkeyed
    try:
        found = office.harness.app.search.find("46", viewer=ADMINISTRATOR)
        assert (len(found.items), found.is_complete) == (0, True)
        found = office.harness.app.search.find("il", viewer=ADMINISTRATOR)
        assert (len(found.items), found.is_complete) == (2, False)
    finally:
        module._MOST = before


def test_what_a_person_holds_has_names(office: Office) -> None:
    [found] = office.harness.app.search.held_by(TEACHER).items

    assert (found.holder_name, found.unit and found.unit.code) == ("Ayşe Işık", "okul")


def test_persons_are_found_among_those_who_may_be_read(office: Office) -> None:
    def ids(words: str, viewer: str) -> list[str]:
        return [person.id for person in office.harness.app.search.persons(words, viewer=viewer).items]

    assert ids("ögretmen", ADMINISTRATOR) == []
    assert ids("isik", OFFICER) == [TEACHER]
    assert ids(TEACHER, OFFICER) == [TEACHER]
    assert ids("isik", STRANGER) == []
    assert ids("i", ADMINISTRATOR) == []
