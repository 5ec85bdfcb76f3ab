"""What officers do in a real browser while the directory fails: lists, a handover, an emergency, a held run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, sync_playwright
from pypdf import PdfReader

from provisioner.core.model import AccountState
from provisioner.testing import chromium
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault
from tests.console.conftest import served
from tests.console_office import ADMINISTRATOR, LOGINS, OFFICER, SUPERVISOR, TEACHER, Office

pytestmark = [pytest.mark.slow, pytest.mark.server("chromium")]

COUNT = 300

#: How long a step may take, in milliseconds.
PATIENCE = 120_000


@pytest.fixture(name="context")
def _context(office: Office) -> Iterator[BrowserContext]:
    """Serve the console of the office, and open a browser without script in it."""
    with served(office) as url, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium.program(), args=list(chromium.ARGUMENTS))
        context = browser.new_context(base_url=url, java_script_enabled=False, accept_downloads=True)
        context.set_default_timeout(PATIENCE)
        yield context
        browser.close()


def log_in(context: BrowserContext, office: Office, person: str, language: str) -> tuple[Page, list[str]]:
    """Return a page of a person who is logged in, and what the browser complains about from now on."""
    page, complaints = context.new_page(), list[str]()

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    context.on("console", note)
    page.goto("/login")
    page.context.add_cookies([{"name": "provisioner-language", "value": language, "url": page.url}])
    page.fill("#login", LOGINS[person])
    page.fill("#password", office.password(person))
    page.click("main button")
    return page, complaints


def wait_until_closed(office: Office, logins: Sequence[str]) -> None:
    """Wait for what the browser has asked for, and for what goes on behind the page."""
    end = time.monotonic() + PATIENCE / 1000
    while {account.state for account in office.harness.store.accounts.get_many(logins).values()} != {
        AccountState.CLOSED
    }:
        assert time.monotonic() < end, "the accounts are not closed"
        time.sleep(0.05)


COLUMNS = ("code", "name", "kind", "parent", "login", "custodian")

SCHOOLS = [(f"o{n}", f"Okul {n}", "school", "ilce", f"o{n}", TEACHER) for n in range(COUNT)]


def as_csv(folder: Path) -> Path:
    """Write the list of schools as Excel writes CSV files where the comma is the decimal sign."""
    file = folder / "okullar.csv"
    file.write_text("".join(";".join(row) + "\n" for row in (COLUMNS, *SCHOOLS)), encoding="utf-8")
    return file


def as_workbook(folder: Path) -> Path:
    """Write the same list as an Excel workbook."""
    book, file = openpyxl.Workbook(), folder / "okullar.xlsx"
    assert book.active is not None
    for row in (COLUMNS, *SCHOOLS):
        book.active.append(row)
    book.save(file)
    return file


def preview(page: Page, file: Path) -> str:
    """Upload a list, and return what it would change, as the page says it."""
    page.click('nav a[href="/lists"]')
    page.set_input_files("#file", file)
    page.click("main .panel button")
    assert page.locator("main tbody tr").count() == COUNT
    facts = page.inner_text("dl.facts")
    assert file.name in facts
    return facts.replace(file.name, "") + page.inner_text("main table")


#: In which kind of file the list is shown and applied, and what the pages say, by language.
STORIES = {
    "tr": (as_workbook, as_csv, ("Liste uygulanıyor", "Hepsi tamamlanmadı.", "Hepsi tamamlandı.")),
    "en": (as_csv, as_workbook, ("The list is being applied", "Not everything is done.", "Everything is done.")),
}


@pytest.mark.parametrize("language", STORIES)
def test_a_list_is_applied_although_the_browser_goes_and_the_directory_fails(
    office: Office, context: BrowserContext, tmp_path: Path, language: str
) -> None:
    """It is shown from one kind of file and applied from the other, and both say the same."""
    shown, applied, (running, left, done) = STORIES[language]
    page, complaints = log_in(context, office, OFFICER, language)
    first = preview(page, shown(tmp_path))
    page.click('form[action$="/discard"] button')
    assert f"{COUNT}" in first
    assert preview(page, applied(tmp_path)) == first
    assert not office.harness.store.accounts.get_many(["o0"])

    looked = threading.Event()
    office.faults.pause = lambda: looked.wait(PATIENCE / 1000)
    office.faults.on("account_create", Fault.PAUSE, calls={len(SCHOOLS) // 10})
    office.faults.on("account_create", Fault.CANNOT_CONNECT, calls=range(len(SCHOOLS) // 3, 100_000))
    page.click('form[action$="/apply"] button')
    assert running in page.inner_text("h1")
    assert (
        int(page.get_attribute("progress", "value") or "") < COUNT == int(page.get_attribute("progress", "max") or "")
    )
    address = page.url
    page.close()
    looked.set()

    again = context.new_page()
    again.goto(address)
    again.wait_for_selector('p[role="status"]')
    assert left in again.inner_text("main")
    assert 0 < again.locator("main tbody tr").count() <= COUNT
    office.faults.clear()
    clock = office.harness.clock
    assert isinstance(clock, FakeClock)
    clock.advance(timedelta(minutes=5))  # until the circuit is closed
    again.click('form[action$="/retry"] button')
    again.wait_for_selector('p[role="status"]')

    assert done in again.inner_text("main")
    found = office.harness.store.accounts.get_many(f"o{n}" for n in range(COUNT))
    assert {account.state for account in found.values()} == {AccountState.OPEN}
    assert len(found) == COUNT
    assert complaints == []


@pytest.mark.parametrize(
    ("language", "title"), [("tr", "Devir Teslim Tutanağı"), ("en", "Record of handover")], ids=("tr", "en")
)
def test_a_handover_is_made_and_printed(
    office: Office, context: BrowserContext, tmp_path: Path, language: str, title: str
) -> None:
    page, complaints = log_in(context, office, ADMINISTRATOR, language)

    page.goto("/accounts/okul46/handover")
    page.fill("#q", "çağlar")
    page.click('form[role="search"] button')
    page.click(f'a[href$="?to={SUPERVISOR}"]')
    page.fill("#reason", "atama")
    page.fill("#password", office.password(ADMINISTRATOR))
    page.click('main form[action$="/handover"] button:not(form[role="search"] button)')
    with page.expect_download() as download:
        page.click('main a[href$="/pdf"]')
    file = tmp_path / "record.pdf"
    download.value.save_as(file)

    record = PdfReader(file)
    text = record.pages[0].extract_text()
    assert str(record.root_object["/Lang"]) == language
    assert title in text
    assert "Ayşe Işık (1001)" in text
    assert complaints == []


@pytest.mark.parametrize(
    ("language", "said"),
    [("tr", "henüz her hedefte kapatılmadı"), ("en", "is not closed on every target yet")],
)
def test_an_account_is_closed_in_an_emergency_although_the_directory_is_down(
    office: Office, context: BrowserContext, language: str, said: str
) -> None:
    page, complaints = log_in(context, office, OFFICER, language)
    office.faults.on("account_close", Fault.CANNOT_CONNECT)
    own = office.password(OFFICER)

    page.click('nav a[href="/"]')
    page.fill("#q", "okul46")
    page.click('form[role="search"] button')
    page.click('main a[href="/accounts/okul46"]')
    page.click('main a[href$="/close"]')
    page.fill("#reason", "telefon çalındı")
    page.fill("#password", own)
    page.click("main button.danger")
    assert said in page.inner_text('p[role="status"]')

    office.faults.clear()
    clock = office.harness.clock
    assert isinstance(clock, FakeClock)
    clock.advance(timedelta(minutes=5))  # until the circuit is closed
    page.click('nav a[href="/operations"]')
    page.click('main form[action$="/retry"] button')

    wait_until_closed(office, ["okul46"])
    assert complaints == []


@pytest.mark.parametrize("language", ["tr", "en"])
def test_a_held_run_is_released_by_another_person(office: Office, context: BrowserContext, language: str) -> None:
    logins = ["okul46", "baska46", "bilgi46"]
    office.harness.close_accounts(logins)
    page, complaints = log_in(context, office, ADMINISTRATOR, language)

    page.click('nav a[href="/held"]')
    page.click("main tbody a")
    assert office.harness.store.accounts.get_many(["okul46"])["okul46"].state is AccountState.OPEN
    page.fill("#release-reason", "liste doğru")
    page.fill("#password", office.password(ADMINISTRATOR))
    page.click('form[action$="/release"] button')

    wait_until_closed(office, logins)
    assert complaints == []
