"""A private OpenLDAP server for tests, demonstrations and measurements.

It runs ``slapd`` on loopback from a temporary folder, with the password policy overlay, StartTLS and LDAPS, a
container for accounts, and a service account that has the rights the LDAP plug-in asks for and no more::

    with Slapd() as directory:
        print(directory.config)  # what stands in [targets.directory]

Nothing of it survives :meth:`Slapd.stop`. The files are where Debian's packages put them; if AppArmor confines
``slapd`` to its usual folders, lift that profile first.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import ClassVar, Self, TypedDict

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.testing.ports import free_ports, is_open

SLAPD = "/usr/sbin/slapd"
SLAPADD = "/usr/sbin/slapadd"
OPENSSL = "/usr/bin/openssl"

#: What is used of each Debian package.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "slapd": (SLAPD, SLAPADD, "/usr/lib/ldap/ppolicy.so", "/etc/ldap/schema/inetorgperson.ldif"),
    "openssl": (OPENSSL,),
}

#: Who runs the server when the caller is root.
UNPRIVILEGED = "nobody"

#: How long the server may take to open its ports, in seconds.
PATIENCE = 20.0

CONFIG = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcLogLevel: none
olcSizeLimit: unlimited
olcTimeLimit: unlimited
olcTLSCACertificateFile: {folder}/server.pem
olcTLSCertificateFile: {folder}/server.pem
olcTLSCertificateKeyFile: {folder}/server.key

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: argon2
{modules}

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend
olcPasswordHash: {password_hash}

dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: {suffix}
olcRootDN: {admin_dn}
olcRootPW: {admin_password}
olcDbDirectory: {folder}/data
olcDbMaxSize: 8589934592
olcDbNoSync: {no_sync}
olcReadOnly: {read_only}
olcDbIndex: objectClass eq
olcDbIndex: uid eq
{restrictions}
olcAccess: to attrs=userPassword by dn.exact="{bind_dn}" write by anonymous auth by * none
olcAccess: to dn.subtree="{base_dn}" by dn.exact="{bind_dn}" write by users read by * none
olcAccess: to * by users read by * none
{replica}
"""

PPOLICY = """
dn: olcOverlay=ppolicy,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: ppolicy
olcPPolicyDefault: {policy_dn}
olcPPolicyUseLockout: TRUE
"""

SYNCPROV = """
dn: olcOverlay=syncprov,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: syncprov
"""

REPLICA = """\
olcSyncrepl: rid=001 provider=ldap://127.0.0.1:{port} searchbase="{suffix}" type=refreshAndPersist retry="1 +"
  bindmethod=simple binddn="{admin_dn}" credentials="{admin_password}"
olcUpdateRef: {url}
"""

CONTENT = """\
dn: {suffix}
objectClass: dcObject
objectClass: organization
dc: directory
o: directory

dn: {base_dn}
objectClass: organizationalUnit
ou: units

dn: {bind_dn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: provisioner
userPassword: {bind_password}

dn: {policy_dn}
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
{policy}
"""


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no server can be started here."""
    return tuple(name for name, files in PACKAGES.items() if not all(Path(file).exists() for file in files))


@attrs.define(eq=False, kw_only=True)
class Slapd:
    """One private server. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:

        policy: The default password policy, by the attribute names of ``pwdPolicy`` in ``slapo-ppolicy(5)``. By
            default it has no rules.

        password_hash: How the server hashes passwords, for example ``{ARGON2}``.

        sync: Whether each change is on the disk before it is answered, as in production.

        ppolicy: Whether it has the password policy overlay, and knows its attributes.

        hidden: Attributes that only the administrator may read.

        untouchable: Logins whose entries the service account may neither make nor change.

        read_only: Whether it takes no changes.

        replicated: Whether others may be replicas of it.

        provider: The server that this one is a replica of. A replica takes no changes; it refers them to its provider.

        provider_port: Where it asks its provider, if not at the provider's own port: that of a proxy which can
            interrupt the replication.
    """

    suffix: ClassVar[str] = "dc=directory,dc=test"
    #: The container of the accounts.
    base_dn: ClassVar[str] = f"ou=units,{suffix}"
    #: The service account.
    bind_dn: ClassVar[str] = f"cn=provisioner,{suffix}"
    #: The server's administrator, whom no access rule and no policy binds.
    admin_dn: ClassVar[str] = f"cn=admin,{suffix}"
    #: The default password policy.
    policy_dn: ClassVar[str] = f"cn=policy,{suffix}"

    policy: Mapping[str, str] = attrs.field(factory=dict)
    password_hash: str = "{SSHA}"  # noqa: S105 - the name of a scheme
    sync: bool = False
    ppolicy: bool = True
    hidden: Sequence[str] = ()
    untouchable: Sequence[str] = ()
    read_only: bool = False
    replicated: bool = False
    provider: Slapd | None = None
    provider_port: int | None = None
    bind_password: Secret = attrs.field(init=False)
    admin_password: Secret = attrs.field(factory=lambda: Secret(secrets.token_urlsafe()), init=False)
    folder: Path = attrs.field(init=False)
    port: int = attrs.field(init=False)
    tls_port: int = attrs.field(init=False)
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)
    _prepared: bool = attrs.field(default=False, init=False)
    _exit: ExitStack = attrs.field(factory=ExitStack, init=False)

    @bind_password.default
    def _bind_password(self) -> Secret:
        return self.provider.bind_password if self.provider else Secret(secrets.token_urlsafe())

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
            "policy_dn": self.policy_dn,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until its ports are open; after :meth:`kill`, with the content it had.

        Raises:

            ConfigurationError: A Debian package is missing, or the server does not start.
        """
        try:
            if not self._prepared:
                self._prepare()
            self._run()
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

    def _run(self) -> None:
        listen = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "slapd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [SLAPD, "-d0", "-F", str(self.folder / "config"), "-h", listen], stdout=log, stderr=log, **_identity()
            )
        self._wait()

    def _prepare(self) -> None:
        """Make the folder with the certificate, the configuration and the first entries."""
        if missing := missing_packages():
            raise ConfigurationError(
                "a private directory needs {packages}",
                cure="install it, for example with: apt-get install {packages}",
                packages=" ".join(missing),
            )
        self.folder = Path(self._exit.enter_context(TemporaryDirectory(prefix="slapd-")))
        self.port, self.tls_port = free_ports(2)
        (self.folder / "bind.password").touch(mode=0o600)
        (self.folder / "bind.password").write_text(self.bind_password.reveal(), encoding="utf-8")
        (self.folder / "data").mkdir()
        (self.folder / "config").mkdir()
        make_certificate(self.folder / "server.pem", self.folder / "server.key")
        _give_away(self.folder)
        self._load("-n0", "".join([CONFIG, PPOLICY if self.ppolicy else "", SYNCPROV if self.replicated else ""]))
        if not self.provider:
            self._load("-n1", CONTENT if self.ppolicy else CONTENT.partition("dn: {policy_dn}")[0])
        self._prepared = True

    def _load(self, database: str, template: str) -> None:
        ldif = template.format(
            folder=self.folder,
            suffix=self.suffix,
            base_dn=self.base_dn,
            bind_dn=self.bind_dn,
            bind_password=self.bind_password.reveal(),
            admin_dn=self.admin_dn,
            admin_password=self.admin_password.reveal(),
            policy_dn=self.policy_dn,
            policy="\n".join(f"{name}: {value}" for name, value in self.policy.items()),
            password_hash=self.password_hash,
            no_sync=str(not self.sync).upper(),
            read_only=str(self.read_only).upper(),
            modules="\n".join(f"olcModuleLoad: {name}" for name in self._modules()),
            restrictions="\n".join(self._restrictions()) or "# nothing is restricted",
            replica=self._replica(),
        )
        _run([SLAPADD, database, "-q", "-F", str(self.folder / "config")], ldif, _identity())

    def _restrictions(self) -> Iterator[str]:
        yield from (f"olcAccess: to attrs={name} by * none" for name in self.hidden)
        yield from (f'olcAccess: to dn.exact="uid={login},{self.base_dn}" by * read' for login in self.untouchable)

    def _modules(self) -> list[str]:
        wanted = {"ppolicy": self.ppolicy, "syncprov": self.replicated}
        return [name for name, is_wanted in wanted.items() if is_wanted]

    def _replica(self) -> str:
        """Return what makes the database a replica, if it is one."""
        if not self.provider:
            return ""
        return REPLICA.format(
            port=self.provider_port or self.provider.port,
            url=self.provider.url,
            suffix=self.suffix,
            admin_dn=self.admin_dn,
            admin_password=self.provider.admin_password.reveal(),
        )

    def _wait(self) -> None:
        """Wait until both ports are open."""
        deadline = time.monotonic() + PATIENCE
        while not all(is_open(port) for port in (self.port, self.tls_port)):
            if (self._process and self._process.poll() is not None) or time.monotonic() > deadline:
                output = (self.folder / "slapd.log").read_text(encoding="utf-8", errors="replace")
                raise ConfigurationError("the private directory does not start: {output}", output=output.strip())
            time.sleep(0.01)


def make_certificate(certificate: Path, key: Path) -> None:
    """Make a certificate for ``localhost`` that signs itself, good for a week."""
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=localhost", "-addext", names, "-days", "7"]
    _run([OPENSSL, "req", "-x509", *curve, *subject, "-out", str(certificate), "-keyout", str(key)], "", {})


class _Identity(TypedDict, total=False):
    """Who a process runs as."""

    user: str
    group: int
    extra_groups: list[int]


def _run(command: list[str], stdin: str, identity: _Identity) -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, **identity)
    if done.returncode:
        raise ConfigurationError("{command} failed: {output}", command=command[0], output=done.stderr.strip())


def _identity() -> _Identity:
    """Give root's rights up, if we have them."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}


def _give_away(folder: Path) -> None:
    if identity := _identity():
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, identity["user"], identity["group"])
