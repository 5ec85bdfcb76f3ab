"""Opens what the settings describe."""

from __future__ import annotations

from typing import Self

import attrs

from provisioner.net.http import HttpClient
from provisioner.net.tls import trusting
from provisioner_mail.doveadm import Doveadm
from provisioner_mail.imap import ImapServer
from provisioner_mail.server import MailServer
from provisioner_mail.settings import MailServerSettings, MailSettings


@attrs.frozen(kw_only=True)
class MailServers:
    """The servers of one target, and what sends requests to all of them."""

    servers: tuple[MailServer, ...]
    _http: HttpClient

    @classmethod
    def of(cls, settings: MailSettings) -> Self:
        """Return the servers in the settings. Nothing is connected yet.

        Raises:

            MisconfiguredError: The certificates cannot be read.
        """
        http = HttpClient.open(timeout=settings.timeout, ca_file=settings.ca_file)
        return cls(servers=tuple(_server(server, settings, http) for server in settings.servers), http=http)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _server(server: MailServerSettings, settings: MailSettings, http: HttpClient) -> MailServer:
    return MailServer(
        doveadm=Doveadm.at(server.api, settings.api_key, http),
        imap=ImapServer.at(server.imap, timeout=settings.login_timeout, trust=trusting(settings.ca_file)),
    )
