"""One small organisation with a console, and browsers that talk ASGI with it, for tests of the console."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx

from provisioner import Person, Unit
from provisioner.console.server import make_console
from provisioner.console.site import Site
from provisioner.console.visit import Console
from provisioner.console.web import make_web
from provisioner.core.governance.roles import Role
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.testing.faults import Faults, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

#: Who there is: a teacher, the supervisor of the teacher, an officer, an administrator, and the head of another office.
TEACHER, SUPERVISOR, OFFICER, ADMINISTRATOR, STRANGER = "1001", "1002", "1003", "9000", "2001"

PERSONS = [
    Person(id=TEACHER, name="Ayşe Işık", unit="okul", title="Öğretmen", mobile="+905321234567", supervisor=SUPERVISOR),
    Person(id=SUPERVISOR, name="İsmail Çağlar", unit="ilce", mobile="+905337654321"),
    Person(id=OFFICER, name="Gül Öz", unit="ilce", mobile="+905337654322", supervisor=SUPERVISOR),
    Person(id=ADMINISTRATOR, name="Yönetici", unit="il", mobile="+905321234560"),
    Person(id=STRANGER, name="Öteki Kişi", unit="baska", mobile="+905321234599", supervisor=ADMINISTRATOR),
]
UNITS = [
    Unit(code="il", name="İl Millî Eğitim Müdürlüğü", kind="province", login="il46", custodian=ADMINISTRATOR),
    Unit(code="ilce", name="İlçe Müdürlüğü", kind="district", parent="il", login="ilce46", custodian=SUPERVISOR),
    Unit(code="bilgi", name="Bilgi İşlem", kind="office", parent="ilce", login="bilgi46", custodian=OFFICER),
    Unit(code="okul", name="Şehit Öğretmenler Okulu", kind="school", parent="ilce", login="okul46", custodian=TEACHER),
    Unit(code="baska", name="Başka İlçe", kind="district", parent="il", login="baska46", custodian=STRANGER),
]
LOGINS = {TEACHER: "okul46", SUPERVISOR: "ilce46", OFFICER: "bilgi46", ADMINISTRATOR: "il46", STRANGER: "baska46"}

ORIGIN = "http://127.0.0.1:8460"

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@attrs.define(eq=False)
class Browser:
    """Keeps cookies, and sends forms as a browser does."""

    web: Any
    peer: str = "127.0.0.1"
    origin: str = ORIGIN
    headers: dict[str, str] = attrs.field(factory=dict)
    cookies: httpx.Cookies = attrs.field(factory=httpx.Cookies)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.send("GET", path, headers=headers)

    def post(
        self, path: str, form: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a form of the page that this browser shows at the start page or the log-in."""
        fields = {"csrf": self.csrf(), **(form or {})}
        return self.send("POST", path, headers={"sec-fetch-site": "same-origin", **(headers or {})}, data=fields)

    def upload(
        self, content: bytes, form: Mapping[str, str] | None = None, *, name: str = "units.csv"
    ) -> httpx.Response:
        """Send a list of units."""
        fields, files = {"csrf": self.csrf(), **(form or {})}, {"file": (name, content)}
        return self.send("POST", "/lists", headers={"sec-fetch-site": "same-origin"}, data=fields, files=files)

    def csrf(self) -> str:
        found = _CSRF.search(self.get("/me").text) or _CSRF.search(self.get("/login").text)
        assert found
        return found[1]

    def log_in(self, login: str, password: str) -> httpx.Response:
        return self.post("/login", {"login": login, "password": password, "next": "/"})

    def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.web, client=(self.peer, 40000))
            async with httpx.AsyncClient(transport=transport, base_url=self.origin, cookies=self.cookies) as client:
                response = await client.request(method, path, headers={**self.headers, **(headers or {})}, **more)
                self.cookies = client.cookies
                return response

        return asyncio.run(run())


@attrs.define(eq=False)
class Office:
    """Everything that a test of the console needs."""

    harness: Harness
    phones: MemoryChannel
    directory: MemoryTarget
    faults: Faults
    console: Console
    web: Any

    def password(self, person: str) -> str:
        """Return the password that the phone of a person has received last."""
        number = next(one.mobile for one in PERSONS if one.id == person)
        return self.phones.inbox(number or "")[-1].password

    def browser(self) -> Browser:
        return Browser(self.web)

    def logged_in(self, person: str) -> Browser:
        browser = self.browser()
        assert browser.log_in(LOGINS[person], self.password(person)).status_code == 303
        return browser

    def kinds(self) -> list[str]:
        """Return the kinds of all events in the audit log."""
        return [entry.kind for entry in self.harness.store.audit_log.entries()]


@contextmanager
def opened(folder: Path) -> Iterator[Office]:
    """Open all accounts of the organisation on a new store in a folder."""
    faults, phones, directory = Faults(), MemoryChannel(), MemoryTarget()
    with Harness(
        folder / "store.sqlite",
        targets={"directory": FaultTarget(directory, faults)},
        limit=MassChangeLimit(percent=50, from_accounts=1),
        channels={"sms": phones},
        administrators=[ADMINISTRATOR, "tester"],
    ) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open([unit.code for unit in UNITS])
        harness.app.delegation.grant(OFFICER, Role.OFFICER, unit="ilce", actor=ADMINISTRATOR)
        console = make_console(harness.app, Site.on_this_machine(8460))
        yield Office(harness, phones, directory, faults, console, make_web(console))
