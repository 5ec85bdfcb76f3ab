"""The pytest plug-in: fixtures for tests of plug-ins, scripts and whole sites.

They are there wherever the product and pytest are installed, and import nothing before a test asks for one of them::

    from provisioner import Person, Unit
    from provisioner.core.engine.plan import Initiator

    AYSE = Person(id="1001", name="Ayşe Işık", mobile="+905321234567")
    BRANCH = Unit(code="tem", name="Temel Eğitim", kind="branch", login="temelegitim46", custodian="1001")

    def test_the_password_that_arrives_logs_in(provisioner_app, memory_target, sms_inbox):
        provisioner_app.store.persons.save([AYSE])
        provisioner_app.store.units.save([BRANCH])

        plan = provisioner_app.planner.open_units([BRANCH], initiator=Initiator(actor="test"))
        [operation] = provisioner_app.engine.apply(plan)

        assert operation.state == "done"
        assert memory_target.logs_in("temelegitim46", sms_inbox.last_password("+905321234567"))

The application has the targets and the channel that the test asks for, so the same test with ``slapd`` among its
arguments opens the account on a real directory too. ``provisioner/testing/README.md`` lists the fixtures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from provisioner.config.load import LoadedConfiguration
    from provisioner.services.application import Application
    from provisioner.testing.clock import FakeClock
    from provisioner.testing.command_line import CommandLine
    from provisioner.testing.faults import FaultTarget
    from provisioner.testing.memory import MemoryTarget
    from provisioner.testing.slapd import Slapd
    from provisioner_pys.mock import PysMock
    from provisioner_sms.simulator import SmsSimulator

CONFIG = """\
language = "en"

[accounts]
domain = "meb.gov.tr"
plate_code = "46"
"""

Table = Mapping[str, object]

# Before anything imports the contract: its failures are to show what was compared.
pytest.register_assert_rewrite("provisioner.testing.contract")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks of the contract known, and keep what ldap3 2.9.1 warns of from failing anybody's tests."""
    from provisioner.testing.contract import tags

    tags.register(config)
    config.addinivalue_line("filterwarnings", "ignore:(tagMap|typeMap) is deprecated:DeprecationWarning")


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands still until the test moves it on; the time of ``provisioner_app``."""
    from provisioner.testing.clock import FakeClock

    return FakeClock()


@pytest.fixture
def pys_mock() -> Iterator[PysMock]:
    """A personnel system on loopback, without people; ``pys_mock.seed()`` tells it whom to know."""
    with _shipped("pys", "mock").PysMock.running() as mock:
        yield mock


@pytest.fixture
def sms_inbox() -> Iterator[SmsSimulator]:
    """A phone network on loopback, which shows what each phone received."""
    with _shipped("sms", "simulator").SmsSimulator.running() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def slapd() -> Iterator[Slapd]:
    """A private OpenLDAP for the whole session. Skips where there is none, and fails where CI is set."""
    from provisioner.testing.slapd import Slapd

    require_server("slapd")
    with Slapd() as server:
        yield server


@pytest.fixture
def provisioner_config(request: pytest.FixtureRequest) -> str:
    """The configuration of ``provisioner_app``, in TOML; override or parametrise it to have another one."""
    wanted = [name for name in TARGETS if name in request.fixturenames] or ["memory_target"]
    sections = [_section(f"targets.{TARGETS[name][0]}", TARGETS[name][1](request)) for name in wanted]
    return "\n".join([CONFIG, *sections, _section("channels.sms", _channel(request))])


@pytest.fixture
def provisioner_app(
    provisioner_config: str, fake_clock: FakeClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    """The whole product, joined, with an empty store in a folder of its own."""
    from provisioner.services.bootstrap import application
    from provisioner.testing.harness import QUICK

    config = _office(tmp_path_factory.mktemp("provisioner"), provisioner_config, now=fake_clock)
    with application(config, now=fake_clock, retry_policy=QUICK) as app:
        yield app


@pytest.fixture
def provisioner_cli(
    provisioner_config: str,
    pys_mock: PysMock,  # noqa: ARG001 - its address is in the configuration
    sms_inbox: SmsSimulator,  # noqa: ARG001 - likewise
    tmp_path_factory: pytest.TempPathFactory,
) -> CommandLine:
    """The commands, each in a process of its own, against a personnel system and a phone network on loopback."""
    from provisioner.core.model.days import utc_now
    from provisioner.testing.command_line import CommandLine

    folder = tmp_path_factory.mktemp("office")
    _office(folder, provisioner_config, now=utc_now)
    return CommandLine(folder=folder)


@pytest.fixture
def memory_target(provisioner_app: Application) -> MemoryTarget:
    """A target of ``provisioner_app`` that lives in memory and does what it is asked."""
    target: MemoryTarget = _behind_target(provisioner_app, "memory")
    return target


@pytest.fixture
def fault_target(provisioner_app: Application) -> FaultTarget:
    """A target of ``provisioner_app`` that fails as ``fault_target.faults`` is told, and lives in memory otherwise."""
    target: FaultTarget = _behind_target(provisioner_app, "faults")
    return target


def require_server(name: str) -> None:
    """Skip the test if a server is not installed; where CI is set nothing may be skipped for that, so it fails.

    Args:

        name: One of those in :mod:`provisioner.testing.servers`.
    """
    from provisioner.testing.servers import missing_packages

    if missing := missing_packages(name):
        message = f"{name} is not installed; apt-get install {' '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


def _office(folder: Path, config: str, *, now: Callable[[], datetime]) -> LoadedConfiguration:
    """Write a configuration and make an empty store, in a folder of their own."""
    from provisioner import files
    from provisioner.config.load import load
    from provisioner.store import Store

    files.write(folder / "provisioner.toml", config)
    loaded = load(folder / "provisioner.toml")
    Store.create(loaded.store_url, now=now).close()
    return loaded


def _memory(_: pytest.FixtureRequest) -> Table:
    return {"plugin": "memory"}


def _faults(_: pytest.FixtureRequest) -> Table:
    return {"plugin": "faults"}


def _pys(request: pytest.FixtureRequest) -> Table:
    mock: PysMock = request.getfixturevalue("pys_mock")
    return mock.settings()


def _directory(request: pytest.FixtureRequest) -> Table:
    server: Slapd = request.getfixturevalue("slapd")
    return {"plugin": "ldap", **server.config}


def _channel(request: pytest.FixtureRequest) -> Table:
    if "sms_inbox" not in request.fixturenames:
        return {"plugin": "memory"}
    simulator: SmsSimulator = request.getfixturevalue("sms_inbox")
    return simulator.settings()


#: The target that each fixture adds to the configuration, in the order in which targets are changed.
TARGETS: Mapping[str, tuple[str, Callable[[pytest.FixtureRequest], Table]]] = {
    "slapd": ("directory", _directory),
    "memory_target": ("memory", _memory),
    "fault_target": ("faults", _faults),
    "pys_mock": ("pys", _pys),
}


def _shipped(plugin: str, part: str) -> Any:
    """Import a part of a plug-in by the name of its entry point: nothing in here may know plug-ins by theirs."""
    from provisioner.core.gateways.plugins import find_entry_point

    entry, _ = find_entry_point(plugin)
    package, _, _ = entry.module.partition(".")
    return import_module(f"{package}.{part}")


def _behind_target(app: Application, plugin: str) -> Any:
    """Return the object that a plug-in made for its first target."""
    for name, target in app.plugins.targets.items():
        if target.origin.plugin == plugin:
            implementations = target.callers["account_create"].get_hookimpls()
            return next(
                implementation.plugin
                for implementation in implementations
                if implementation.plugin_name == f"target:{name}"
            )
    message = f'provisioner_config has no target with plugin = "{plugin}"'
    raise pytest.UsageError(message)


def _section(place: str, table: Table) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
    return "\n".join([f"[{place}]", *lines, ""])


def _toml(value: object) -> str:
    """Return texts, lists and tables as TOML, in which all but the tables are written as in JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
