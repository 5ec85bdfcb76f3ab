"""Whether a directory is fit for what will be asked of it."""

from __future__ import annotations

from provisioner.core.errors import MisconfiguredError
from provisioner.core.requests import Capabilities, TargetReport
from provisioner_ldap import ppolicy
from provisioner_ldap.client import PASSWORD_MODIFY, Session
from provisioner_ldap.entry import OBJECT_CLASS, Entry
from provisioner_ldap.settings import LdapSettings

ALL_CHANGES = frozenset({"account_create", "account_close", "account_rotate", "account_handover"})

#: The changes that can be taken back where a password cannot.
CHANGES_WITHOUT_PASSWORD = frozenset({"account_close"})

UNENCRYPTED = "passwords cross the network in clear text; use ldaps:// servers, or remove tls = 'none'"
NOT_POLICED = (
    "no password policy watches over the service account, so it cannot be seen whether one watches over the accounts,"
    " and without one a closed account can still log in; use an ordinary entry of the same database as service account"
)
POLICY_UNREADABLE = "the password policy that policy_dn names cannot be read; correct the name, or allow it"
NOT_RESTORABLE = (
    "the password policy takes no hashed passwords, so a former password cannot be restored if another target refuses"
    " the new one; set pwdCheckQuality to 1"
)

#: What a password policy calls its demand that new passwords come in clear text, so that they can be judged.
_QUALITY, _ONLY_CLEAR_TEXT = "pwdCheckQuality", "2"


def check(session: Session, settings: LdapSettings) -> TargetReport:
    """See that everything is there that the changes need.

    Raises:

        MisconfiguredError: Something is not there.
    """
    root = session.read("", ["supportedExtension", "supportedControl", "vendorName", "vendorVersion"])
    _expect_support(root, session)
    for base in settings.bases:
        _expect_base(base, session)
    policy = session.read(settings.policy_dn, [_QUALITY]) if settings.policy_dn else None
    restores = policy is None or policy.text(_QUALITY) != _ONLY_CLEAR_TEXT
    concerns = {
        UNENCRYPTED: session.tls_version is None,
        NOT_POLICED: not session.policed,
        POLICY_UNREADABLE: policy is not None and not policy.exists,
        NOT_RESTORABLE: not restores,
    }
    facts = {"product": _product(root), "server": session.server, "tls": session.tls_version or "none"}
    until = session.certificate_until
    return TargetReport(
        capabilities=Capabilities(undoes=ALL_CHANGES if restores else CHANGES_WITHOUT_PASSWORD, facts=facts),
        warnings=tuple(warning for warning, concerns_us in concerns.items() if concerns_us),
        certificates={session.server: until} if until else {},
    )


def _expect_support(root: Entry, session: Session) -> None:
    if PASSWORD_MODIFY.encode() not in root["supportedExtension"]:
        raise MisconfiguredError(
            "{server} cannot set passwords: it has no Password Modify operation (RFC 3062)", server=session.server
        )
    if ppolicy.OID.encode() not in root["supportedControl"]:
        raise MisconfiguredError(
            "{server} cannot close accounts: it has no password policy",
            cure="load the module ppolicy, and put its overlay on the database of the accounts",
            server=session.server,
        )


def _expect_base(base: str, session: Session) -> None:
    if not session.read(base, []).exists:
        raise MisconfiguredError(
            "{server} has no entry {base} that the service account may see",
            cure="make it, correct base_dn or base_of_kind, or give the service account its rights",
            server=session.server,
            base=base,
        )


def _product(root: Entry) -> str:
    if b"OpenLDAProotDSE" in root[OBJECT_CLASS]:
        return "OpenLDAP"
    return " ".join(part for part in (root.text("vendorName"), root.text("vendorVersion")) if part) or "unknown"
