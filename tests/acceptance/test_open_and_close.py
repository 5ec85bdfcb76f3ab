"""From the list of units to an opened mailbox, and to a closed one, on nothing but real servers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.testing.dovecot import Dovecot
from provisioner.testing.kannel import FAKESMSC, Kannel, wait_until
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from tests.acceptance.province import UNITS, Entrance, Province, Run, password_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server("slapd"),
    pytest.mark.server("kannel"),
    pytest.mark.server("dovecot"),
]


@pytest.fixture(name="province", scope="module")
def _province(tmp_path_factory: pytest.TempPathFactory, directory: Slapd, pys: PysMock, kannel: Kannel) -> Province:
    province = Province(
        folder=tmp_path_factory.mktemp("province"),
        targets={"directory": {"plugin": "ldap", **directory.config}, "pys": pys.settings()},
        channel=kannel.settings(),
    )
    assert province.run("init").code == 0
    return province


@pytest.fixture(name="opened", scope="module")
def _opened(province: Province) -> Run:
    """The list of units was opened."""
    return province.run("--json", "unit", "open", str(UNITS))


@pytest.fixture(name="passwords", scope="module")
def _passwords(province: Province, kannel: Kannel, opened: Run) -> dict[str, str]:
    """What each phone received, by login."""
    inboxes = {login: kannel.inbox(number) for login, number in province.numbers.items()}
    assert {len(inbox) for inbox in inboxes.values()} == {1}
    return {login: password_in(inbox[0]) for login, inbox in inboxes.items()}


@contextmanager
def fakesmsc(port: int, log: Path) -> Iterator[Path]:
    """Let Kannel's own fakesmsc be the operator, and yield the file in which it says what it received."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [FAKESMSC, "-H", "127.0.0.1", "-r", str(port), "-m", "0", "1 2 text unused"], stdout=output, stderr=output
        ) as process,
    ):
        try:
            wait_until(lambda: b"Connecting" in log.read_bytes())
            yield log
        finally:
            process.terminate()


def test_the_whole_list_opens_in_one_run(opened: Run, province: Province) -> None:
    states = {one["login"]: one["state"] for one in opened.document["operations"]}

    assert opened.code == 0
    assert dict.fromkeys(province.numbers, "done") == states


def test_the_delivered_password_opens_mailbox_pys_and_directory(
    passwords: dict[str, str], mail: Dovecot, pys: PysMock, entrance: Entrance
) -> None:
    with ThreadPoolExecutor(8) as people:
        mailboxes = dict(zip(passwords, people.map(mail.logs_in, passwords, passwords.values()), strict=True))

    assert dict.fromkeys(passwords, True) == mailboxes
    assert all(pys.logs_in(login, password) for login, password in passwords.items())
    assert all(entrance.logs_in(login, password) for login, password in passwords.items())


def test_somebody_elses_password_opens_no_mailbox(passwords: dict[str, str], mail: Dovecot) -> None:
    assert not mail.logs_in("andirin46", passwords["afsin46"])


def test_opening_twice_changes_nothing_and_says_so(
    province: Province, passwords: dict[str, str], pys: PysMock, kannel: Kannel
) -> None:
    calls = dict(pys.calls())
    again = province.run("--json", "unit", "open", str(UNITS))

    assert again.code == 0
    assert again.document["operations"] == []
    assert {one["login"] for one in again.document["unchanged"]} == set(passwords)
    assert calls["account.put"] == pys.calls()["account.put"]
    assert all(len(kannel.inbox(number)) == 1 for number in province.numbers.values())


def test_a_closed_unit_is_refused_everywhere(
    province: Province, passwords: dict[str, str], mail: Dovecot, pys: PysMock, entrance: Entrance
) -> None:
    closed = province.run("--json", "unit", "close", "tasimali-egitim", "nurhak")

    assert closed.code == 0
    assert [one["state"] for one in closed.document["operations"]] == ["done", "done"]
    for login in ("tasimali46", "nurhak46"):
        assert not mail.logs_in(login, passwords[login])
        assert not pys.logs_in(login, passwords[login])
        assert not entrance.logs_in(login, passwords[login])


def test_closing_leaves_the_others_open(
    province: Province, passwords: dict[str, str], mail: Dovecot, pys: PysMock
) -> None:
    assert province.run("unit", "close", "ekinozu").code == 0

    assert mail.logs_in("elbistan46", passwords["elbistan46"])
    assert pys.logs_in("elbistan46", passwords["elbistan46"])


def test_a_reopened_unit_gets_a_new_password(
    province: Province, passwords: dict[str, str], mail: Dovecot, kannel: Kannel
) -> None:
    assert province.run("unit", "close", "goksun").code == 0
    assert province.run("unit", "open", "goksun").code == 0

    inbox = kannel.inbox(province.numbers["goksun46"])
    assert len(inbox) == 2
    assert mail.logs_in("goksun46", password_in(inbox[1]))
    assert not mail.logs_in("goksun46", passwords["goksun46"])


@pytest.mark.usefixtures("opened")
def test_the_password_that_kannels_fakesmsc_received_opens_the_mailbox_until_the_unit_closes(
    province: Province, mail: Dovecot, pys: PysMock, kannel: Kannel, tmp_path: Path
) -> None:
    """The other tests stand in for the operator themselves; this one leaves that to Kannel's own program."""
    assert province.run("unit", "close", "pazarcik").code == 0
    kannel.network.disconnect()
    try:
        with fakesmsc(kannel.network.port, tmp_path / "fakesmsc.log") as log:
            assert province.run("unit", "open", "pazarcik").code == 0
            wait_until(lambda: b"Got message" in log.read_bytes())
            password = password_in(log.read_text(encoding="utf-8", errors="replace"))
    finally:
        kannel.network.connect()

    assert mail.logs_in("pazarcik46", password)
    assert pys.logs_in("pazarcik46", password)
    assert province.run("unit", "close", "pazarcik").code == 0
    assert not mail.logs_in("pazarcik46", password)
    assert not pys.logs_in("pazarcik46", password)


def test_the_mail_server_writes_no_password_into_its_log(passwords: dict[str, str], mail: Dovecot) -> None:
    mail.logs_in("andirin46", passwords["afsin46"])

    wait_until(lambda: "andirin46" in mail.log())
    assert not [login for login, password in passwords.items() if password in mail.log()]
