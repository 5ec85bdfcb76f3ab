"""Trouble with a login is reported on a page, and passed on until somebody resolves it."""

from __future__ import annotations

from tests.console_office import OFFICER, STRANGER, SUPERVISOR, TEACHER, Office

TEXT = "posta açılmıyor"


def test_an_incident_goes_up_the_tree_and_is_resolved(office: Office) -> None:
    teacher, supervisor = office.logged_in(TEACHER), office.logged_in(SUPERVISOR)
    address = teacher.post("/incidents/new", {"login": "okul46", "text": TEXT}).headers["location"]
    assert TEXT not in supervisor.get("/incidents").text

    assert teacher.post(f"{address}/escalate").status_code == 303
    assert TEXT in supervisor.get("/incidents").text
    assert supervisor.post(f"{address}/resolve", {"text": "kutu boşaltıldı"}).status_code == 303

    page = teacher.get(address).text
    for part in ("kutu boşaltıldı", "trouble reported", "trouble escalated", "trouble resolved", "İsmail Çağlar"):
        assert part in page


def test_who_may_not_do_something_reads_who_may(office: Office) -> None:
    address = office.logged_in(TEACHER).post("/incidents/new", {"login": "okul46", "text": TEXT}).headers["location"]

    page = office.logged_in(SUPERVISOR).get(address).text
    assert "/resolve" not in page
    assert "it can be done by Gül Öz" in page
    assert f"{address}/resolve" in office.logged_in(OFFICER).get(address).text


def test_what_an_incident_says_is_for_those_whom_it_concerns(office: Office) -> None:
    address = office.logged_in(TEACHER).post("/incidents/new", {"login": "okul46", "text": TEXT}).headers["location"]
    stranger = office.logged_in(STRANGER)

    assert TEXT not in stranger.get("/incidents").text
    page = stranger.get(address).text
    assert TEXT not in page
    assert "Ayşe" not in page


def test_an_empty_report_is_none(office: Office) -> None:
    assert office.logged_in(TEACHER).post("/incidents/new", {"login": "okul46", "text": " "}).status_code == 422
