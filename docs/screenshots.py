"""``python -m docs.screenshots`` takes the pictures of the console in the guides, from the real thing.

It runs the demo with its console, logs in as the people of the demo in a real Chromium, and looks at pages in both
languages. With ``--every FOLDER`` it takes every page, on a wide and on a narrow screen, for people who look for what
is wrong with them.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from provisioner.testing import chromium
from provisioner_sms.simulator import Inbox

IMAGES = Path(__file__).parent / "images"

#: The pages in the guides, by the names of their files.
SHOWN = {"account": "/accounts/kmarasmem", "list": "/lists"}

#: The other pages that the officer opens.
MORE = {
    "inbox": "/requests",
    "calendar": "/calendar",
    "search": "/?q=egitim",
    "due": "/due",
    "ages": "/ages",
    "handovers": "/handovers",
    "handover": "/accounts/kmarasmem/handover",
    "clearance": "/clearance?person=460013",
    "incidents": "/incidents",
    "new-incident": "/incidents/new",
    "operations": "/operations",
    "held": "/held",
    "comparison": "/comparison",
    "systems": "/systems",
    "close": "/accounts/kmarasmem/close",
    "new-request": "/requests/new?login=kmarasmem",
    "session": "/me",
}

WIDE, NARROW = 1280, 390

#: Who asks for a new password, and who decides.
REQUESTER, SUPERVISOR, OFFICER = "stratejigelistirme46", "kmarasmem", "bilgiislemegitek46"

#: A list with a new unit, another name, and an error.
LIST = """code,name,kind,parent,login,custodian
il-mem,Kahramanmaraş İl Millî Eğitim Müdürlüğü,province,,kmarasmem,460001
strateji-gelistirme,Strateji ve Mali Hizmetler Şube Müdürlüğü,branch,il-mem,stratejigelistirme46,460013
bilisim-okulu,Bilişim Teknolojileri Okulu,school,il-mem,bilisim46,460012
"""


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "demo") as site, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium.program(), args=list(chromium.ARGUMENTS))
        site.ask_for_a_password(browser)
        for language in ("en", "tr"):
            if options.every:
                for width in (WIDE, NARROW):
                    site.look(browser, language, width, {**SHOWN, **MORE}, options.every / f"{language}-{width}")
            else:
                site.look(browser, language, WIDE, SHOWN, IMAGES / language)
        browser.close()


class Site:
    """The console of the demo.

    Args:

        url: Where it is.

        numbers: The mobile numbers of the people, by login.

        inbox: Their phones.
    """

    def __init__(self, url: str, numbers: dict[str, str], inbox: Inbox) -> None:
        self._url = url
        self._numbers = numbers
        self._inbox = inbox

    def ask_for_a_password(self, browser: Browser) -> None:
        """Submit a request and approve it, so that it waits for the officer."""
        page = self._logged_in(browser, "tr", WIDE, REQUESTER)
        page.goto(f"{self._url}/requests/new?login={REQUESTER}")
        page.fill("#reason", "Parola unutuldu")
        page.click("main button")
        page = self._logged_in(browser, "tr", WIDE, SUPERVISOR)
        page.goto(f"{self._url}/requests")
        page.click("main tbody a")
        page.click('form[action$="/approve"] button')

    def look(self, browser: Browser, language: str, width: int, paths: dict[str, str], folder: Path) -> None:
        """Take pictures of pages as the officer sees them, from top to bottom."""
        folder.mkdir(parents=True, exist_ok=True)
        page = self._logged_in(browser, language, width, OFFICER)
        for name, path in paths.items():
            page.goto(f"{self._url}{path}")
            if name == "list":
                page.set_input_files(
                    "input[type=file]", {"name": "units.csv", "mimeType": "text/csv", "buffer": LIST.encode()}
                )
                page.click("main button")
            page.wait_for_load_state()
            page.screenshot(path=folder / f"{name}.png", full_page=True)
        page.context.close()

    def _logged_in(self, browser: Browser, language: str, width: int, login: str) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, locale=language)
        context.add_cookies([{"name": "provisioner-language", "value": language, "url": self._url}])
        page = context.new_page()
        page.goto(f"{self._url}/login")
        page.fill("#login", login)
        page.fill("#password", self._password(login))
        page.click("main button")
        return page

    def _password(self, login: str) -> str:
        texts = [message.text for message in self._inbox.messages(self._numbers[login])]
        return next(found[1] for text in reversed(texts) if (found := re.search(r"parolaniz: (\S+)", text)))


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Run the demo in a folder, and yield its console."""
    command = ["--lang", "tr", "demo", "--console", "--port", "0", "--keep", str(folder)]
    program: Sequence[str] = [sys.executable, "-m", "provisioner", *command]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as demo:
        try:
            told, numbers = "", dict[str, str]()
            for line in demo.stdout or ():
                told += line
                numbers = dict(re.findall(r"^  (\S+) \(.+\)\n.+ (\+\d+)$", told, re.MULTILINE))
                if OFFICER in numbers:
                    break
            url = re.findall(r"http://127\.0\.0\.1:\d+", told)[-1]
            yield Site(url, numbers, Inbox(folder / "phones.sqlite"))
        finally:
            demo.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
