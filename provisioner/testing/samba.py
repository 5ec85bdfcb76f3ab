"""A private Active Directory for tests and measurements, as Samba's domain controller speaks it.

It runs ``samba`` with nothing but LDAP, StartTLS and LDAPS on an address of loopback that no other server has, because
the ports of a domain controller are fixed. It has a container for accounts, and a service account with the delegated
rights that the LDAP plug-in asks for and no more::

    with Samba() as directory:
        print(directory.config)  # what stands in [targets.directory]

Nothing of it survives :meth:`Samba.stop`. A domain controller must run as root. The files are where Debian's packages
put them.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import attrs
import ldap3

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.testing.private import OPENSSL, Identity, PrivateDirectory, make_certificate, missing_of, run

SAMBA = "/usr/sbin/samba"
SAMBA_TOOL = "/usr/bin/samba-tool"

#: Where a domain controller speaks plain LDAP with StartTLS, and LDAPS.
PORTS = (389, 636)

#: What is used of each Debian package.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "samba-ad-dc": (SAMBA, SAMBA_TOOL),
    "samba-ad-provision": ("/usr/share/samba/setup/provision.ldif",),
    "openssl": (OPENSSL,),
}

#: Delegated on the container: to make and delete users, to read, write and delete them, and to reset their passwords;
#: to make containers; and to write who is in groups.
RIGHTS = (
    "(OA;CI;CCDC;{user};;{sid})"
    "(OA;CI;CC;{container};;{sid})"
    "(OA;CIIO;RPWPSDRCLCLO;;{user};{sid})"
    "(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;{user};{sid})"
    "(OA;CIIO;RPWP;bf9679c0-0de6-11d0-a285-00aa003049e2;{group};{sid})"
)

#: What the service account may do with its own entry: reset its password.
OWN_RIGHTS = "(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;PS)"

#: The classes ``user``, ``group`` and ``organizationalUnit`` in access rules.
USER_CLASS, GROUP_CLASS = "bf967aba-0de6-11d0-a285-00aa003049e2", "bf967a9c-0de6-11d0-a285-00aa003049e2"
CONTAINER_CLASS = "bf967aa5-0de6-11d0-a285-00aa003049e2"


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages, or the rights, without which no server can be started here."""
    return missing_of(PACKAGES) or (() if os.geteuid() == 0 else ("samba-ad-dc as root",))


@attrs.define(eq=False, kw_only=True)
class Samba(PrivateDirectory):
    """One private domain controller. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:

        policy: The password policy, by the attribute names of the head of the domain.
    """

    name: ClassVar[str] = "samba"
    spawns: ClassVar[bool] = True
    suffix: ClassVar[str] = "DC=directory,DC=test"
    #: The container of the accounts.
    base_dn: ClassVar[str] = f"OU=units,{suffix}"
    #: The service account.
    bind_dn: ClassVar[str] = f"CN=provisioner,CN=Users,{suffix}"
    login_attribute: ClassVar[str] = "sAMAccountName"
    #: The administrator of the domain.
    admin_dn: ClassVar[str] = f"CN=Administrator,CN=Users,{suffix}"

    policy: Mapping[str, str] = attrs.field(factory=dict)
    #: An address of loopback that no other server has.
    host: str = attrs.field(factory=lambda: f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(256)}.77", init=False)
    bind_password: Secret = attrs.field(factory=lambda: Secret(f"aB1-{secrets.token_urlsafe()}"), init=False)

    @property
    def url(self) -> str:
        """Where LDAP with StartTLS is spoken."""
        return f"ldap://{self.host}:{self.port}"

    @property
    def ldaps_url(self) -> str:
        """Where LDAPS is spoken."""
        return f"ldaps://{self.host}:{self.tls_port}"

    @property
    def config(self) -> dict[str, object]:
        """The settings of an LDAP target on this server."""
        return {
            **super().config,
            "rdn": "cn",
            "object_classes": ["user"],
            "attributes": {
                "sAMAccountName": "{login}",
                "userPrincipalName": "{mail}",
                "mail": "{mail}",
                "department": "{unit_name}",
                "displayName": "{holder_name}",
                "employeeNumber": "{holder_id}",
                "title": "{holder_title}",
            },
        }

    def kill(self) -> None:
        """End the server and the processes that it has started."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        super().kill()

    def client(self, dn: str, password: str) -> Any:
        """Return a connection that is open and encrypted, and on which nobody has logged in."""
        tls = ldap3.Tls(validate=ssl.CERT_NONE)  # ldap3 verifies with functions that Python has deprecated
        place = ldap3.Server(self.host, port=self.tls_port, use_ssl=True, tls=tls, get_info=ldap3.NONE)
        return ldap3.Connection(place, user=dn, password=password.encode())

    def _missing(self) -> Sequence[str]:
        return missing_packages()

    def _identity(self) -> Identity:
        return {}

    def _command(self) -> Sequence[str]:
        folder = self.folder
        options = {
            "server services": "ldap",
            "dcerpc endpoint servers": "",
            "log file": f"{folder}/log/%m",
            "pid directory": f"{folder}/run",
            "ncalrpc dir": f"{folder}/run/ncalrpc",
            "tls keyfile": f"{folder}/server.key",
            "tls certfile": f"{folder}/server.pem",
            "tls cafile": f"{folder}/server.pem",
        }
        given = [f"--option={name}={value}" for name, value in options.items()]
        return [SAMBA, "-F", "--no-process-group", "--debug-stdout", "-s", f"{folder}/etc/smb.conf", *given]

    def _prepare(self) -> None:
        super()._prepare()
        self.port, self.tls_port = PORTS
        for name in ("log", "run"):
            (self.folder / name).mkdir()
        make_certificate(self.folder / "server.pem", self.folder / "server.key", self.host)
        self.admin_password = self._provisioned()

    def _provisioned(self) -> Secret:
        """Make the domain. The tool itself draws the password of the administrator, so that it is in no argument."""
        domain = ["--realm=DIRECTORY.TEST", "--domain=DIRECTORY", "--server-role=dc"]
        command = [SAMBA_TOOL, "domain", "provision", *domain]
        place = ["--dns-backend=NONE", "--host-name=dc", f"--host-ip={self.host}", f"--targetdir={self.folder}"]
        options = [f"--option=interfaces={self.host}/8", "--option=bind interfaces only=yes"]
        done = subprocess.run([*command, *place, *options], capture_output=True, text=True, check=False)
        found = re.search(r"Admin password:\s+(\S+)", done.stdout + done.stderr)
        if done.returncode or not found:
            raise ConfigurationError("{command} failed: {output}", command=SAMBA_TOOL, output=done.stderr[-500:])
        return Secret(found[1])

    def _fill(self) -> None:
        """Make the first entries, as the administrator, and delegate the rights."""
        with self.client(self.admin_dn, self.admin_password.reveal()) as connection:
            _done(connection, connection.add(self.base_dn, ["organizationalUnit"]))
            service = {
                "sAMAccountName": "provisioner",
                "unicodePwd": f'"{self.bind_password.reveal()}"'.encode("utf-16-le"),
                "userAccountControl": "512",
            }
            _done(connection, connection.add(self.bind_dn, ["user"], service))
            connection.search(self.bind_dn, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
            sid = _sid_text(connection.response[0]["raw_attributes"]["objectSid"][0])
            changes = {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in self.policy.items()}
            if changes:
                _done(connection, connection.modify(self.suffix, changes))
        self._allow(self.base_dn, RIGHTS.format(user=USER_CLASS, group=GROUP_CLASS, container=CONTAINER_CLASS, sid=sid))
        self._allow(self.bind_dn, OWN_RIGHTS)

    def _allow(self, dn: str, rights: str) -> None:
        database = ["-H", str(self.folder / "private/sam.ldb"), "-s", str(self.folder / "etc/smb.conf")]
        run([SAMBA_TOOL, "dsacl", "set", *database, f"--objectdn={dn}", "--action=allow", f"--sddl={rights}"])


def _done(connection: Any, worked: bool) -> None:
    if not worked:
        raise ConfigurationError("{command} failed: {output}", command=SAMBA, output=str(connection.result))


def _sid_text(sid: bytes) -> str:
    """Return a security identifier as it is written."""
    parts = [int.from_bytes(sid[start : start + 4], "little") for start in range(8, len(sid), 4)]
    return "-".join(["S", str(sid[0]), str(int.from_bytes(sid[2:8])), *map(str, parts)])
