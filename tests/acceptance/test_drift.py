"""The quick start continued: more targets, thirty days, and somebody who changes accounts behind the product's back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest

from provisioner.config.load import load
from provisioner.core.engine.plan import Initiator
from provisioner.core.gateways.gateway import COMPARE
from provisioner.core.model import Operation, OperationKind, OperationState
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.sweep import Swept
from provisioner.manifest import read_units
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.services.health_check.results import CheckStatus
from provisioner.store import Store
from provisioner.testing.clock import FakeClock
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.postgresql import PrivatePostgresql
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from tests.acceptance.hidden_hand import (
    DatabaseServer,
    LdapServer,
    LocalFile,
    PasswdFileServer,
    PersonnelSystem,
    System,
)
from tests.acceptance.province import UNITS, Province, Run, persons, rows
from tests.example_site import ExampleSite, passwords
from tests.forks import ForkServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server("slapd"),
    pytest.mark.server("dovecot"),
    pytest.mark.server("postgresql"),
]

DAYS = 30
PHONES = "sms.sqlite"
CHANNEL = {"plugin": "sms", "help_desk": "705 53 53", "gateway": "simulator", "simulator": {"embedded": PHONES}}

#: Branches are renewed by the product; everybody else asks for it after the first warning.
RULES = {
    "passwords": {"rule": "renew-or-close", "days": 30, "warn_days": [7, 3, 1]},
    "branches": {"rule": "auto-rotate", "from_day": 20, "to_day": 27, "kinds": ["branch"]},
}

LOGINS = [row["login"] for row in rows(UNITS)]
#: The units that are closed when the days have passed, and their logins.
CLOSED_UNITS = ("andirin", "afsin", "caglayancerit")
CLOSED = [f"{code}46" for code in CLOSED_UNITS]
OPEN = [login for login in LOGINS if login not in CLOSED]

#: A password that somebody else gives to closed accounts.
PLANTED = "Elden-Verilen-46"
INITIATOR = Initiator(actor="460001")

Passwords = Mapping[str, str]


@attrs.define(eq=False, kw_only=True)
class Site:
    """A province, its systems, and its time, which ends now."""

    folder: Path
    forks: ForkServer
    #: The systems by the names of their targets. The first two are those of the quick start.
    systems: Mapping[str, System]
    #: The tables of their targets.
    tables: Mapping[str, Mapping[str, Any]]
    clock: FakeClock = attrs.field(factory=lambda: FakeClock(datetime.now(UTC) - timedelta(days=DAYS, minutes=5)))

    def configure(self, *targets: str) -> Province:
        """Write the configuration of a site with these targets."""
        tables = {name: self.tables[name] for name in targets}
        return Province(folder=self.folder, targets=tables, channel=CHANNEL, more={"rules": RULES})

    def application(self) -> AbstractContextManager[Application]:
        """Compose the product at the time of the clock."""
        return application(load(self.folder / "provisioner.toml"), now=self.clock)

    def open(self) -> None:
        """Open all units, as the quick start does."""
        Store.create(f"sqlite:///{self.configure('directory', 'pys').store}").close()
        with self.application() as app:
            listed = read_units(UNITS, app.planner.naming, app.store)
            run = app.units.open([unit.code for unit in listed.items], listed=listed, initiator=INITIATOR)
            assert {operation.state for operation in run} == {OperationState.DONE}

    def live(self) -> list[Operation]:
        """Let the days pass, and return what was done to accounts."""
        with self.application() as app:
            return [operation for _ in range(DAYS) for operation in self._day(app)]

    def _day(self, app: Application) -> list[Operation]:
        self.clock.advance(timedelta(days=1))
        found = list(app.sweep().run())
        renewing = app.store.accounts.get_many(_warned(found))
        asked = app.runs.start(app.planner.rotate(list(renewing.values()), INITIATOR))
        return [*(each for each in found if isinstance(each, Operation)), *asked]

    def run(self, *arguments: str) -> Run:
        """Run a command, now that the days have passed."""
        code, stdout, stderr = self.forks.run(self.folder, "--json", *arguments)
        return Run(code=code, stdout=stdout, stderr=stderr)

    def received(self, login: str) -> list[str]:
        """Return the passwords that the holder of an account received, the oldest first."""
        return passwords(self.folder / PHONES, self.configure(*self.tables).numbers[login])

    def on_phones(self) -> Passwords:
        """Return the last password that each holder received, by login."""
        return {login: self.received(login)[-1] for login in LOGINS}

    def entered(self, known: Passwords) -> set[tuple[str, str]]:
        """Return the systems, and the logins, with which these passwords log in."""
        tried = [(name, login) for name in self.systems for login in known]
        with ThreadPoolExecutor(8) as people:
            accepted = people.map(lambda each: self.systems[each[0]].logs_in(each[1], known[each[1]]), tried)
            return {each for each, is_in in zip(tried, accepted, strict=True) if is_in}


def _warned(found: Sequence[Swept]) -> list[str]:
    return [each.login for each in found if isinstance(each, Notice)]


@attrs.frozen(kw_only=True)
class Drift:
    """What somebody does on one system. On each system it concerns other accounts, and all closed ones."""

    system: System
    dropped: Sequence[str]
    renamed: Sequence[str]

    @classmethod
    def on(cls, number: int, system: System) -> Drift:
        """Return what is done on the system with this number."""
        around = [*OPEN, *OPEN][5 * number :]
        return cls(system=system, dropped=around[:10], renamed=around[15:20])

    def happen(self) -> None:
        """Do it."""
        for login in self.dropped:
            self.system.drop(login)
        for login in CLOSED:
            self.system.enable(login, PLANTED)
        for login in self.renamed:
            self.system.rename(login)

    @property
    def differences(self) -> set[tuple[str, str, str]]:
        """What a comparison has to find of it."""
        other = "holder" if self.system.stores == "holder" else "attributes"
        found = {"missing": self.dropped, "enabled": CLOSED, other: self.renamed}
        return {(self.system.name, login, kind) for kind, logins in found.items() for login in logins}


@pytest.fixture(name="users", scope="module")
def _users() -> Iterator[Path]:
    """An empty passwd-file, in a folder that Dovecot may enter; pytest's are closed to others."""
    with TemporaryDirectory(prefix="passwd-") as folder:
        Path(folder).chmod(0o755)
        users = Path(folder, "users")
        users.touch(mode=0o644)
        yield users


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, directory: Slapd, users: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("drift")
    examples = ExampleSite.with_examples(folder / "site", "dovecot-passwd", "postgresql-roles")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.syspath_prepend(examples.folder)
        patch.setenv("PYTHONPATH", str(examples.folder))
        pys = stack.enter_context(PysMock.running(people=persons()))
        mail = stack.enter_context(Dovecot(passwd_file=users))
        database = stack.enter_context(PrivatePostgresql())
        systems: list[System] = [
            LocalFile("directory", folder / "directory.sqlite"),
            PersonnelSystem("pys", pys),
            LdapServer("openldap", directory),
            PasswdFileServer("mail", mail, users),
            DatabaseServer("database", database),
        ]
        yield Site(
            folder=folder,
            forks=stack.enter_context(ForkServer.running()),
            systems={system.name: system for system in systems},
            tables={
                "directory": {"plugin": "local", "database": "directory.sqlite"},
                "pys": pys.settings(),
                "openldap": {"plugin": "ldap", **directory.config},
                "mail": {"plugin": "dovecot", "file": str(users), "host": mail.host, "port": mail.port, "tls": False},
                "database": {"plugin": "postgresql", **database.config},
            },
        )


@pytest.fixture(name="added", scope="module")
def _added(site: Site) -> Sequence[str]:
    """The names of the targets that are added after the quick start."""
    site.open()
    site.configure(*site.tables)
    return [name for name in site.tables if name not in {"directory", "pys"}]


@pytest.fixture(name="lived", scope="module")
def _lived(site: Site, added: Sequence[str]) -> list[Operation]:
    return site.live()


@pytest.fixture(name="drifts", scope="module")
def _drifts(site: Site, lived: list[Operation]) -> Sequence[Drift]:
    """What somebody does when three units are closed."""
    closed = site.run("unit", "close", *CLOSED_UNITS)
    assert closed.code == 0, closed.stderr
    drifts = [Drift.on(number, system) for number, system in enumerate(site.systems.values())]
    with ThreadPoolExecutor() as hands:
        list(hands.map(Drift.happen, drifts))
    return drifts


@pytest.fixture(name="repaired", scope="module")
def _repaired(site: Site, drifts: Sequence[Drift]) -> Run:
    return site.run("reconcile", "--repair", "--yes")


def found_by(run: Run) -> set[tuple[str, str, str]]:
    """Return the differences that a command showed."""
    items = run.document["items"]
    found = {(item["target"], item["login"], item["difference"]) for item in items}
    assert len(found) == len(items), "a difference is shown twice"
    return found


def test_check_tells_how_many_accounts_a_new_target_lacks(site: Site, added: Sequence[str]) -> None:
    with site.application() as app:
        results = list(app.health_check.run())

    warned = {(one.name, str(one.message)) for one in results if one.status is CheckStatus.WARNING}
    for name in added:
        assert (f"targets.{name}", f"39 open accounts are not on {name}") in warned
    assert not [one for one in results if one.status is CheckStatus.PROBLEM]


def test_thirty_days_later_every_account_is_on_each_target_and_none_was_closed(
    site: Site, lived: list[Operation]
) -> None:
    assert {(operation.kind, operation.state) for operation in lived} == {(OperationKind.ROTATE, OperationState.DONE)}
    assert {operation.login for operation in lived} == set(LOGINS)
    assert site.entered(site.on_phones()) == {(name, login) for name in site.systems for login in LOGINS}
    clean = site.run("reconcile")
    assert (clean.code, clean.document["items"]) == (0, [])


def test_a_target_whose_attributes_can_differ_says_that_it_compares_them(site: Site, added: Sequence[str]) -> None:
    """Dovecot's file and PostgreSQL's roles have no names to change, and declare it: only holders can differ."""
    with site.application() as app:
        compared = {name for name, target in app.plugins.targets.items() if COMPARE in target.hooks}

    assert compared == {name for name, system in site.systems.items() if system.stores != "holder"}


def test_reconcile_finds_exactly_what_somebody_did_on_each_system(site: Site, drifts: Sequence[Drift]) -> None:
    before = site.entered(dict.fromkeys(CLOSED, PLANTED))

    drifted = site.run("reconcile")

    assert before == {(name, login) for name in site.systems for login in CLOSED}, "nothing to find"
    assert drifted.code == 4, drifted.stderr
    assert found_by(drifted) == set().union(*(drift.differences for drift in drifts))
    assert {item["changes"][0]["name"] for item in drifted.document["items"] if item["changes"]} == {"unit", "cn"}


def test_repair_lets_the_right_people_in_everywhere_and_nobody_else(
    site: Site, drifts: Sequence[Drift], request: pytest.FixtureRequest
) -> None:
    before = {login: len(site.received(login)) for login in LOGINS}
    repaired: Run = request.getfixturevalue("repaired")

    assert repaired.code == 0, repaired.stderr
    dropped = {login for drift in drifts for login in drift.dropped}
    known = site.on_phones()
    assert {login for login in LOGINS if len(site.received(login)) == before[login] + 1} == dropped
    assert {login for login in LOGINS if len(site.received(login)) == before[login]} == set(LOGINS) - dropped
    assert site.entered(known) == {(name, login) for name in site.systems for login in OPEN}
    assert site.entered(dict.fromkeys(CLOSED, PLANTED)) == set()


def test_a_second_run_finds_nothing(site: Site, repaired: Run) -> None:
    clean = site.run("reconcile")

    assert repaired.code == 0
    assert (clean.code, clean.document["items"]) == (0, [])
    assert {target["error"] for target in clean.document["targets"]} == {None}
