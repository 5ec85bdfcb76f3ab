"""The hooks of the mail plug-in."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import structlog

from provisioner.core.api.errors import TargetError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import (
    Capabilities,
    CheckTarget,
    EndSessions,
    ProbeSessions,
    Receipt,
    SessionsReport,
    TargetReport,
)
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.model import Account, OperationKind, Outcome
from provisioner.core.model.text import Text
from provisioner_mail.notices import SmtpChannel
from provisioner_mail.settings import ALLOWED, LoginName, MailSettings

if TYPE_CHECKING:
    from provisioner_mail.doveadm import MailSession
    from provisioner_mail.opening import MailServers
    from provisioner_mail.server import MailServer

log = structlog.stdlib.get_logger(__name__)

#: After these, nobody may have a session.
ENDINGS = frozenset({OperationKind.CLOSE, OperationKind.DELETE})


@attrs.define(eq=False, kw_only=True)
class MailTarget:
    """The mail servers of one directory. They hold no accounts. Connects when it is first needed."""

    name: str
    settings: MailSettings
    _servers: MailServers | None = attrs.field(default=None, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        """Empty the caches and end the sessions on every server that can be reached, and prove it.

        Without a secret, it is not proved that a new password opens.
        """
        ended: set[MailSession] = set()
        failures = []
        for server in self._opened():
            try:
                ended |= self._end_on(server, request)
            except TargetError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return Receipt(outcome=Outcome.APPLIED if ended else Outcome.UNCHANGED, proved=_is_proved(request))

    @hookimpl
    def sessions_probe(self, request: ProbeSessions) -> SessionsReport:
        """Count the sessions on all servers. If one of them can't be asked, the number is not known."""
        return SessionsReport(count=sum(server.open_sessions(request.spellings) for server in self._opened()))

    @hookimpl
    def target_check(self, request: CheckTarget) -> TargetReport:  # noqa: ARG002 - the hook's argument
        """Test every command with a user that doesn't exist, and connect to IMAP without a log-in."""
        servers = self._opened()
        certificates = {server.imap.server: server.check() for server in servers}
        return TargetReport(
            capabilities=Capabilities(facts={"servers": ", ".join(server.doveadm.server for server in servers)}),
            warnings=tuple(self._warnings(servers)),
            certificates=certificates,
        )

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._servers:
                self._servers.close()
                self._servers = None

    def _end_on(self, server: MailServer, request: EndSessions) -> frozenset[MailSession]:
        ended = server.end_sessions(request.spellings)
        if request.after in ENDINGS:
            server.require_none(request.spellings)
        if request.secret:
            server.prove(request.spellings, self._name_of(request.account), request.secret)
        log.info("sessions_ended", target=self.name, server=server.doveadm.server, count=len(ended))
        return ended

    def _warnings(self, servers: Iterable[MailServer]) -> Iterator[Text]:
        if self.settings.in_the_clear:
            yield Text("the key of doveadm crosses the network unencrypted, because insecure = true; use https://")
        for server in servers:
            if not server.doveadm.is_restricted():
                yield Text(
                    "{server} allows every command of doveadm, so the key reads every mailbox and every file there; "
                    "set in its configuration: {allowed}",
                    {"server": server.doveadm.server, "allowed": ALLOWED},
                )

    def _name_of(self, account: Account) -> str:
        return account.mail if self.settings.log_in_as is LoginName.MAIL else account.login

    def _opened(self) -> tuple[MailServer, ...]:
        with self._lock:
            if self._servers is None:
                from provisioner_mail.opening import MailServers

                self._servers = MailServers.of(self.settings)
            return self._servers.servers


def _is_proved(request: EndSessions) -> bool:
    """Return whether a new password, if there is one, was tried. An earlier attempt that knew it has failed."""
    return request.secret is not None or not KINDS[request.after].delivers


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one target or channel for each section. Nothing is connected yet."""
    for section in settings.targets:
        mail = MailTarget(name=section.name, settings=section.settings(MailSettings))
        register.target(section.name, mail, longest_call=timedelta(seconds=mail.settings.longest_call))
        register.on_close(mail.close)
    for section in settings.channels:
        channel = SmtpChannel.configured(section, settings.language)
        register.channel(section.name, channel, longest_call=timedelta(seconds=channel.settings.timeout))
