"""Everything the story needs: a folder, real services on loopback, a configuration, and the product joined to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from provisioner import files
from provisioner.config.load import load
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.days import utc_now
from provisioner.core.model.text import Text
from provisioner.demo.doors import DemoClient, DirectoryDoor, Door, LocalDoor, Phones, PysDoor
from provisioner.demo.examples import example
from provisioner.demo.intruders import DirectoryIntruder, FileIntruder, LdapIntruder, PysIntruder
from provisioner.demo.services import DemoService, running
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.store import Store
from provisioner.testing.slapd import Slapd

#: The file of the phones: the one place where passwords may be.
PHONES = "phones.sqlite"

CONFIG_FILE = "provisioner.toml"

CONFIG = """\
store = "store.sqlite"
language = "{language}"

[accounts]
domain = "meb.gov.tr"
plate_code = "46"

[authority]
administrators = ["demo"]

# The demonstration sends warnings at whatever hour it runs.
[notices]
quiet_hours = ""

# Branches are renewed by the product; everybody else has to ask for it within the month.
[rules.renewal]
rule = "renew-or-close"

[rules.branches]
rule = "auto-rotate"
kinds = ["branch"]

[targets.directory]
{directory}

[targets.pys]
plugin = "pys"
url = "{pys.url}"
api_key = "file:{pys.key_file.name}"

[channels.sms]
plugin = "sms"
gateway = "simulator"
help_desk = "705 53 53"

[channels.sms.simulator]
url = "{phones.url}"
api_key = "file:{phones.key_file.name}"
"""


@attrs.define
class MovingClock:
    """The clock of this machine, put forward."""

    _ahead: timedelta = attrs.field(factory=timedelta, init=False)

    def __call__(self) -> datetime:
        """Return the time of the story, in UTC."""
        return utc_now() + self._ahead

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._ahead += by


@attrs.frozen(kw_only=True)
class DemoDirectory:
    """Where accounts are: a real server, or a file in its place."""

    name: str
    server: Slapd | None
    #: The file, if it is no server.
    file: Path
    #: Why it is no server, if it is none.
    reason: Text | None = None

    @property
    def table(self) -> Mapping[str, object]:
        """What the configuration says of it."""
        if self.server is None:
            return {"plugin": "local", "database": self.file.name}
        return {"plugin": "ldap", **self.server.config}

    @property
    def door(self) -> Door:
        """Where its passwords log in."""
        return DirectoryDoor(self.server) if self.server else LocalDoor(self.file)

    @property
    def intruder(self) -> DirectoryIntruder:
        """Who changes it past the product."""
        return LdapIntruder(self.server) if self.server else FileIntruder(self.file)


@attrs.define(eq=False, kw_only=True)
class Stage:
    """What the chapters work with."""

    folder: Path
    directory: DemoDirectory
    #: The system that is added later.
    archive: DemoDirectory
    pys: DemoService
    sms: DemoService
    phones: Phones
    #: Who changes the personnel system past the product.
    pys_intruder: PysIntruder
    #: Where a password opens something, by the target's name.
    doors: dict[str, Door]
    clock: MovingClock
    _product: ExitStack
    app: Application = attrs.field(init=False)

    def start(self) -> None:
        """Start the product with its configuration, once more if it runs."""
        self._product.close()
        self.app = self._product.enter_context(application(load(self.folder / CONFIG_FILE), now=self.clock))

    def add_archive(self) -> None:
        """Add the archive to the configuration; accounts join it at the next repair."""
        table = _toml({**self.archive.table, "join": "now"})
        files.append(self.folder / CONFIG_FILE, f"\n[targets.{self.archive.name}]\n{table}\n")
        self.doors[self.archive.name] = self.archive.door
        self.start()


@contextmanager
def folder_for(keep: Path | None) -> Iterator[Path]:
    """Yield the folder to work in: *keep*, which must be empty, or one that is removed in the end.

    Raises:

        ConfigurationError: There is something in *keep*.
    """
    if keep is None:
        with TemporaryDirectory(prefix="provisioner-demo-") as folder:
            yield Path(folder)
        return
    files.make_folder(keep)
    if any(keep.iterdir()):
        raise ConfigurationError("{folder} is not empty", cure="name another folder", folder=keep)
    yield keep.absolute()


@contextmanager
def stage_in(folder: Path, language: str) -> Iterator[Stage]:
    """Start the services and join the product to them, until the end of the block.

    Args:

        folder: Where all files go, as an absolute path.

        language: The language of the messages to the phones.

    Raises:

        ConfigurationError: A service does not start.
    """
    with ExitStack() as stack:
        directory, archive = (_start_directory(stack, folder, name) for name in ("directory", "archive"))
        pys, sms = _personnel_system(folder), _phone_network(folder)
        config = folder / CONFIG_FILE
        files.write(config, CONFIG.format(language=language, directory=_toml(directory.table), pys=pys, phones=sms))
        Store.create(load(config).store_url).close()
        stack.enter_context(running([pys, sms], config))
        client = stack.enter_context(DemoClient.connected(pys))
        stage = Stage(
            folder=folder,
            directory=directory,
            archive=archive,
            pys=pys,
            sms=sms,
            phones=Phones(stack.enter_context(DemoClient.connected(sms))),
            pys_intruder=PysIntruder(client),
            doors={"directory": directory.door, "pys": PysDoor(client)},
            clock=MovingClock(),
            product=stack.enter_context(ExitStack()),
        )
        stage.start()
        yield stage


def _start_directory(stack: ExitStack, folder: Path, name: str) -> DemoDirectory:
    file = folder / f"{name}.sqlite"
    try:
        return DemoDirectory(name=name, server=stack.enter_context(Slapd()), file=file)
    except ConfigurationError as error:
        return DemoDirectory(name=name, server=None, file=file, reason=error.text)


def _personnel_system(folder: Path) -> DemoService:
    """Return a PYS that knows the province's units and staff."""
    seeds = [option for name in ("units.csv", "persons.csv") for option in ("--seed", str(example(name)))]
    command = ("pys-mock", "serve", "--database", str(folder / "pys.sqlite"), *seeds)
    return DemoService(name="pys", command=command, folder=folder)


def _phone_network(folder: Path) -> DemoService:
    command = ("sms-simulator", "serve", "--database", str(folder / PHONES))
    return DemoService(name="phones", command=command, folder=folder)


def _toml(table: Mapping[str, object]) -> str:
    """Return texts and lists of texts as TOML, in which they are written as in JSON."""
    return "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())
