"""Handing an account over on pages: the plan first, one confirmation, and the record."""

from __future__ import annotations

import io
import re

import attrs
import pytest
from pypdf import PdfReader

from provisioner.console import pdf
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


def test_a_vacant_post_goes_to_the_custodian_of_the_it_unit(office: Office) -> None:
    content = office.harness.app.config.content
    assert "vacant" not in office.logged_in(ADMINISTRATOR).get(PAGE).text
    accounts = attrs.evolve(content.accounts, it_unit="bilgi")
    office.harness.app.config = attrs.evolve(
        office.harness.app.config, content=attrs.evolve(content, accounts=accounts)
    )
    browser = office.logged_in(ADMINISTRATOR)

    assert f"{PAGE}?vacant=1" in browser.get(PAGE).text
    assert browser.get(f"{PAGE}?vacant=1").headers["location"] == f"{PAGE}?to={OFFICER}"


@pytest.mark.slow  # it draws text with Pango
def test_the_record_is_a_pdf_file_to_sign(office: Office) -> None:
    """The same record gives the same file, in the language of the reader."""
    browser = office.logged_in(ADMINISTRATOR)
    record = browser.post(PAGE, form(office, ADMINISTRATOR)).headers["location"]
    assert f'href="{record}/pdf"' in browser.get(record).text

    first, second = (browser.get(f"{record}/pdf") for _ in range(2))
    browser.post("/language", {"language": "tr", "next": "/"})
    turkish = browser.get(f"{record}/pdf")

    assert first.content == second.content
    assert first.headers["content-type"] == "application/pdf"
    assert first.headers["content-disposition"] == 'attachment; filename="handover-okul46.pdf"'
    reader = PdfReader(io.BytesIO(first.content))
    text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))
    for part in ("Record of handover", "Ayşe Işık (1001)", "İsmail Çağlar (1002)", "Şehit Öğretmenler", "atama"):
        assert part in text
    assert reader.trailer["/Root"]["/Lang"] == "en"  # type: ignore[index]
    assert "Devir Teslim Tutanağı" in " ".join(
        page.extract_text() for page in PdfReader(io.BytesIO(turkish.content)).pages
    )


@pytest.mark.slow  # it draws text with Pango
def test_a_pdf_file_reads_nothing_else() -> None:
    """A name in a record could otherwise make the server read a file, or call an address."""
    for address in ("file:///etc/hostname", "http://127.0.0.1:9/", "data:text/css,p{}"):
        with pytest.raises(ValueError, match="outside"):
            pdf.pdf_of(f'<html lang="en"><title>x</title><link rel="stylesheet" href="{address}"><p>x</p></html>')


def test_a_console_without_the_extra_offers_no_pdf(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "is_possible", lambda: False)
    browser = office.logged_in(ADMINISTRATOR)
    record = browser.post(PAGE, form(office, ADMINISTRATOR)).headers["location"]

    assert "Print this page with the browser." in browser.get(record).text
    assert browser.get(f"{record}/pdf").status_code == 404
