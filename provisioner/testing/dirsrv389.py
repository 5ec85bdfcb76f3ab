"""A private 389 Directory Server for tests and measurements.

It runs ``ns-slapd`` on loopback from a temporary folder, with StartTLS and LDAPS, a container for accounts, and a
service account that has the rights the LDAP plug-in asks for and no more::

    with NsSlapd() as directory:
        print(directory.config)  # what stands in [targets.directory]

Nothing of it survives :meth:`NsSlapd.stop`. The files are where Debian's package ``389-ds-base`` puts them. The
server never runs as root: as root it would take the right to write to ``/dev/null`` from everybody else.
"""

from __future__ import annotations

import secrets
import shutil
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha512
from pathlib import Path
from typing import Any, ClassVar

import attrs
import ldap3

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.testing.private import (
    OPENSSL,
    PrivateDirectory,
    give_away,
    identity,
    make_certificate,
    missing_of,
    run,
)

NS_SLAPD = "/usr/sbin/ns-slapd"
CERTUTIL = "/usr/bin/certutil"
PK12UTIL = "/usr/bin/pk12util"
TEMPLATES = Path("/usr/share/dirsrv/data")

#: What is used of each Debian package.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "389-ds-base": (NS_SLAPD, str(TEMPLATES / "template-dse.ldif")),
    "libnss3-tools": (CERTUTIL, PK12UTIL),
    "openssl": (OPENSSL,),
}

#: The templates that make up a configuration.
CONFIGURATION = ("template-dse.ldif", "template-suffix-db.ldif")

#: The folders of a server, by what its configuration calls them.
FOLDERS = ("lock", "tmp", "cert", "ldif", "bak", "run", "inst", "log", "config", "db", "db_home")

NETWORK = """\
nsslapd-listenhost: 127.0.0.1
nsslapd-securelistenhost: 127.0.0.1
nsslapd-security: on
nsslapd-securePort: {tls_port}
nsslapd-allow-hashed-passwords: {hashed}
nsslapd-dynamic-plugins: on
"""

#: What the service account may do.
RIGHTS: Mapping[str, str] = {
    "accounts": '(targetattr="*")(version 3.0; acl "provisioner"; allow (all) userdn="ldap:///{bind_dn}";)',
    "config": '(targetattr="objectClass || passwordCheckSyntax || passwordMinLength || passwordMinAge || passwordMaxAge'
    ' || passwordExp || passwordAdminDN || nsslapd-allow-hashed-passwords")'
    '(version 3.0; acl "provisioner"; allow (read, search, compare) userdn="ldap:///{bind_dn}";)',
    "own": '(targetattr="userPassword")(version 3.0; acl "own password"; allow (write) userdn="ldap:///self";)',
    "users": '(targetattr!="userPassword")(version 3.0; acl "users"; allow (read, search, compare) userdn="ldap:///all";)',
}


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no server can be started here."""
    return missing_of(PACKAGES)


@attrs.define(eq=False, kw_only=True)
class NsSlapd(PrivateDirectory):
    """One private server. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:

        policy: The password policy, by the attribute names of ``cn=config``. By default it has no rules.

        hashed: Whether an administrator's client may set a password that is hashed already.
    """

    name: ClassVar[str] = "dirsrv389"
    #: The server's administrator, whom no access rule and no policy binds.
    admin_dn: ClassVar[str] = "cn=Directory Manager"

    policy: Mapping[str, str] = attrs.field(factory=dict)
    hashed: bool = True

    def _missing(self) -> Sequence[str]:
        return missing_packages()

    def _command(self) -> Sequence[str]:
        return [NS_SLAPD, "-D", str(self.folder / "config"), "-i", str(self.folder / "run/pid"), "-d", "0"]

    def _output(self) -> str:
        return (self.folder / "log/errors").read_text(encoding="utf-8", errors="replace").strip()

    def _prepare(self) -> None:
        super()._prepare()
        for name in FOLDERS:
            (self.folder / name).mkdir()
        shutil.copytree("/etc/dirsrv/config", self.folder / "config", dirs_exist_ok=True)
        shutil.copytree("/etc/dirsrv/schema", self.folder / "config/schema")
        (self.folder / "config/dse.ldif").write_text(self._configuration(), encoding="utf-8")
        self._keep_certificate()
        give_away(self.folder)

    def _configuration(self) -> str:
        """Return the package's own templates, filled, with our network settings behind the port."""
        places = {
            **{f"{name}_dir": str(self.folder / name) for name in FOLDERS},
            "schema_dir": str(self.folder / "config/schema"),
            "fqdn": "localhost",
            "ds_port": str(self.port),
            "ds_user": str(identity().get("user", "")),
            "rootdn": self.admin_dn,
            "ds_passwd": _hashed(self.admin_password),
            "ldapi": str(self.folder / "run/ldapi"),
            "ldapi_enabled": "off",
            "ldapi_autobind": "off",
            "db_lib": "bdb",
            "ds_suffix": self.suffix,
            "ds_bename": "userRoot",
        }
        text = "\n\n".join((TEMPLATES / name).read_text(encoding="utf-8").strip() for name in CONFIGURATION) + "\n"
        for place, value in places.items():
            text = text.replace(f"%{place}%", value)
        network = NETWORK.format(tls_port=self.tls_port, hashed="on" if self.hashed else "off")
        return text.replace(f"nsslapd-port: {self.port}\n", f"nsslapd-port: {self.port}\n{network}", 1)

    def _keep_certificate(self) -> None:
        """Put a certificate where the server looks for it: in a database of NSS."""
        make_certificate(self.folder / "server.pem", self.folder / "server.key")
        files = ["-in", str(self.folder / "server.pem"), "-inkey", str(self.folder / "server.key")]
        bundle, database = str(self.folder / "server.p12"), str(self.folder / "cert")
        run([OPENSSL, "pkcs12", "-export", "-name", "Server-Cert", *files, "-out", bundle, "-passout", "pass:"])
        run([CERTUTIL, "-N", "-d", database, "--empty-password"])
        run([PK12UTIL, "-i", bundle, "-d", database, "-W", ""])

    def _fill(self) -> None:
        """Make the first entries, as the administrator."""
        server = ldap3.Server("127.0.0.1", port=self.port, get_info=ldap3.NONE)
        with ldap3.Connection(server, user=self.admin_dn, password=self.admin_password.reveal()) as connection:
            rights = {name: text.format(bind_dn=self.bind_dn) for name, text in RIGHTS.items()}
            entries: Mapping[str, Mapping[str, object]] = {
                self.suffix: {"objectClass": "domain", "aci": rights["users"]},
                self.base_dn: {"objectClass": "organizationalUnit", "aci": rights["accounts"]},
                self.bind_dn: {
                    "objectClass": ["organizationalRole", "simpleSecurityObject"],
                    "userPassword": self.bind_password.reveal(),
                    "aci": rights["own"],
                },
            }
            for dn, attributes in entries.items():
                _done(connection, connection.add(dn, attributes=attributes))
            changes = {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in self.policy.items()}
            changes["aci"] = [(ldap3.MODIFY_ADD, [rights["config"]])]
            _done(connection, connection.modify("cn=config", changes))


def _done(connection: Any, worked: bool) -> None:
    if not worked:
        raise ConfigurationError("{command} failed: {output}", command=NS_SLAPD, output=str(connection.result))


def _hashed(password: Secret) -> str:
    salt = secrets.token_bytes(8)
    return "{SSHA512}" + b64encode(sha512(password.reveal().encode() + salt).digest() + salt).decode()
