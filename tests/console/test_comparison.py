"""The targets are compared behind a page, and the differences can be read there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast

from provisioner.core.api.messages import DeleteAccount
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState
from provisioner.testing.clock import FakeClock
from tests.console_office import ADMINISTRATOR, OFFICER, TEACHER, Browser, Office


def lose(office: Office, *logins: str) -> None:
    """Remove accounts from the target behind the product, some time after they were opened."""
    assert isinstance(office.harness.clock, FakeClock)
    office.harness.clock.advance(timedelta(hours=1))
    accounts = office.harness.store.accounts.get_many(logins)
    for login in logins:
        unit = office.harness.store.units.get_many([accounts[login].unit])[accounts[login].unit]
        office.directory.account_delete(DeleteAccount(operation_id="-", account=accounts[login], unit=unit))


def compare(office: Office, browser: Browser, person: str, **form: str) -> str:
    """Compare, wait for the end, and return the page."""
    answer = browser.post("/comparison", form)
    assert answer.status_code == 303, answer.text
    begun = office.console.comparisons.of(person)
    assert begun
    begun.under_way.result()
    return browser.get("/comparison").text


def test_what_differs_and_what_a_repair_would_do_can_be_read(office: Office) -> None:
    lose(office, "okul46")

    text = compare(office, office.logged_in(ADMINISTRATOR), ADMINISTRATOR)

    rows = re.findall(r'<tr>\s*<th scope="row">.*?</tr>', text, re.DOTALL)
    [row] = [row for row in rows if "okul46" in row]
    assert "missing" in row
    assert "sets a new password, which its holder receives" in row
    assert office.harness.account("okul46").state is AccountState.OPEN


def test_states_are_in_the_language_of_the_page(office: Office) -> None:
    lose(office, "okul46")
    browser = office.logged_in(ADMINISTRATOR)
    browser.post("/language", {"language": "tr", "next": "/comparison"})

    text = compare(office, browser, ADMINISTRATOR)

    states = [re.search(rf'data-label="{side}">(.*?)</td>', text) for side in ("bilinen", "gerçek")]
    assert [state and state[1] for state in states] == ["açık", "yok"]


def test_an_officer_reads_what_differs_in_the_own_units(office: Office) -> None:
    """The trend and the repair are of all units."""
    lose(office, "okul46", "baska46")
    browser = office.logged_in(OFFICER)

    assert browser.post("/comparison").status_code == 403
    text = compare(office, browser, OFFICER, unit="ilce")

    assert "okul46" in text
    assert "baska46" not in text
    assert "find out who removed it; a new password creates it" in text
    assert "Differences in the last complete comparisons" not in text
    assert "okul46" not in office.logged_in(ADMINISTRATOR).get("/comparison").text


def test_a_comparison_is_not_shown_any_more_when_the_role_has_ended(office: Office) -> None:
    lose(office, "okul46")
    browser = office.logged_in(OFFICER)
    assert "okul46" in compare(office, browser, OFFICER, unit="ilce")

    office.harness.app.delegation.revoke(OFFICER, Role.OFFICER, unit="ilce", actor=ADMINISTRATOR)
    page = browser.get("/comparison")

    assert page.status_code == 403
    assert "okul46" not in page.text


def test_the_numbers_of_former_comparisons_stay(office: Office) -> None:
    """The differences themselves contain data of people: they are in the memory of the person's comparison only."""
    lose(office, "okul46")
    list(office.harness.app.reconcile.compare(actor=ADMINISTRATOR))

    text = office.logged_in(ADMINISTRATOR).get("/comparison").text

    assert "missing: 1" in text
    assert "okul46" not in text


def test_one_target_can_be_chosen(office: Office) -> None:
    lose(office, "okul46")
    browser = office.logged_in(ADMINISTRATOR)
    compare(office, browser, ADMINISTRATOR)

    assert "/accounts/okul46" in browser.get("/comparison?target=directory").text
    assert "/accounts/okul46" not in browser.get("/comparison?target=other").text


def test_an_administrator_repairs_what_differs(office: Office) -> None:
    """What was deleted on the target is there again, with a new password for its holder."""
    lose(office, "okul46")
    browser, former = office.logged_in(ADMINISTRATOR), office.password(TEACHER)
    assert 'href="/comparison/repair"' in compare(office, browser, ADMINISTRATOR)
    page = browser.get("/comparison/repair").text
    form = {"reason": "silinmiş", "comparison": mark_of(page), "password": office.password(ADMINISTRATOR)}
    assert '<a href="/accounts/okul46">okul46</a>' in page

    for wrong, status in (({"password": ""}, 403), ({"comparison": "another"}, 503), ({"reason": ""}, 422)):
        assert browser.post("/comparison/repair", {**form, **wrong}).status_code == status
    assert not office.directory.has("okul46")
    answer = browser.post("/comparison/repair", form)
    office.console.background.close()

    assert (answer.status_code, answer.headers["location"]) == (303, "/operations")
    assert office.directory.has("okul46")
    assert office.password(TEACHER) != former
    assert browser.post("/comparison/repair", form).headers["location"] == "/comparison", "it would be repaired twice"


def test_an_old_comparison_is_not_repaired(office: Office) -> None:
    """The accounts may have changed since."""
    lose(office, "okul46")
    compare(office, office.logged_in(ADMINISTRATOR), ADMINISTRATOR)
    cast("FakeClock", office.harness.clock).advance(timedelta(minutes=31))
    browser = office.logged_in(ADMINISTRATOR)

    assert browser.get("/comparison/repair").headers["location"] == "/comparison"
    assert "at most 30 minutes old" in browser.get("/comparison").text


def mark_of(page: str) -> str:
    found = re.search(r'name="comparison" value="([^"]+)"', page)
    assert found
    return found[1]
