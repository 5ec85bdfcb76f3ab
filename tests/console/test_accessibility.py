"""Every page is usable with a keyboard and a screen reader, as far as axe-core can tell, in a real browser.

axe-core (MPL-2.0) is no part of the product: npm brings the version that is named here, and its hash is compared.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator

import attrs
import pytest
from playwright.sync_api import Page, sync_playwright

from provisioner.console import live
from provisioner.testing import chromium
from tests.console.conftest import served
from tests.console.test_comparison import lose
from tests.console.test_routes import ALLOWED, address_of, uploaded_list
from tests.console_office import ADMINISTRATOR, LOGINS, SUPERVISOR, TEACHER, Office

pytestmark = [pytest.mark.slow, pytest.mark.server("chromium")]

AXE = "axe-core@4.14.1"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(name="axe", scope="module")
def _axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the script of axe-core, from the npm registry; without it, the tests are skipped, except in CI."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    command = [npm or "npm", "pack", "--silent", AXE]
    if npm is None or subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=120).returncode:
        assert not os.environ.get("CI"), f"npm is missing, or can't load {AXE}"
        pytest.skip(f"npm is missing, or can't load {AXE}")
    [package] = folder.glob("*.tgz")
    with tarfile.open(package) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member
        script = member.read()
    assert hashlib.sha256(script).hexdigest() == AXE_SHA256
    return script.decode()


@pytest.fixture(name="url")
def _url(office: Office) -> Iterator[str]:
    """Serve the console of the office over HTTP."""
    with served(office) as url:
        yield url


@attrs.define(eq=False)
class Reader:
    """Looks at pages as axe-core does."""

    page: Page
    axe: str

    def violations(self, address: str) -> list[str]:
        """Return what is wrong with a page: the rule, how much it matters, and where."""
        self.page.goto(address)
        self.page.evaluate(self.axe)
        found = self.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        assert len(found["passes"]) > 10, "axe-core saw no page"
        return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html']}" for one in found["violations"]]


def is_page(path: str) -> bool:
    """Whether an address gives a page, and neither a file nor a stream of events."""
    return not path.endswith("/pdf") and not path.startswith(live.FOLDER)


@pytest.mark.parametrize(("language", "width"), [("tr", 390), ("en", 1280)])
def test_no_page_has_a_finding(office: Office, url: str, axe: str, language: str, width: int) -> None:
    paths = [path for method, path in ALLOWED if method == "GET" and is_page(path)]
    addresses = {path: f"{url}{address_of(office, path)}" for path in paths}
    addresses["a successor"] = f"{url}/accounts/okul46/handover?to={SUPERVISOR}"
    addresses["an answer"] = f"{url}/clearance?person={TEACHER}&passage=leaving"
    addresses["a list that was applied"] = f"{url}/lists/{uploaded_list(office, 'retry')}"
    addresses["an error"] = f"{url}/nothing"
    lose(office, "bilgi46")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium.program(), args=list(chromium.ARGUMENTS))
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.context.add_cookies([{"name": "provisioner-language", "value": language, "url": url}])
        reader = Reader(page, axe)
        findings = {"the log-in": reader.violations(f"{url}/login")}
        page.fill("#login", LOGINS[ADMINISTRATOR])
        page.fill("#password", office.password(ADMINISTRATOR))
        page.click("main button")
        page.goto(f"{url}/comparison")
        page.click("main form button")
        page.wait_for_selector('main a[href="/comparison/repair"]', timeout=60_000)
        for path, address in addresses.items():
            findings[path] = reader.violations(address)
            assert page.evaluate("document.documentElement.lang") == language, path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        browser.close()

    assert {path: found for path, found in findings.items() if found} == {}
    assert len(findings) == len(paths) + 5
