"""What officers do in a real browser while the directory fails: lists, a handover, an emergency, a held run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

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


@pytest.mark.parametrize(
    ("language", "said"),
    [("tr", ("Hepsi tamamlanmadı.", "Hepsi tamamlandı.")), ("en", ("Not everything is done.", "Everything is done."))],
)
def test_a_list_is_applied_although_the_browser_goes_and_the_directory_fails(
    office: Office, context: BrowserContext, tmp_path: Path, language: str, said: tuple[str, str]
) -> None:
    left, done = said
    rows = "".join(f"o{n};Okul {n};school;ilce;o{n};{TEACHER}\n" for n in range(COUNT))
    file = tmp_path / "okullar.csv"
    file.write_text(f"code;name;kind;parent;login;custodian\n{rows}", encoding="utf-8")
    page, complaints = log_in(context, office, OFFICER, language)

    page.click('nav a[href="/lists"]')
    page.set_input_files("#file", file)
    page.click("main .panel button")
    assert f"{COUNT}" in page.inner_text("dl.facts")
    assert page.locator("main tbody tr").count() == COUNT
    assert not office.harness.store.accounts.get_many(["o0"])
    office.faults.on("account_create", Fault.CANNOT_CONNECT, calls=range(101, 100_000))
    page.click('form[action$="/apply"] button')
    address = page.url
    page.close()

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


def test_a_handover_is_made_and_printed(office: Office, context: BrowserContext, tmp_path: Path) -> None:
    page, complaints = log_in(context, office, ADMINISTRATOR, "tr")

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

    text = PdfReader(file).pages[0].extract_text()
    assert "Devir Teslim Tutanağı" in text
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
