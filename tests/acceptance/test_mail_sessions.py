"""A closed account is out of the mailbox too: by every name, whatever the mail server remembers, in open sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import attrs
import ldap3
import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import Person
from provisioner.core.model.secret import Secret
from provisioner.testing.dirsrv389 import NsSlapd
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.private import PrivateDirectory
from provisioner.testing.samba import Samba
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from provisioner_sms.simulator import SmsSimulator
from tests.acceptance.province import Province, Run, password_in

pytestmark = [pytest.mark.slow, pytest.mark.server("dovecot")]

LOGIN, MAIL = "temelegitim46", "temelegitim46@meb.gov.tr"

AYSE = Person(id="1001", name="Ayşe Işık", mobile="+905321234567", unit="tem", title="Şef")
ALI = Person(id="1002", name="Ali Çağlar", mobile="+905337654321", unit="tem", title="Memur")

PERSONS = "id,name,mobile,unit,title\n" + "".join(
    f"{one.id},{one.name},{one.mobile},{one.unit},{one.title}\n" for one in (AYSE, ALI)
)
UNITS = f"code,name,kind,login,custodian\ntem,Temel Eğitim,branch,{LOGIN},1001\n"

DIRECTORIES = [
    pytest.param(Slapd, marks=pytest.mark.server("slapd")),
    pytest.param(NsSlapd, marks=pytest.mark.server("dirsrv389")),
    pytest.param(Samba, marks=pytest.mark.server("samba")),
]


@attrs.frozen(kw_only=True)
class Office:
    """A directory of some kind, two mail servers that ask it and remember the answers, PYS and a phone network."""

    directory: PrivateDirectory
    mails: Sequence[Dovecot]
    pys: PysMock
    phones: SmsSimulator
    province: Province

    @classmethod
    def opened(cls, stack: ExitStack, folder: Path, kind: type[PrivateDirectory]) -> Self:
        """Start everything, and write the configuration."""
        directory = stack.enter_context(kind())
        first = stack.enter_context(Dovecot(directory=directory, cached=True))
        mails = [first, stack.enter_context(Dovecot(directory=directory, cached=True, api_key=first.api_key))]
        pys = stack.enter_context(PysMock.running(people=[AYSE, ALI]))
        phones = stack.enter_context(SmsSimulator.running())
        both = folder / "mail.pem"
        both.write_text("".join(mail.ca_file.read_text() for mail in mails), encoding="utf-8")
        servers = {"servers": [mail.addresses for mail in mails], "ca_file": str(both), "timeout": 3}
        targets = {
            "directory": {"plugin": "ldap", **directory.config},
            "pys": pys.settings(),
            "mail": {"plugin": "mail", **first.config, **servers},
        }
        province = Province(folder=folder, targets=targets, channel=phones.settings())
        return cls(directory=directory, mails=mails, pys=pys, phones=phones, province=province)

    def run(self, *arguments: str, code: int = 0) -> Run:
        """Run a command that is expected to end with this code."""
        done = self.province.run(*arguments)
        assert done.code == code, done.stdout + done.stderr
        return done

    def password_of(self, person: Person) -> str:
        """Return what the last message to a person says."""
        assert person.mobile
        return password_in(self.phones.inbox(person.mobile)[-1].text)

    def opens(self, password: str) -> dict[str, bool]:
        """Return where a password opens, by the place and the name."""
        doors = {"directory": self._binds(password), "pys": self.pys.logs_in(LOGIN, password)}
        for number, mail in enumerate(self.mails, 1):
            doors |= {f"mail{number} {name}": _lets_in(mail, name, password) for name in (LOGIN, MAIL)}
        return doors

    def _binds(self, password: str) -> bool:
        attribute = self.province.targets["directory"].get("rdn", "uid")
        dn = f"{attribute}={LOGIN},{self.directory.base_dn}"
        connection = _client(self.directory, dn, password)
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()


def _lets_in(mail: Dovecot, name: str, password: str) -> bool:
    """Return whether a mailbox opens. Dovecot takes the answer of 389 about a closed account for an outage."""
    with suppress(ConfigurationError):
        return mail.logs_in(name, password)
    return False


def _client(directory: PrivateDirectory, dn: str, password: str) -> Any:
    if isinstance(directory, Samba):
        return directory.client(dn, password)
    place = ldap3.Server(directory.host, port=directory.port, get_info=ldap3.NONE)
    return ldap3.Connection(place, user=dn, password=password.encode())


@pytest.fixture(name="office", params=DIRECTORIES)
def _office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as stack:
        office = Office.opened(stack, tmp_path, request.param)
        (tmp_path / "persons.csv").write_text(PERSONS, encoding="utf-8")
        (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")
        office.run("init")
        office.run("check")
        office.run("person", "import", "persons.csv")
        yield office


def test_what_the_mail_server_remembers_opens_nothing(office: Office) -> None:
    """Each step is tried in between, so that the servers have something to remember."""
    assert not any(office.opens("not yet").values())

    office.run("unit", "open", "units.csv")
    first = office.password_of(AYSE)
    assert all(office.opens(first).values())
    with office.mails[0].session(MAIL, Secret(first)) as session:
        office.run("handover", LOGIN, "--to", ALI.id)
        assert not session.is_open()

    second = office.password_of(ALI)
    assert not any(office.opens(first).values())
    assert all(office.opens(second).values())
    with (
        office.mails[0].session(LOGIN, Secret(second)) as one,
        office.mails[1].session(MAIL, Secret(second)) as other,
    ):
        office.run("unit", "close", "tem")
        assert not one.is_open()
        assert not other.is_open()

    assert not any(office.opens(second).values())


def test_a_mail_server_that_is_down_keeps_the_account_from_being_called_closed(office: Office) -> None:
    office.run("unit", "open", "units.csv")
    password = office.password_of(AYSE)
    assert all(office.opens(password).values())
    down = office.mails[1]
    with down.session(LOGIN, Secret(password)) as session:
        down.pause()
        closing = office.run("--json", "unit", "close", "tem", code=4)
        down.resume()

        [operation] = closing.document["operations"]
        assert operation["state"] == "incomplete"
        assert f"127.0.0.1:{down.api_port}" in closing.stdout
        assert session.is_open()
        office.run("resume")
        assert not session.is_open()

    assert not any(office.opens(password).values())
