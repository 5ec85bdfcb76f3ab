"""People log in at a real provider, over real HTTP and in a real browser, and what happens there arrives here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from pathlib import Path
from shutil import copy
from urllib.parse import urljoin

import attrs
import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from provisioner.testing import chromium
from tests.example_site import EXAMPLES
from tests.oidc.real_provider import CLIENT_ID, SECRET, RealProvider, install, running

pytestmark = pytest.mark.slow

#: Persons of the example: an officer, and the head of a branch. The provider knows them by their numbers.
OFFICER, TEACHER = "460001", "460016"

LOGIN = "ab46"

_FORM = re.compile(r"<form[^>]*?action=\"([^\"]+)\"[^>]*>(.*?)</form>", re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')

#: How long something may take that a program tells another one, in seconds.
_PATIENCE = 60


@attrs.define(eq=False)
class ServedSite:
    """A configured folder, a console that is served from it, and a provider."""

    folder: Path
    url: str
    provider: RealProvider

    def browser(self) -> httpx.Client:
        return httpx.Client(follow_redirects=True, timeout=60)

    def output(self) -> str:
        """Return everything that the console has printed and logged."""
        return (self.folder / "console.log").read_text(encoding="utf-8")


def _run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "provisioner", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(name="installed", scope="module")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oidc-provider")
    install(folder)
    return folder


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[ServedSite]:
    folder = tmp_path_factory.mktemp("site")
    _run(folder, "init")
    (folder / "secret").write_text(SECRET, encoding="utf-8")
    for name in ("persons.csv", "units.csv"):
        copy(EXAMPLES / "kahramanmaras" / name, folder)
    with running(installed) as provider:
        with (folder / "provisioner.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'\n[authority]\nadministrators = ["460040"]\n[console]\nlog_in = "oidc"\n[console.oidc]\n'
                f'issuer = "{provider.issuer}"\nclient_id = "{CLIENT_ID}"\nclient_secret = "file:secret"\n'
            )
        administrator = ("--actor", "460040")
        _run(folder, *administrator, "person", "import", "persons.csv")
        _run(folder, *administrator, "unit", "import", "units.csv")
        _run(folder, *administrator, "unit", "open", "avrupa-birligi", "il-mem")
        _run(folder, *administrator, "authority", "grant", OFFICER, "officer", "--unit", "il-mem")
        command = [sys.executable, "-m", "provisioner", "--json", "console", "serve", "--demo", "--port", "0"]
        with (
            (folder / "console.log").open("w", encoding="utf-8") as log,
            subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True) as server,
        ):
            assert server.stdout
            url = json.loads(server.stdout.readline())["url"]
            provider.register(url)
            yield ServedSite(folder, url, provider)
            server.terminate()
            assert server.wait(timeout=60) == 0


def form_of(page: httpx.Response, part: str = "") -> tuple[str, Mapping[str, str]]:
    """Return the address of a form and its hidden fields: the one whose address contains a text."""
    address, fields = next(found for found in _FORM.findall(page.text) if part in found[0])
    return urljoin(str(page.url), unescape(address)), {name: unescape(value) for name, value in _HIDDEN.findall(fields)}


def send(browser: httpx.Client, page: httpx.Response, fields: Mapping[str, str], part: str = "") -> httpx.Response:
    """Send a form of a page."""
    address, hidden = form_of(page, part)
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    return browser.post(address, data={**hidden, **fields}, headers={"origin": origin})


def log_in(site: ServedSite, browser: httpx.Client, person: str, path: str = "/me") -> httpx.Response:
    """Log a person in who is asked for a password at the provider."""
    asked = browser.get(f"{site.url}{path}")
    assert str(asked.url).startswith(f"{site.provider.issuer}/interaction/"), asked.text
    page = send(browser, asked, {"login": person, "password": "x"})
    if "document.forms[0].submit()" in page.text:  # somebody else was logged in there, who is logged out first
        page = send(browser, page, {})
    return page


def is_logged_in(site: ServedSite, browser: httpx.Client) -> bool:
    return browser.get(f"{site.url}/me", follow_redirects=False).status_code == 200


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_a_person_logs_in_and_is_not_asked_again(site: ServedSite) -> None:
    with site.browser() as browser:
        page = log_in(site, browser, OFFICER)
        assert (str(page.url), OFFICER in page.text) == (f"{site.url}/me", True)
        for name in [cookie.name for cookie in browser.cookies.jar if cookie.name.startswith("provisioner-")]:
            browser.cookies.delete(name)

        again = browser.get(f"{site.url}/me")

        assert (str(again.url), OFFICER in again.text) == (f"{site.url}/me", True)


def test_a_code_is_taken_once_and_is_in_no_log(site: ServedSite) -> None:
    with site.browser() as browser:
        log_in(site, browser, OFFICER)
        browser.cookies.delete("provisioner-session")
        seen = browser.get(f"{site.url}/me")
        [callback] = [one.url for one in seen.history if "code=" in str(one.url)]
        assert browser.get(callback).status_code == 403

    assert callback.params["code"] not in site.output()
    assert SECRET not in site.output()


def test_a_log_out_here_ends_the_session_there(site: ServedSite) -> None:
    with site.browser() as browser:
        page = log_in(site, browser, OFFICER)
        left = send(browser, page, {}, "/logout")
        _, _, address = left.headers["refresh"].partition("url=")
        asked = browser.get(address)
        back = send(browser, asked, {"logout": "yes"})

        assert str(back.url) == f"{site.url}/logged-out"
        assert str(browser.get(f"{site.url}/me").url).startswith(f"{site.provider.issuer}/interaction/")


def test_a_log_out_there_ends_the_session_here(site: ServedSite) -> None:
    """The provider tells it from server to server; the browser of the session sends nothing."""
    with site.browser() as browser, site.browser() as other:
        log_in(site, browser, OFFICER)
        log_in(site, other, OFFICER)
        asked = browser.get(f"{site.provider.issuer}/session/end")
        send(browser, asked, {"logout": "yes"})

        wait_until(lambda: not is_logged_in(site, browser))
        assert is_logged_in(site, other), "another session of the person at the provider goes on"


def test_log_out_everywhere_ends_all_sessions(site: ServedSite) -> None:
    with site.browser() as one, site.browser() as other:
        page = log_in(site, one, OFFICER)
        log_in(site, other, OFFICER)

        send(one, page, {"everywhere": "1"}, "/logout")

        assert [is_logged_in(site, browser) for browser in (one, other)] == [False, False]


def test_a_new_key_of_the_provider_lets_people_in(site: ServedSite) -> None:
    with site.browser() as before, site.browser() as after:
        log_in(site, before, OFFICER)
        site.provider.rotate_key()

        assert str(log_in(site, after, OFFICER).url) == f"{site.url}/me"


def test_a_change_is_confirmed_with_a_new_log_in_of_the_same_person(site: ServedSite) -> None:
    close = f"/accounts/{LOGIN}/close"
    with site.browser() as browser:
        log_in(site, browser, OFFICER)
        stranger = log_in(site, browser, TEACHER, f"/oidc/confirm?next={close}")
        assert stranger.status_code == 403
        assert TEACHER in browser.get(f"{site.url}/me").text, "the provider has ended the session of the officer"
    with site.browser() as browser:
        log_in(site, browser, OFFICER)
        confirmed = log_in(site, browser, OFFICER, f"/oidc/confirm?next={close}")
        assert str(confirmed.url) == f"{site.url}{close}"
        done = send(browser, confirmed, {"reason": "çalındı"}, close)
        assert str(done.url) == f"{site.url}/accounts/{LOGIN}"


def test_the_check_finds_the_provider(site: ServedSite) -> None:
    results = json.loads(
        subprocess.run(
            [sys.executable, "-m", "provisioner", "--json", "check"],
            cwd=site.folder,
            check=False,
            capture_output=True,
            text=True,
        ).stdout
    )
    found = [one["status"] for one in results["items"] if one["name"] == "console.oidc"]
    assert found == ["ok", "warning"], "console.url is missing with --demo"


def _walk(page: Page, url: str, issuer: str) -> None:
    """Log in, confirm at the provider, and log out, as a person does."""
    page.goto(f"{url}/accounts/{LOGIN}/close")
    page.fill("input[name=login]", OFFICER)
    page.fill("input[name=password]", "x")
    page.click("button[type=submit]")
    page.wait_for_url(f"{url}/accounts/{LOGIN}/close")
    page.click("a[href^='/oidc/confirm']")
    page.wait_for_url(f"{issuer}/interaction/*")
    page.fill("input[name=login]", OFFICER)
    page.fill("input[name=password]", "x")
    page.click("button[type=submit]")
    page.wait_for_url(f"{url}/accounts/{LOGIN}/close")
    assert page.query_selector("a[href^='/oidc/confirm']") is None
    page.goto(f"{url}/me")
    page.click("form[action='/logout'] button")
    page.wait_for_url(f"{issuer}/session/end*")
    page.click("button[value=yes]")
    page.wait_for_url(f"{url}/logged-out")
    page.click("main a.button")
    page.wait_for_url(f"{issuer}/interaction/*")


@pytest.mark.server("chromium")
def test_a_person_in_a_browser_logs_in_confirms_and_logs_out(site: ServedSite) -> None:
    """Policies of the browser that forbid forms to lead elsewhere would stop a person on the way."""
    complaints: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium.program(), args=list(chromium.ARGUMENTS))
        page = browser.new_page(locale="tr")
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        _walk(page, site.url, site.provider.issuer)
        browser.close()

    assert [one for one in complaints if site.url in one] == []
