"""A private OpenLDAP server for tests, demonstrations and measurements.

It runs ``slapd`` on loopback from a temporary folder, with the password policy overlay, StartTLS and LDAPS, a
container for accounts, and a service account that has the rights the LDAP plug-in asks for and no more::

    with Slapd() as directory:
        print(directory.config)  # what stands in [targets.directory]

Nothing of it survives :meth:`Slapd.stop`. The files are where Debian's packages put them; if AppArmor confines
``slapd`` to its usual folders, lift that profile first.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

import attrs

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

SLAPD = "/usr/sbin/slapd"
SLAPADD = "/usr/sbin/slapadd"
SLAPMODIFY = "/usr/sbin/slapmodify"

#: What is used of each Debian package.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "slapd": (SLAPD, SLAPADD, SLAPMODIFY, "/usr/lib/ldap/ppolicy.so", "/etc/ldap/schema/inetorgperson.ldif"),
    "openssl": (OPENSSL,),
}

CONFIG = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcServerID: {server_id}
olcLogLevel: none
olcSizeLimit: unlimited
olcTimeLimit: unlimited
olcTLSCACertificateFile: {folder}/server.pem
olcTLSCertificateFile: {folder}/server.pem
olcTLSCertificateKeyFile: {folder}/server.key
{external}

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
include: file:///etc/ldap/schema/nis.ldif
{schema}

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

#: A client with a certificate of the server's authority, or a user of this machine, is the service account.
EXTERNAL = """\
olcTLSVerifyClient: try
olcAuthzRegexp: {{0}}"gidNumber=[0-9]+\\+uidNumber=[0-9]+,cn=peercred,cn=external,cn=auth" "{bind_dn}"
olcAuthzRegexp: {{1}}"cn=localhost" "{bind_dn}"
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
{changes}
"""

#: What is added to the configuration of a server that takes changes, so that it also takes those of another one.
FOLLOW = """dn: olcDatabase={{1}}mdb,cn=config
changetype: modify
add: olcSyncrepl
{replica}
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
    return missing_of(PACKAGES)


@attrs.define(eq=False, kw_only=True)
class Slapd(PrivateDirectory):
    """One private server. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:

        policy: The default password policy, by the attribute names of ``pwdPolicy`` in ``slapo-ppolicy(5)``. By
            default it has no rules.

        password_hash: How the server hashes passwords, for example ``{ARGON2}``.

        sync: Whether each change is on the disk before it is answered, as in production.

        ppolicy: Whether it has the password policy overlay, and knows its attributes.

        external: Whether the service account may log in with the server's own certificate, or through its socket.

        rules: Access rules that come before all others.

        hidden: Attributes that only the administrator may read.

        untouchable: Logins whose entries the service account may neither make nor change.

        read_only: Whether it takes no changes.

        most_listed: After how many entries it ends a list of the service account with an error.

        replicated: Whether others may be replicas of it.

        schema: Further schemas, each an entry of ``cn=schema,cn=config`` in LDIF.

        provider: The server that this one is a replica of. A replica takes no changes; it refers them to its provider.

        mirror: Whether it takes changes itself although it has a provider; see :meth:`follow`.

        provider_port: Where it asks its provider, if not at the provider's own port: that of a proxy which can
            interrupt the replication.
    """

    name: ClassVar[str] = "slapd"
    #: The server's administrator, whom no access rule and no policy binds.
    admin_dn: ClassVar[str] = f"cn=admin,{PrivateDirectory.suffix}"
    #: The default password policy.
    policy_dn: ClassVar[str] = f"cn=policy,{PrivateDirectory.suffix}"

    policy: Mapping[str, str] = attrs.field(factory=dict)
    password_hash: str = "{SSHA}"  # noqa: S105 - the name of a scheme
    sync: bool = False
    ppolicy: bool = True
    external: bool = False
    rules: Sequence[str] = ()
    hidden: Sequence[str] = ()
    untouchable: Sequence[str] = ()
    read_only: bool = False
    most_listed: int | None = None
    replicated: bool = False
    schema: Sequence[str] = ()
    provider: Slapd | None = None
    mirror: bool = False
    provider_port: int | None = None
    bind_password: Secret = attrs.field(init=False)

    @bind_password.default
    def _bind_password(self) -> Secret:
        return self.provider.bind_password if self.provider else Secret(secrets.token_urlsafe())

    @property
    def config(self) -> dict[str, object]:
        """The settings of an LDAP target on this server."""
        return {**super().config, "policy_dn": self.policy_dn}

    def load(self, ldif: str) -> None:
        """Add many entries at once, past all rules and checks. The server is restarted for it.

        Args:

            ldif: The entries.

        Raises:

            ConfigurationError: An entry can't be added.
        """
        self.kill()
        self._add("-n1", ldif)
        self.start()

    def follow(self, other: Slapd) -> None:
        """Take the changes that another server has made, too, so that both take changes. This one is restarted for it.

        Args:

            other: A server with this one as its ``provider``, and with ``mirror``.

        Raises:

            ConfigurationError: The configuration can't be changed.
        """
        self.kill()
        replica = self._replica_of(other, other.port, "olcMultiProvider: TRUE")
        syncrepl, changes = replica.rsplit("olcMultiProvider", 1)
        addition = f"{syncrepl}-\nadd: olcMultiProvider\nolcMultiProvider{changes}"
        ldif = FOLLOW.format(replica=addition)
        run([SLAPMODIFY, "-n0", "-F", str(self.folder / "config")], ldif, identity())
        self.start()

    def _missing(self) -> Sequence[str]:
        return missing_packages()

    @property
    def ldapi_url(self) -> str:
        """Where LDAP is spoken through a socket of this machine."""
        return f"ldapi://{quote(str(self.folder / 'ldapi'), safe='')}"

    def _command(self) -> Sequence[str]:
        listen = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port} {self.ldapi_url}"
        return [SLAPD, "-d0", "-F", str(self.folder / "config"), "-h", listen]

    def _prepare(self) -> None:
        super()._prepare()
        (self.folder / "data").mkdir()
        (self.folder / "config").mkdir()
        make_certificate(self.folder / "server.pem", self.folder / "server.key")
        give_away(self.folder)
        self._load("-n0", "".join([CONFIG, PPOLICY if self.ppolicy else "", SYNCPROV if self.replicated else ""]))
        if not self.provider:
            self._load("-n1", CONTENT if self.ppolicy else CONTENT.partition("dn: {policy_dn}")[0])

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
            external=EXTERNAL.format(bind_dn=self.bind_dn).strip() if self.external else "# no other log-ins",
            restrictions="\n".join(self._restrictions()) or "# nothing is restricted",
            schema="\n".join(["", *self.schema]),
            replica=self._replica(),
            server_id=2 if self.mirror else 1,
        )
        self._add(database, ldif)

    def _add(self, database: str, ldif: str) -> None:
        run([SLAPADD, database, "-q", "-F", str(self.folder / "config")], ldif, identity())

    def _restrictions(self) -> Iterator[str]:
        if self.most_listed:
            yield f'olcLimits: dn.exact="{self.bind_dn}" size.prtotal={self.most_listed}'
        yield from (f"olcAccess: {rule}" for rule in self.rules)
        yield from (f"olcAccess: to attrs={name} by * none" for name in self.hidden)
        yield from (f'olcAccess: to dn.exact="uid={login},{self.base_dn}" by * read' for login in self.untouchable)

    def _modules(self) -> list[str]:
        wanted = {"ppolicy": self.ppolicy, "syncprov": self.replicated}
        return [name for name, is_wanted in wanted.items() if is_wanted]

    def _replica(self) -> str:
        """Return what makes the database a replica, if it is one."""
        if not self.provider:
            return ""
        changes = "olcMultiProvider: TRUE" if self.mirror else f"olcUpdateRef: {self.provider.url}"
        return self._replica_of(self.provider, self.provider_port or self.provider.port, changes)

    def _replica_of(self, other: Slapd, port: int, changes: str) -> str:
        return REPLICA.format(
            port=port,
            suffix=self.suffix,
            admin_dn=self.admin_dn,
            admin_password=other.admin_password.reveal(),
            changes=changes,
        )
