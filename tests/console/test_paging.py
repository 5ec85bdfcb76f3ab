"""A page with a part of a list says that it is one, and leads to the others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from provisioner.console import paging
from provisioner.console.pages import changes, handovers, incidents
from provisioner.console.paging import Part
from provisioner.core.model import OperationKind
from provisioner.testing.faults import Fault
from tests.console_office import OFFICER, SUPERVISOR, TEACHER, Office


@pytest.mark.parametrize(
    ("query", "number", "items"),
    [
        ({}, 1, range(50)),
        ({"part": "2"}, 2, range(50, 100)),
        ({"part": "3"}, 3, range(100, 101)),
        ({"part": "4"}, 1, range(50)),
        ({"part": "0"}, 1, range(50)),
        ({"part": "-1"}, 1, range(50)),
        ({"part": "²"}, 1, range(50)),
        ({"part": "9" * 5000}, 1, range(50)),
    ],
)
def test_an_address_leads_to_a_part_that_is_there(query: Mapping[str, str], number: int, items: range) -> None:
    part = Part.of(range(101), query, "part")

    assert (part.number, part.items, part.total) == (number, items, 101)
    assert (part.first, part.last, part.is_whole) == (items[0] + 1, items[-1] + 1, False)
    assert part.has_next is (number < 3)


def test_a_short_list_is_whole() -> None:
    assert Part.of(range(50), {}, "part").is_whole
    assert Part.of((), {"part": "2"}, "part").is_whole


def test_an_inbox_shows_each_request_on_one_of_its_parts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_SIZE", 1)
    for actor, login in ((TEACHER, "okul46"), (OFFICER, "bilgi46")):
        office.harness.app.access_requests.submit(login, OperationKind.ROTATE, actor=actor, reason="unuttum")
    browser = office.logged_in(SUPERVISOR)

    first, second = browser.get("/requests").text, browser.get("/requests?decide=2").text

    assert [sum(login in page for page in (first, second)) for login in ("okul46", "bilgi46")] == [1, 1]
    assert "?decide=2" in first
    assert "?decide=3" not in second


def test_a_list_that_is_cut_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be read as all that there is."""
    more = "there are more"
    for page in (changes, handovers, incidents):
        monkeypatch.setattr(page, "_MOST", 1)
    app, officer = office.harness.app, office.logged_in(OFFICER)
    app.incidents.report("okul46", "giremiyorum", actor=TEACHER)
    assert more not in officer.get("/incidents").text
    app.incidents.report("okul46", "yine giremiyorum", actor=TEACHER)
    assert more in officer.get("/incidents").text

    office.faults.on("account_close", Fault.CANNOT_CONNECT)
    for login in ("okul46", "ilce46"):
        assert more not in officer.get("/operations").text
        office.harness.close_accounts([login])
    assert more in officer.get("/operations").text
