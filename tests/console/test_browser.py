"""A teacher, a supervisor and an officer in a real browser, and the password on a phone that opens the mailbox."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import attrs
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from provisioner.testing import chromium
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.slapd import Slapd
from tests.acceptance.province import toml
from tests.example_site import EXAMPLES, passwords

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server("chromium"),
    pytest.mark.server("slapd"),
    pytest.mark.server("dovecot"),
]

#: The teacher of the story, the supervisor, and the officer: their logins and numbers.
TEACHER, SUPERVISOR, OFFICER = (
    ("ab46", "+905940004616"),
    ("stratejigelistirme46", "+905940004613"),
    ("kmarasmem", "+905940004601"),
)


#: What a new configuration has instead of an LDAP directory.
LOCAL = re.compile(r'\[targets\.directory\]\n#.*\nplugin = "local"\ndatabase = ".*"\n')


@attrs.define(eq=False, slots=False)  # Playwright notes its listeners on the object
class Site:
    """A configured folder, a console that is served from it, a browser, and the mailboxes of its people."""

    folder: Path
    url: str
    browser: Browser
    mail: Dovecot
    #: What the browser complained about: violations of the content security policy among it.
    complaints: list[str] = attrs.field(factory=list)

    def provisioner(self, *arguments: str) -> str:
        return _run(self.folder, *arguments)

    def password(self, number: str) -> str:
        """Return the password that a phone has received last."""
        return passwords(self.folder / "sms.sqlite", number)[-1]

    def context(self, language: str, *, width: int = 1280) -> BrowserContext:
        context = self.browser.new_context(viewport={"width": width, "height": 900}, locale=language)
        context.add_cookies([{"name": "provisioner-language", "value": language, "url": self.url}])
        return context

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, context: BrowserContext, login: str, password: str) -> Page:
        """Log a person in, and return the start page."""
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{self.url}/login")
        page.fill("#login", login)
        page.fill("#password", password)
        page.click("main button")
        return page


def _run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "provisioner", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(name="mail", scope="module")
def _mail() -> Iterator[Dovecot]:
    """Start a directory, and a mail server that asks it who logs in, and remembers the answers."""
    with Slapd() as directory, Dovecot(directory=directory, cached=True) as mail:
        yield mail


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, mail: Dovecot) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    _run(folder, "init")
    assert mail.directory
    tables = {"directory": {"plugin": "ldap", **mail.directory.config}, "mail": {"plugin": "mail", **mail.config}}
    config = folder / "provisioner.toml"
    settings, count = LOCAL.subn("", config.read_text(encoding="utf-8"))
    assert count == 1
    added = "\n".join(toml({"targets": tables}))
    config.write_text(f'{settings}\n{added}\n[authority]\nadministrators = ["460040"]\n', encoding="utf-8")
    for name in ("persons.csv", "units.csv"):
        copy(EXAMPLES / "kahramanmaras" / name, folder)
    administrator = ("--actor", "460040")
    _run(folder, *administrator, "person", "import", "persons.csv")
    _run(folder, *administrator, "unit", "import", "units.csv")
    _run(folder, *administrator, "unit", "open", "avrupa-birligi", "strateji-gelistirme", "il-mem")
    _run(folder, *administrator, "authority", "grant", "460001", "officer", "--unit", "il-mem")
    command = [sys.executable, "-m", "provisioner", "--json", "console", "serve", "--demo", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as play:
        assert server.stdout
        url = json.loads(server.stdout.readline())["url"]
        browser = play.chromium.launch(executable_path=chromium.program(), args=list(chromium.ARGUMENTS))
        yield Site(folder, url, browser, mail)
        browser.close()
        server.terminate()
        assert server.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("language", "reason", "done"),
    [("tr", "Parola unutuldu", "yerine getirildi"), ("en", "Forgotten", "is carried out")],
)
def test_a_request_of_a_teacher_ends_with_a_password_that_opens_the_mailbox(
    site: Site, language: str, reason: str, done: str
) -> None:
    """Only the phone of the teacher has it: the mailbox opens over IMAP with it, and no longer with the former one."""
    former = site.password(TEACHER[1])
    assert site.mail.logs_in(TEACHER[0], former)
    teacher, supervisor, officer = (
        site.open(site.context(language), login, site.password(number))
        for login, number in (TEACHER, SUPERVISOR, OFFICER)
    )

    teacher.click("text=ab46")
    teacher.click('a[href^="/requests/new"]')
    teacher.fill("#reason", reason)
    teacher.click("main button")
    assert reason in teacher.inner_text("main")
    assert teacher.query_selector('form[action$="/approve"]') is None

    supervisor.click('nav a[href="/requests"]')
    supervisor.click("main tbody a")
    supervisor.click('form[action$="/approve"] button')
    officer.click('nav a[href="/requests"]')
    officer.click("main tbody a")
    officer.click('form[action$="/execute"] button')
    assert done in officer.inner_text("main").lower()

    new = site.password(TEACHER[1])
    assert (site.mail.logs_in(TEACHER[0], former), site.mail.logs_in(TEACHER[0], new)) == (False, True)
    refused = site.open(site.context(language), TEACHER[0], former)
    assert refused.url.endswith("/login")
    assert refused.get_attribute("[role=alert]", "class") == "failure"
    again = site.open(site.context(language), TEACHER[0], new)
    assert again.inner_text("h1")
    assert again.url == f"{site.url}/"
    site.complaints = [one for one in site.complaints if "403" not in one]  # the log-in that was refused
    assert site.complaints == []


@pytest.mark.parametrize(("language", "said"), [("tr", "Bütün oturumlarınız"), ("en", "All your sessions")])
def test_log_out_everywhere_ends_the_other_browser(site: Site, language: str, said: str) -> None:
    one, other = (site.open(site.context(language), OFFICER[0], site.password(OFFICER[1])) for _ in range(2))

    one.click('a[href="/me"]')
    one.check("#everywhere")
    one.click('form[action="/logout"] button')
    assert said in one.inner_text("main")
    other.goto(f"{site.url}/due")

    assert "/login?next=" in other.url
    assert site.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_window(site: Site, width: int) -> None:
    page = site.open(site.context("tr", width=width), OFFICER[0], site.password(OFFICER[1]))

    for path in ("/", "/?q=46", "/accounts/ab46", "/accounts/ab46/close", "/due", "/requests", "/requests/new"):
        answer = page.goto(f"{site.url}{path}")
        assert answer
        assert "server" not in answer.headers, "uvicorn names itself"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.documentElement.lang") == "tr"
        labelled = "[...document.querySelectorAll('main input:not([type=hidden]), select, textarea')]"
        assert page.evaluate(f"{labelled}.every(field => field.labels.length > 0)"), path
    assert site.complaints == []
