"""A list that a directory or the network cuts off proves nothing, and ``reconcile`` says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from provisioner.core.model import Account, AccountState, Person, TargetState, Unit
from provisioner.store import Store
from provisioner.store.db.opening import database_at
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import account_targets, accounts
from provisioner.testing.command_line import CommandLine
from provisioner.testing.kannel import wait_until
from provisioner.testing.proxy import TcpProxy, WireFault
from provisioner.testing.slapd import Slapd
from tests.contract.crowds import LOGINS, ldif

pytestmark = [pytest.mark.server("slapd"), pytest.mark.slow]

CONFIG = """\
[accounts]
domain = "meb.gov.tr"
[targets.directory]
plugin = "ldap"
attributes = {{ cn = "{{login}}", sn = "{{login}}", mail = "{{mail}}" }}
{directory}
[channels.phones]
plugin = "memory"
"""

#: Accounts on three pages.
THERE = LOGINS[:1200]

#: An account that somebody deleted.
GONE = "silinmis"


@attrs.frozen
class Site:
    """A directory with many accounts, all of which are known, and one more that is known."""

    commands: CommandLine

    def compare(self) -> tuple[list[tuple[str, str]], int, str | None]:
        """Return the differences, how many accounts were listed, and why the comparison is incomplete."""
        answer = self.commands.json("reconcile", exit_code=4)
        [target] = answer["targets"]
        error = target["error"] and target["error"]["class"]
        return [(item["login"], item["difference"]) for item in answer["items"]], target["listed"], error


def site(folder: Path, directory: Slapd, **others: object) -> Site:
    """Fill the directory and a store."""
    directory.load(ldif(directory.base_dn, THERE))
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in {**directory.config, **others}.items())
    (folder / "provisioner.toml").write_text(CONFIG.format(directory=settings), encoding="utf-8")
    know(folder / "provisioner.sqlite", [*THERE, GONE])
    return Site(CommandLine(folder=folder))


def know(file: Path, logins: Iterable[str]) -> None:
    """Put open accounts into a new store."""
    url, now = f"sqlite:///{file}", datetime.now(UTC)
    with Store.create(url) as store:
        store.units.save([Unit(code="u", name="Birim", kind="office")])
        store.persons.save([Person(id="p", name="Ayşe", mobile="+905321234567")])
    fields = {"domain": "meb.gov.tr", "unit": "u", "holder": "p", "state": AccountState.OPEN}
    database = database_at(url)
    with database.write() as connection:
        for login in logins:
            account = Account(login=login, opened_at=now, password_changed_at=now, **fields)  # type: ignore[arg-type]
            connection.execute(put(accounts), as_row(account))
            target = {"login": login, "target": "directory", "state": TargetState.OPEN}
            connection.execute(put(account_targets), target)
    database.close()


@pytest.fixture(name="wire")
def _wire(slapd_of_its_own: Slapd) -> Iterator[TcpProxy]:
    with TcpProxy((slapd_of_its_own.host, slapd_of_its_own.port)) as wire:
        yield wire


@pytest.fixture(name="slapd_of_its_own")
def _slapd_of_its_own() -> Iterator[Slapd]:
    with Slapd() as directory:
        yield directory


def test_nobody_is_missing_because_the_directory_stops_in_the_middle(tmp_path: Path) -> None:
    """Its limit of 700 entries is reached on the second of three pages."""
    with Slapd(most_listed=700) as directory:
        differences, listed, error = site(tmp_path, directory).compare()

    assert (differences, listed) == ([], 500)
    assert error == "RefusedError"


def test_nobody_is_missing_because_the_network_breaks_in_the_middle(
    tmp_path: Path, slapd_of_its_own: Slapd, wire: TcpProxy
) -> None:
    """And when it works again, exactly the account that is gone is missing."""
    there = site(tmp_path, slapd_of_its_own, urls=[f"ldap://localhost:{wire.port}"], tls="none")
    before = wire.requests
    whole = there.compare()
    wait_until(lambda: not wire.links)  # the last requests say farewell, and nobody waits for an answer
    # Before the two farewells, there are three for the account that is gone, and those of the second and third page.
    wire.fail(WireFault.CUT_ANSWER, requests=1, after=wire.requests - before - 7)
    differences, listed, error = there.compare()

    assert whole == ([(GONE, "missing")], len(THERE), None)
    assert (differences, error) == ([], "UnavailableError")
    assert 0 < listed < len(THERE)
    assert wire.failures == 1
