"""The password of the service account itself: setting another one, and trying one at every server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import attrs

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.api.messages import CredentialReport, ProbeCredential, Receipt, SetCredential
from provisioner.core.model import Outcome
from provisioner_ldap.client import LdapSession
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.families.base import Family
from provisioner_ldap.pool import Pool
from provisioner_ldap.settings import LdapSettings


@attrs.frozen(kw_only=True)
class ServiceCredential:
    """The password with which the plug-in logs in.

    Args:

        settings: Name the service account.

        client: Connects to the servers.

        sessions: Sessions of the service account.

        family: Returns what kind of directory it is.
    """

    settings: LdapSettings
    client: LdapClient
    sessions: Pool[LdapSession]
    family: Callable[[], Family]

    def set(self, request: SetCredential) -> Receipt:
        """Set another password. One that the account has already is fine."""
        return self.sessions.run(lambda session: self._set(session, request))

    def probe(self, request: ProbeCredential) -> CredentialReport:
        """Log in once at every server. A refused log-in counts there, and an accepted one clears the count."""
        accepted = {url: self._is_accepted(url, request) for url in self.settings.servers}
        return CredentialReport(
            accepted_by=tuple(url for url, is_accepted in accepted.items() if is_accepted),
            refused_by=tuple(url for url, is_accepted in accepted.items() if not is_accepted),
        )

    def _set(self, session: LdapSession, request: SetCredential) -> Receipt:
        family, dn = session.family, self._dn(session)
        answer = session.set_password(dn, request.secret, family.written_to_own)
        if not answer.ok and not family.same_password(answer):
            raise family.explain(answer, to_password=True)
        return Receipt(outcome=Outcome.APPLIED, reference=dn)

    def _is_accepted(self, url: str, request: ProbeCredential) -> bool:
        family = self.family()
        with closing(self.client.connect(url)) as session:
            answer = session.bind(self.settings.bind_dn, request.secret)
        if not answer.ok and not family.refuses_login(answer):
            raise family.explain(answer)
        return answer.ok

    def _dn(self, session: LdapSession) -> str:
        """Return the name of the service account's entry. Active Directory takes others for a log-in, too."""
        name = self.settings.bind_dn
        if "=" in name:
            return name
        scope = session.family.scope(self.settings.base_dn)
        found = session.find(scope, {"userPrincipalName": (name.encode(),)})
        if found is None:
            raise MisconfiguredError(
                "{server} has no entry of the service account {name}",
                cure="write the DN of its entry in bind_dn",
                server=session.server,
                name=name,
            )
        return found
