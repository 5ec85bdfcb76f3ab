"""What private servers for tests have in common: a temporary folder, ports on loopback, and one process."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import ClassVar, Self, TypedDict

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.testing.ports import free_ports, is_open

OPENSSL = "/usr/bin/openssl"

#: Who runs a server when the caller is root.
UNPRIVILEGED = "nobody"

#: How long a server may take to open its ports, in seconds.
PATIENCE = 60.0


class Identity(TypedDict, total=False):
    """Who a process runs as."""

    user: str
    group: int
    extra_groups: list[int]


@attrs.define(eq=False, kw_only=True)
class PrivateServer(ABC):
    """One private server. Use it as a context manager, or call :meth:`start` and :meth:`stop`."""

    #: What its folder is called.
    name: ClassVar[str]
    #: Whether it starts further processes, so that it needs a session of its own.
    spawns: ClassVar[bool] = False
    #: The address of loopback that it listens on.
    host: str = attrs.field(default="127.0.0.1", init=False)

    folder: Path = attrs.field(init=False)
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)
    _prepared: bool = attrs.field(default=False, init=False)
    _exit: ExitStack = attrs.field(factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it is ready; after :meth:`kill`, with the content it had.

        Raises:

            ConfigurationError: A Debian package is missing, or the server does not start.
        """
        fresh = not self._prepared
        try:
            if fresh:
                self._expect_packages()
                self.folder = Path(self._exit.enter_context(TemporaryDirectory(prefix=f"{self.name}-")))
                self._prepare()
                self._prepared = True
            self._run()
            if fresh:
                self._fill()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove all it had. May be called twice."""
        self.kill()
        self._exit.close()
        self._prepared = False

    def kill(self) -> None:
        """End the server at once, as a crash does. :meth:`start` brings it back on the same ports."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop it from answering, while its ports stay open."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it answer again."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    @abstractmethod
    def _missing(self) -> Sequence[str]:
        """Return the Debian packages without which it cannot be started here."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the folder holds before the server runs."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return what starts it in the foreground."""

    @abstractmethod
    def _ports(self) -> Sequence[int]:
        """Return the ports that it opens."""

    def _is_ready(self) -> bool:
        """Return whether it can be used."""
        return all(is_open(port, self.host) for port in self._ports())

    def _fill(self) -> None:  # noqa: B027 - most are filled before
        """Make the first entries that only the running server can make."""

    def _identity(self) -> Identity:
        """Return who runs it."""
        return identity()

    def _output(self) -> str:
        """Return what it has said so far."""
        return (self.folder / "output.log").read_text(encoding="utf-8", errors="replace").strip()

    def _expect_packages(self) -> None:
        if missing := self._missing():
            raise ConfigurationError(
                "a private {server} needs {packages}",
                cure="install it, for example with: apt-get install {packages}",
                server=self.name,
                packages=" ".join(missing),
            )

    def _run(self) -> None:
        with (self.folder / "output.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, start_new_session=self.spawns, **self._identity()
            )
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ConfigurationError(
                    "the private {server} does not start: {output}", server=self.name, output=self._output()
                )
            time.sleep(0.01)


@attrs.define(eq=False, kw_only=True)
class PrivateDirectory(PrivateServer):
    """A private LDAP server, with a container for accounts and a service account that may change them."""

    suffix: ClassVar[str] = "dc=directory,dc=test"
    #: The container of the accounts.
    base_dn: ClassVar[str] = f"ou=units,{suffix}"
    #: The service account.
    bind_dn: ClassVar[str] = f"cn=provisioner,{suffix}"
    #: The attribute that has the login of an account.
    login_attribute: ClassVar[str] = "uid"

    bind_password: Secret = attrs.field(factory=lambda: Secret(secrets.token_urlsafe()), init=False)
    #: The password of the server's administrator.
    admin_password: Secret = attrs.field(factory=lambda: Secret(secrets.token_urlsafe()), init=False)
    port: int = attrs.field(init=False)
    tls_port: int = attrs.field(init=False)

    @property
    def url(self) -> str:
        """Where plain LDAP and StartTLS are spoken."""
        return f"ldap://localhost:{self.port}"

    @property
    def ldaps_url(self) -> str:
        """Where LDAPS is spoken."""
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def ca_file(self) -> Path:
        """What the server's certificate is verified with."""
        return self.folder / "server.pem"

    @property
    def config(self) -> dict[str, object]:
        """The settings of an LDAP target on this server."""
        return {
            "urls": [self.ldaps_url],
            "ca_file": str(self.ca_file),
            "bind_dn": self.bind_dn,
            "bind_password": f"file:{self.folder / 'bind.password'}",
            "base_dn": self.base_dn,
        }

    def _ports(self) -> Sequence[int]:
        return self.port, self.tls_port

    def _prepare(self) -> None:
        self.port, self.tls_port = free_ports(2)
        (self.folder / "bind.password").touch(mode=0o600)
        (self.folder / "bind.password").write_text(self.bind_password.reveal(), encoding="utf-8")


def missing_of(packages: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the packages of which a file is missing."""
    return tuple(name for name, files in packages.items() if not all(Path(file).exists() for file in files))


def make_certificate(certificate: Path, key: Path, host: str = "127.0.0.1") -> None:
    """Make a certificate for ``localhost`` and an address that signs itself, good for a week."""
    names = f"subjectAltName=DNS:localhost,IP:{host}"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=localhost", "-addext", names, "-days", "7"]
    run([OPENSSL, "req", "-x509", *curve, *subject, "-out", str(certificate), "-keyout", str(key)])


def run(command: Sequence[str], stdin: str = "", who: Identity | None = None) -> None:
    """Run a program to its end.

    Raises:

        ConfigurationError: It fails.
    """
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, **(who or {}))
    if done.returncode:
        raise ConfigurationError("{command} failed: {output}", command=command[0], output=done.stderr.strip())


def identity() -> Identity:
    """Give root's rights up, if we have them."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}


def give_away(folder: Path) -> None:
    """Give a folder and all in it to who runs the server."""
    if who := identity():
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, who["user"], who["group"])
