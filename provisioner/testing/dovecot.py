"""A private Dovecot for tests: mailboxes that open with a log-in at a private directory, or with a passwd-file.

It serves IMAP on loopback from a temporary folder, with and without TLS, asks the directory with a bind as the user
(``auth_bind``), and has a mailbox for each user who logs in. Its HTTP API takes what the mail plug-in asks for::

    with Slapd() as directory, Dovecot(directory=directory, cached=True) as mail:
        mail.logs_in("ab46", password)
        print(mail.config)  # what stands in [targets.mail]

    with Dovecot(passwd_file=path) as mail:
        mail.logs_in("ab46", password)

The files are where Debian's packages put them. The configuration is in the language of Dovecot 2.3.
"""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Self

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.testing.ports import free_ports
from provisioner.testing.private import (
    OPENSSL,
    Identity,
    PrivateDirectory,
    PrivateServer,
    make_certificate,
    missing_of,
)

DOVECOT = "/usr/sbin/dovecot"

#: What is used of each Debian package.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "dovecot-imapd": (DOVECOT, "/usr/lib/dovecot/imap"),
    "dovecot-ldap": ("/usr/lib/dovecot/modules/auth/libauthdb_ldap.so",),
    "openssl": (OPENSSL,),
}

#: The version whose configuration this module writes.
VERSION = "2.3."

#: How long one answer may take, in seconds.
PATIENCE = 60.0

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/mail.pem
ssl_key = <{folder}/mail.key
disable_plaintext_auth = no
auth_failure_delay = 0
auth_cache_size = {cache_size}
auth_cache_ttl = 1 hour
auth_cache_negative_ttl = 1 hour
doveadm_allowed_commands = {allowed}
!include {folder}/doveadm-key.conf
default_internal_user = {server.internal}
default_internal_group = {server.group}
default_login_user = {server.login}
first_valid_uid = 1
mail_location = maildir:~/mail
passdb {{
  driver = {driver}
  args = {source}
}}
userdb {{
  driver = static
  args = uid={server.mail} gid={server.mail_group} home={folder}/homes/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service doveadm {{
  chroot =
  inet_listener http {{
    port = {api_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = {penalty_mode}
  }}
}}
service stats {{
  chroot =
}}
"""

LDAP_CONFIG = """\
uris = ldaps://{directory.host}:{directory.tls_port}
tls_ca_cert_file = {folder}/directory.pem
tls_require_cert = demand
dn = {directory.bind_dn}
dnpass = {bind_password}
base = {directory.base_dn}
scope = subtree
auth_bind = yes
pass_filter = (|({directory.login_attribute}=%Lu)(mail=%Lu))
pass_attrs = {named_after}=user
"""


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no server can be started here."""
    missing = missing_of(PACKAGES)
    return missing or (() if _version().startswith(VERSION) else (f"dovecot-core {VERSION}x",))


@attrs.frozen(kw_only=True)
class _Users:
    """Who runs which part of the server."""

    internal: str
    group: str
    login: str
    mail: str
    mail_group: str

    @classmethod
    def here(cls) -> Self:
        """Return the users of Debian's packages for root, and the caller for everything otherwise."""
        if os.geteuid() == 0:
            return cls(internal="dovecot", group="dovecot", login="dovenull", mail="nobody", mail_group="nogroup")
        me, mine = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        return cls(internal=me, group=mine, login=me, mail=me, mail_group=mine)


@attrs.define(eq=False, kw_only=True)
class Dovecot(PrivateServer):
    """One private server. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:

        directory: Where people log in. It must run.

        passwd_file: The file with their passwords instead, in a folder that Dovecot may enter.

        cached: Whether it remembers for an hour who logged in, and who is unknown.

        penalty: Whether a refused log-in delays the next one from the same address, by up to 17 seconds.

        named_after: The attribute of the directory that names a user, whatever name the client sent; if none is
            given, that of the login.

        allowed: The commands of doveadm that the HTTP API takes; all if it is empty.

        api_key: The key of doveadm's HTTP API.
    """

    name: ClassVar[str] = "dovecot"

    directory: PrivateDirectory | None = None
    passwd_file: Path | None = None
    cached: bool = False
    penalty: bool = False
    named_after: str | None = None
    allowed: str = "kick,who,auth cache flush"
    api_key: Secret = attrs.field(factory=lambda: Secret(secrets.token_urlsafe()))
    #: Where IMAP is spoken.
    port: int = attrs.field(init=False)
    #: Where IMAP is spoken over TLS.
    tls_port: int = attrs.field(init=False)
    #: Where doveadm's HTTP API is.
    api_port: int = attrs.field(init=False)

    @property
    def ca_file(self) -> Path:
        """What the server's certificate is verified with."""
        return self.folder / "mail.pem"

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of the server, as in the list ``servers`` of a mail target."""
        return {"api": f"https://127.0.0.1:{self.api_port}", "imap": f"imaps://127.0.0.1:{self.tls_port}"}

    @property
    def config(self) -> dict[str, object]:
        """The settings of a mail target on this server."""
        return {
            "servers": [self.addresses],
            "api_key": f"file:{self.folder / 'doveadm.key'}",
            "ca_file": str(self.ca_file),
        }

    def kill(self) -> None:
        """End the server with its own processes, which only it can end."""
        if self._process:
            self._process.terminate()
            self._process.wait()
        super().kill()

    def logs_in(self, login: str, password: Secret | str) -> bool:
        """Return whether the password opens the mailbox, over IMAP.

        Raises:

            ConfigurationError: The server could not tell, for example because the directory is not there.
        """
        secret = password.reveal() if isinstance(password, Secret) else password
        with closing(ImapSession(self.port)) as connection:
            try:
                connection.login(login, secret)
                state, _ = connection.select("INBOX")
            except imaplib.IMAP4.error as error:
                answer = str(error).replace(secret, "")
            else:
                return state == "OK"
        if "AUTHENTICATIONFAILED" in answer:
            return False
        raise ConfigurationError("the mail server could not test the login: {answer}", answer=answer)

    @contextmanager
    def session(self, login: str, password: Secret) -> Iterator[ImapSession]:
        """Log in as a mail program does, and stay."""
        with closing(ImapSession(self.port)) as session:
            session.login(login, password.reveal())
            session.select("INBOX")
            yield session

    def log(self) -> str:
        """Return what the server has written to its log so far."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.folder.glob("*.log")))

    def _missing(self) -> Sequence[str]:
        return missing_packages()

    def _ports(self) -> Sequence[int]:
        return self.port, self.tls_port, self.api_port

    def _command(self) -> Sequence[str]:
        return [DOVECOT, "-F", "-c", str(self.folder / "dovecot.conf")]

    def _identity(self) -> Identity:
        """Let it stay root, if it is: it gives the rights up by itself."""
        return {}

    def _output(self) -> str:
        return self.log().strip()

    def _is_ready(self) -> bool:
        with suppress(OSError, imaplib.IMAP4.error):
            ImapSession(self.port).close()
            return True
        return False

    def _prepare(self) -> None:
        self.folder.chmod(0o755)
        self.port, self.tls_port, self.api_port = free_ports(3)
        make_certificate(self.ca_file, self.folder / "mail.key")
        self._write_secret("doveadm.key", self.api_key.reveal())
        self._write_secret("doveadm-key.conf", f"doveadm_api_key = {self.api_key.reveal()}\n")
        users = _Users.here()
        homes = self.folder / "homes"
        homes.mkdir()
        shutil.chown(homes, users.mail, users.mail_group)
        driver, source = ("passwd-file", self.passwd_file) if self.passwd_file else ("ldap", self.folder / "ldap.conf")
        (self.folder / "dovecot.conf").write_text(
            CONFIG.format(
                folder=self.folder,
                port=self.port,
                tls_port=self.tls_port,
                api_port=self.api_port,
                server=users,
                driver=driver,
                source=source,
                allowed=self.allowed,
                cache_size="10M" if self.cached else 0,
                penalty_mode="0600" if self.penalty else 0,
            ),
            encoding="utf-8",
        )
        if self.directory:
            self._introduce(self.directory)

    def _introduce(self, directory: PrivateDirectory) -> None:
        """Record where the directory is, and how to ask it."""
        shutil.copy(directory.ca_file, self.folder / "directory.pem")
        asking = LDAP_CONFIG.format(
            folder=self.folder,
            directory=directory,
            bind_password=directory.bind_password.reveal(),
            named_after=self.named_after or directory.login_attribute,
        )
        self._write_secret("ldap.conf", asking)

    def _write_secret(self, name: str, content: str) -> None:
        with os.fdopen(os.open(self.folder / name, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(content)


class ImapSession(imaplib.IMAP4):
    """One session at the server on this machine, which ends with :meth:`close`."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, timeout=PATIENCE)

    def is_open(self) -> bool:
        """Return whether the server still answers in this session."""
        try:
            return self.noop()[0] == "OK"
        except (OSError, imaplib.IMAP4.abort):
            return False

    def close(self) -> None:  # type: ignore[override] # what is closed is the connection, not the mailbox
        """End the connection."""
        self.shutdown()


def _version() -> str:
    return subprocess.run([DOVECOT, "--version"], capture_output=True, text=True, check=False).stdout
