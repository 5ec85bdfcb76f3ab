"""An office with a configuration, a store, and systems in memory that fail on demand; and a way to type commands."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from shutil import copy
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from provisioner import hookimpl
from provisioner.cli.root import root
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.gateways import plugins
from provisioner.core.gateways.gateway import PluginOrigin
from provisioner.core.model import Operation, Person, Unit
from provisioner.store import Store
from provisioner.testing.faults import FaultChannel, Faults, FaultTarget
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.planted import plant

CONFIG = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
plate_code = "46"
[notices]
quiet_hours = ""
[targets.posta]
plugin = "faulty"
[targets.pys]
plugin = "faulty"
[channels.sms]
plugin = "faulty"
"""

PERSONS = [
    Person(id="1001", name="Ayşe Işık", unit="il-mem", title="Şef", mobile="+905321234567"),
    Person(id="1002", name="İsmail Çağlar", unit="ar-ge", mobile="+905337654321"),
    Person(id="1003", name="Gül Öz", unit="istatistik", mobile=None),
]
UNITS = [
    Unit(code="il-mem", name="İl Millî Eğitim Müdürlüğü", kind="province", login="kmarasmem", custodian="1001"),
    Unit(code="ar-ge", name="AR-GE Birimi", kind="office", parent="il-mem", login="arge46", custodian="1002"),
    Unit(code="istatistik", name="İstatistik", kind="office", parent="ar-ge", login="istatistik46", custodian="1002"),
]

#: Many units, and a configuration with which they are opened one after the other, for what happens in the middle.
MANY_UNITS = [
    Unit(code=f"u{number}", name=f"Birim {number}", kind="office", login=f"birim{number}", custodian="1001")
    for number in range(25)
]

ONE_BY_ONE = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
[targets.directory]
plugin = "local"
database = "directory.sqlite"
parallel = 1
[channels.sms]
plugin = "memory"
"""


@attrs.frozen(kw_only=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def states(self) -> dict[str, str]:
        """The state of each operation in the document, by login."""
        return {one["login"]: one["state"] for one in self.json["operations"]}


Type = Callable[..., Answer]


def typed(*args: object, env: dict[str, str | None] | None = None, stdin: bytes | None = None) -> Answer:
    """Run a command line in this process."""
    environment = {"LANG": "C.UTF-8", "LC_ALL": None, "LC_MESSAGES": None, "PROVISIONER_CONFIG": None, **(env or {})}
    result = CliRunner().invoke(root, [str(arg) for arg in args], env=environment, input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Answer(code=result.exit_code, out=result.stdout, err=result.stderr)


@attrs.define(eq=False)
class FaultyPlugin:
    """Makes targets and channels in memory, which outlive the command."""

    targets: dict[str, MemoryTarget] = attrs.field(factory=dict)
    channels: dict[str, MemoryChannel] = attrs.field(factory=dict)
    faults: dict[str, Faults] = attrs.field(factory=dict)
    #: The hooks that a target or channel lacks, by its name.
    lacking: dict[str, tuple[str, ...]] = attrs.field(factory=dict)

    @hookimpl
    def provisioner_register(self, settings: PluginSettings, register: Registrar) -> None:
        for section in settings.targets:
            target = self.targets.setdefault(section.name, MemoryTarget())
            faults = self.faults.setdefault(section.name, Faults())
            register.target(section.name, self._class(section.name, FaultTarget)(target, faults))
        for section in settings.channels:
            channel = self.channels.setdefault(section.name, MemoryChannel())
            faults = self.faults.setdefault(section.name, Faults())
            register.channel(section.name, self._class(section.name, FaultChannel)(channel, faults))

    def _class(self, name: str, base: type) -> type:
        return type(base.__name__, (base,), dict.fromkeys(self.lacking.get(name, ())))


@attrs.define(eq=False, kw_only=True)
class Office:
    """A configured folder."""

    config: Path
    plugin: FaultyPlugin

    def type(self, *args: object, **more: Any) -> Answer:
        """Run a command in this office."""
        return typed("--config", self.config, *args, **more)

    def open(self) -> Store:
        """Open the store."""
        return Store.open(f"sqlite:///{self.config.parent / 'provisioner.sqlite'}")

    def states(self) -> dict[str, str]:
        """Return the state of every account, by login."""
        with self.open() as store:
            return {account.login: account.state.value for account in store.accounts.find()}

    def operations(self) -> list[Operation]:
        """Return every operation, the latest first."""
        with self.open() as store:
            return list(store.operations.find())

    def units(self) -> set[str]:
        """Return the codes of all units."""
        with self.open() as store:
            return {unit.code for unit in store.units.all()}

    def faults(self, name: str) -> Faults:
        """Return what fails on one target or channel."""
        return self.plugin.faults.setdefault(name, Faults())

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file beside the configuration."""
        path = self.config.parent / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


@attrs.frozen
class FaultyEntryPoint:
    """Stands for an installed plug-in."""

    plugin: object
    module: str = "faulty"
    name: str = "faulty"

    def load(self) -> object:
        return self.plugin


@pytest.fixture(autouse=True)
def _hang_up_restored() -> Iterator[None]:
    """A program that was asked to stop ignores SIGHUP from then on; the tests of others share its process."""
    former = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, former)


@pytest.fixture(name="plugin")
def _plugin(monkeypatch: pytest.MonkeyPatch) -> FaultyPlugin:
    """Install the plug-in ``faulty``."""
    plugin = FaultyPlugin()
    real = plugins.find_entry_point

    def find(name: str) -> tuple[EntryPoint | FaultyEntryPoint, PluginOrigin]:
        if name == "faulty":
            return FaultyEntryPoint(plugin), PluginOrigin(plugin="faulty", distribution="tests", version="0")
        return real(name)

    monkeypatch.setattr(plugins, "find_entry_point", find)
    return plugin


@pytest.fixture(name="stores", scope="session")
def _stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an empty store and a filled one; to make them takes longer than to copy them."""
    folder = tmp_path_factory.mktemp("stores")
    Store.create(f"sqlite:///{folder / 'bare.sqlite'}").close()
    copy(folder / "bare.sqlite", folder / "filled.sqlite")
    plant(f"sqlite:///{folder / 'filled.sqlite'}", *UNITS, *PERSONS)
    return folder


@pytest.fixture(name="bare_office")
def _bare_office(tmp_path: Path, plugin: FaultyPlugin, stores: Path) -> Office:
    """Return an office with an empty store."""
    config = tmp_path / "provisioner.toml"
    config.write_text(CONFIG)
    copy(stores / "bare.sqlite", tmp_path / "provisioner.sqlite")
    return Office(config=config, plugin=plugin)


@pytest.fixture(name="office")
def _office(bare_office: Office, stores: Path) -> Office:
    """Return an office that knows its units and people."""
    copy(stores / "filled.sqlite", bare_office.config.parent / "provisioner.sqlite")
    return bare_office
