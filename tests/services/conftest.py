"""A configuration and a store, without a command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner import Person, Unit, hookimpl
from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.events import Event
from provisioner.core.api.messages import CreateAccount, Receipt, RenameAccount
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.store import Store
from provisioner.testing.memory import MemoryTarget
from tests.console_office import Office, opened

CONFIG = """\
[accounts]
domain = "meb.gov.tr"
plate_code = "46"
[targets.directory]
plugin = "local"
database = "directory.sqlite"
[channels.sms]
plugin = "memory"
[authority]
administrators = ["9000"]
"""

PERSONS = [
    Person(id="9000", name="Yönetici", unit="il-mem", mobile="+905321234560"),
    Person(id="1001", name="Ayşe Işık", unit="il-mem", mobile="+905321234567"),
    Person(id="1002", name="İsmail Çağlar", unit="ar-ge", mobile="+905337654321", supervisor="1001"),
    Person(id="1003", name="Gül Öz", unit="ar-ge", mobile="+905337654322", supervisor="1001"),
]
UNITS = [
    Unit(code="il-mem", name="İl Millî Eğitim Müdürlüğü", kind="province", login="kmarasmem", custodian="1001"),
    Unit(code="ar-ge", name="AR-GE Birimi", kind="office", parent="il-mem", login="arge46", custodian="1002"),
]


@attrs.define(eq=False)
class Observer:
    """Remembers what happened."""

    seen: list[Event] = attrs.field(factory=list)

    @hookimpl
    def operation_event(self, event: Event) -> None:
        self.seen.append(event)


@attrs.define(eq=False)
class NamedContainers(MemoryTarget):
    """Notes the name of the unit above each account, as if it were that of its container."""

    above: dict[str, str] = attrs.field(factory=dict)

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        self._note(request)
        return super().account_create(request)

    @hookimpl
    def account_rename(self, request: RenameAccount) -> Receipt:
        self._note(request)
        return super().account_rename(request)

    def entitlements(self, login: str) -> set[str]:
        """Return the entitlements of an account."""
        return set(self._entries[login].entitlements)

    def _note(self, request: CreateAccount | RenameAccount) -> None:
        self.above[request.account.login] = request.parent.name if request.parent else ""


@pytest.fixture(name="office_config")
def _office_config(tmp_path: Path) -> LoadedConfiguration:
    file = tmp_path / "provisioner.toml"
    file.write_text(CONFIG)
    Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}").close()
    return load(file)


@pytest.fixture(name="app")
def _app(office_config: LoadedConfiguration) -> Iterator[Application]:
    with application(office_config) as app:
        app.store.persons.save(PERSONS)
        app.store.units.save(UNITS)
        yield app


@pytest.fixture(name="observer")
def _observer(app: Application) -> Observer:
    observer = Observer()
    app.plugins.add("test:observer", observer)
    return observer


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path) as office:
        yield office
