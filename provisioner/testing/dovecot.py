"""A private Dovecot for tests: mailboxes that open with a log-in at a private directory, or with a passwd-file.

It serves IMAP on loopback from a temporary folder, asks the directory with a bind as the user (``auth_bind``), and has
a mailbox for each user who logs in::

    with Slapd() as directory, Dovecot(directory=directory) as mail:
        mail.logs_in("ab46", password)

    with Dovecot(passwd_file=path) as mail:
        mail.logs_in("ab46", password)

The files are where Debian's packages put them. The configuration is in the language of Dovecot 2.3.
"""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar, Self

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.testing.ports import free_ports
from provisioner.testing.private import Identity, PrivateServer, missing_of
from provisioner.testing.slapd import Slapd

DOVECOT = "/usr/sbin/dovecot"

#: What is used of each Debian package.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "dovecot-imapd": (DOVECOT, "/usr/lib/dovecot/imap"),
    "dovecot-ldap": ("/usr/lib/dovecot/modules/auth/libauthdb_ldap.so",),
}

#: The version whose configuration this module writes.
VERSION = "2.3."

#: How long one answer may take, in seconds.
PATIENCE = 20.0

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
auth_cache_size = 0
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
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

LDAP_CONFIG = """\
uris = ldaps://127.0.0.1:{directory.tls_port}
tls_ca_cert_file = {folder}/directory.pem
tls_require_cert = demand
dn = {directory.bind_dn}
dnpass = {bind_password}
base = {directory.base_dn}
scope = subtree
auth_bind = yes
pass_filter = (|(uid=%Lu)(mail=%Lu))
pass_attrs = uid=user
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
    """

    name: ClassVar[str] = "dovecot"

    directory: Slapd | None = None
    passwd_file: Path | None = None
    port: int = attrs.field(init=False)

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
        with closing(_ImapConnection(self.port)) as connection:
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

    def log(self) -> str:
        """Return what the server has written to its log so far."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.folder.glob("*.log")))

    def _missing(self) -> Sequence[str]:
        return missing_packages()

    def _ports(self) -> Sequence[int]:
        return (self.port,)

    def _command(self) -> Sequence[str]:
        return [DOVECOT, "-F", "-c", str(self.folder / "dovecot.conf")]

    def _identity(self) -> Identity:
        """Let it stay root, if it is: it gives the rights up by itself."""
        return {}

    def _output(self) -> str:
        return self.log().strip()

    def _is_ready(self) -> bool:
        with suppress(OSError, imaplib.IMAP4.error):
            _ImapConnection(self.port).close()
            return True
        return False

    def _prepare(self) -> None:
        self.folder.chmod(0o755)
        (self.port,) = free_ports(1)
        users = _Users.here()
        homes = self.folder / "homes"
        homes.mkdir()
        shutil.chown(homes, users.mail, users.mail_group)
        driver, source = ("passwd-file", self.passwd_file) if self.passwd_file else ("ldap", self.folder / "ldap.conf")
        (self.folder / "dovecot.conf").write_text(
            CONFIG.format(folder=self.folder, port=self.port, server=users, driver=driver, source=source),
            encoding="utf-8",
        )
        if self.directory:
            self._introduce(self.directory)

    def _introduce(self, directory: Slapd) -> None:
        """Record where the directory is, and how to ask it."""
        shutil.copy(directory.ca_file, self.folder / "directory.pem")
        with os.fdopen(os.open(self.folder / "ldap.conf", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(
                LDAP_CONFIG.format(
                    folder=self.folder, directory=directory, bind_password=directory.bind_password.reveal()
                )
            )


class _ImapConnection(imaplib.IMAP4):
    """One session at the server on this machine, which ends with :meth:`close`."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, timeout=PATIENCE)

    def close(self) -> None:  # type: ignore[override] # what is closed is the connection, not the mailbox
        self.shutdown()


def _version() -> str:
    return subprocess.run([DOVECOT, "--version"], capture_output=True, text=True, check=False).stdout
