"""A province as its administrators have it: a folder with a configuration, and the command line, run as a program."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import attrs
import ldap3

from provisioner.core.model import Person
from provisioner.manifest import read_persons
from provisioner.testing.slapd import Slapd

EXAMPLE = Path(__file__).parents[2] / "examples" / "kahramanmaras"
UNITS = EXAMPLE / "units.csv"
PERSONS = EXAMPLE / "persons.csv"

#: Where a message has the password.
PASSWORD = re.compile(r"parolaniz: (\S+) -")


def rows(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def persons() -> Sequence[Person]:
    """The province's staff."""
    return list(read_persons(PERSONS).items)


def password_in(text: str) -> str:
    """The password in a message."""
    found = PASSWORD.search(text)
    assert found, f"no password in a message of {len(text)} characters"
    return found[1]


def toml(table: Mapping[str, Any], *path: str) -> Iterator[str]:
    """A table as lines of TOML."""
    if path:
        yield f"[{'.'.join(path)}]"
    yield from (f"{key} = {inline(value)}" for key, value in table.items() if not isinstance(value, Mapping))
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from toml(value, *path, key)


def inline(value: Any) -> str:
    """A value as TOML writes it in one line: tables in lists with "=", and everything else as JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


@attrs.frozen(kw_only=True)
class Run:
    """One command that ended."""

    code: int
    stdout: str
    stderr: str

    @cached_property
    def document(self) -> dict[str, Any]:
        """The JSON document it printed."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


@attrs.frozen(kw_only=True, slots=False)
class Province:
    """A folder with a configuration.

    Args:

        folder: Where the configuration and the store are.

        targets: The tables of the targets.

        channel: The table of the channel.

        more: Further tables of the configuration.
    """

    folder: Path
    targets: Mapping[str, Mapping[str, Any]]
    channel: Mapping[str, Any]
    more: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        table = {
            "store": "store.sqlite",
            "accounts": {"domain": "meb.gov.tr", "plate_code": "46"},
            "targets": self.targets,
            "channels": {"sms": self.channel},
            "notices": {"quiet_hours": ""},  # a test may run at any hour
            **self.more,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "provisioner.toml").write_text("\n".join(toml(table)), encoding="utf-8")

    @property
    def store(self) -> Path:
        """The file of the store."""
        return self.folder / "store.sqlite"

    @cached_property
    def numbers(self) -> dict[str, str]:
        """The mobile number of each account's custodian, by login."""
        mobiles = {row["id"]: row["mobile"] for row in rows(PERSONS)}
        return {row["login"]: mobiles[row["custodian"]] for row in rows(UNITS)}

    def command(self, *arguments: str) -> list[str]:
        """The command line of a command of the product."""
        return [sys.executable, "-m", "provisioner", *arguments]

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command in the folder."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command(*arguments), cwd=self.folder, text=True, **pipes | options)

    def run(self, *arguments: str) -> Run:
        """Run a command in the folder to its end."""
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=120)
        return Run(code=process.returncode, stdout=stdout, stderr=stderr)


@attrs.frozen
class Entrance:
    """Where one person after the other logs in at a directory, over one connection."""

    _directory: Slapd
    _connection: Any

    @classmethod
    @contextmanager
    def to(cls, directory: Slapd) -> Iterator[Self]:
        """Be open for the length of the block."""
        server = ldap3.Server(directory.url, get_info=ldap3.NONE, connect_timeout=60)
        connection = ldap3.Connection(server, client_strategy=ldap3.SAFE_SYNC, receive_timeout=60)
        connection.open()
        try:
            yield cls(directory, connection)
        finally:
            connection.unbind()

    def logs_in(self, login: str, password: str) -> bool:
        """Whether the password logs in."""
        self._connection.user = f"uid={login},{self._directory.base_dn}"
        self._connection.password, self._connection.authentication = password, ldap3.SIMPLE
        return bool(self._connection.bind()[0])

    def holder(self, login: str) -> str:
        """Return whom the entry of an account names as its holder."""
        self._become_administrator()
        dn = f"uid={login},{self._directory.base_dn}"
        _, _, [entry], _ = self._connection.search(dn, "(uid=*)", ldap3.BASE, attributes=["employeeNumber"])
        return str(entry["raw_attributes"]["employeeNumber"][0], "utf-8")

    def clear(self) -> None:
        """Remove every account from the directory."""
        self._become_administrator()
        _, _, entries, _ = self._connection.search(self._directory.base_dn, "(uid=*)", ldap3.LEVEL)
        for entry in entries:
            assert self._connection.delete(entry["dn"])[0]

    def _become_administrator(self) -> None:
        self._connection.user = self._directory.admin_dn
        self._connection.password = self._directory.admin_password.reveal()
        self._connection.authentication = ldap3.SIMPLE
        assert self._connection.bind()[0]
