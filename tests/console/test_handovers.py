"""Handing an account over on pages: the plan first, one confirmation, and the record."""

from __future__ import annotations

from tests.console_office import ADMINISTRATOR, OFFICER, SUPERVISOR, TEACHER, Office

PAGE = "/accounts/okul46/handover"


def form(office: Office, person: str, **more: str) -> dict[str, str]:
    given = {"successor": SUPERVISOR, "outgoing": TEACHER, "reason": "atama", "password": office.password(person)}
    return {**given, **more}


def test_the_plan_is_shown_and_nothing_happens(office: Office) -> None:
    before = office.kinds()

    page = office.logged_in(ADMINISTRATOR).get(f"{PAGE}?to={SUPERVISOR}").text

    assert "İsmail Çağlar" in page
    assert "on every target: directory" in page
    assert "7654321" not in page, "the number is masked"
    assert [kind for kind in office.kinds()[len(before) :] if kind != "logged_in"] == []


def test_a_successor_is_found_by_name_among_those_who_may_be_read(office: Office) -> None:
    officer = office.logged_in(OFFICER)

    assert f'href="{PAGE}?to={SUPERVISOR}"' in officer.get(f"{PAGE}?q=caglar").text
    page = officer.get(f"{PAGE}?q=%C3%B6teki").text
    assert "Öteki Kişi" not in page
    assert "Nobody whose data you may read" in page


def test_an_account_passes_on_and_both_get_the_record(office: Office) -> None:
    browser = office.logged_in(ADMINISTRATOR)

    answer = browser.post(PAGE, form(office, ADMINISTRATOR))

    assert answer.status_code == 303
    record = answer.headers["location"]
    page = browser.get(record).text
    for part in ("Ayşe Işık (1001)", "İsmail Çağlar (1002)", "atama", "date, signature", "SHA-256"):
        assert part in page
    assert office.harness.account("okul46").holder == SUPERVISOR
    assert record in browser.get("/handovers").text
    successor = office.browser()
    successor.log_in("okul46", office.password(SUPERVISOR))
    assert record in successor.get("/handovers").text


def test_nothing_passes_on_without_the_password_or_for_another_holder(office: Office) -> None:
    """Somebody else may have handed the account over since the page was shown."""
    browser = office.logged_in(ADMINISTRATOR)

    assert browser.post(PAGE, form(office, ADMINISTRATOR, password="wrong-Password-1")).status_code == 403
    assert browser.post(PAGE, form(office, ADMINISTRATOR, outgoing=OFFICER)).status_code == 422
    assert browser.post(PAGE, form(office, ADMINISTRATOR, reason="")).status_code == 422
    assert office.harness.account("okul46").holder == TEACHER


def test_an_officer_without_a_request_is_led_to_it(office: Office) -> None:
    answer = office.logged_in(OFFICER).get(f"{PAGE}?to={SUPERVISOR}")

    assert answer.status_code == 403
    assert 'href="/requests/new?login=okul46"' in answer.text
    assert "provisioner request" not in answer.text
