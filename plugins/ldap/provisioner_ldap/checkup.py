"""Whether a directory is fit for what will be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import attrs

from provisioner.core.api.errors import ConflictError, MisconfiguredError, TargetError
from provisioner.core.api.messages import Capabilities, PasswordLimits, TargetReport
from provisioner.core.model.text import Text
from provisioner_ldap import ppolicy
from provisioner_ldap.client import PASSWORD_MODIFY, LdapSession
from provisioner_ldap.entry import OBJECT_CLASS, Entry
from provisioner_ldap.family import FAMILIES
from provisioner_ldap.settings import LdapSettings

ALL_CHANGES = frozenset({"account_create", "account_close", "account_rotate", "account_handover"})

#: The changes that can be taken back where a password cannot.
CHANGES_WITHOUT_PASSWORD = frozenset({"account_close"})

UNENCRYPTED = "passwords cross the network in clear text; use ldaps:// servers, or remove tls = 'none'"
NOT_POLICED = (
    "cannot determine whether a password policy applies to the accounts, because none applies to the service account;"
    " without one, closed accounts can still log in; use an ordinary entry of the same database as service account"
)
POLICY_UNREADABLE = "the password policy that policy_dn names cannot be read; correct the name, or allow it"
NOT_RESTORABLE = (
    "the password policy takes no hashed passwords, so a former password cannot be restored if another target refuses"
    " the new one; set pwdCheckQuality to 1"
)

TOO_YOUNG = (
    "the password policy refuses a new password for some time after the last one, so a password that did not arrive"
    " cannot be replaced at once; remove pwdMinAge"
)

#: What a password policy calls its demand that new passwords come in clear text, so that they can be judged.
_QUALITY, _ONLY_CLEAR_TEXT = "pwdCheckQuality", "2"

#: What else is read of a password policy.
_MINIMUM_LENGTH, _MAXIMUM_LENGTH = "pwdMinLength", "pwdMaxLength"
_MINIMUM_AGE, _MAXIMUM_AGE, _OLD_PASSWORD = "pwdMinAge", "pwdMaxAge", "pwdSafeModify"
_POLICY = (_QUALITY, _MINIMUM_LENGTH, _MAXIMUM_LENGTH, _MINIMUM_AGE, _MAXIMUM_AGE, _OLD_PASSWORD)


class UnfitServerError(MisconfiguredError):
    """A server would be harmed by what the others are to do."""


def check_all(settings: LdapSettings, connect: Callable[[str], LdapSession]) -> TargetReport:
    """See that every server has everything that the changes need.

    Args:

        settings: What is configured.

        connect: Logs in to a server as the service account.

    Returns:

        What the first server can do that is fit. What is wrong with the others is a warning.

    Raises:

        UnfitServerError: A server would be harmed by what the others are to do.

        MisconfiguredError: No server is fit.

        TransientError: No server can be reached.
    """
    reports: list[TargetReport] = []
    errors: list[TargetError] = []
    for url in settings.urls:
        try:
            with closing(connect(url)) as session:
                _expect_switch(session, FAMILIES[settings.family].switch)
                _expect_different_attributes(session, settings)
                for base in settings.bases:
                    session.expect_changes(base)
                reports.append(check(session, settings))
        except UnfitServerError:
            raise
        except TargetError as error:
            errors.append(error)
    if not reports:
        raise max(errors, key=lambda error: isinstance(error, MisconfiguredError))
    warnings = [warning for report in reports for warning in report.warnings]
    return attrs.evolve(
        reports[0],
        warnings=tuple(dict.fromkeys([*warnings, *(_not_usable(error) for error in errors)])),
        certificates={url: until for report in reports for url, until in report.certificates.items()},
    )


def check(session: LdapSession, settings: LdapSettings) -> TargetReport:
    """See that one server has everything that the changes need.

    Raises:

        MisconfiguredError: Something is not there.
    """
    root = session.read("", ["supportedExtension", "supportedControl", "vendorName", "vendorVersion"])
    _expect_support(root, session)
    for base in settings.bases:
        _expect_base(base, session)
    policy = session.read(settings.policy_dn, _POLICY) if settings.policy_dn else Entry("")
    _expect_no_old_password(policy, session)
    restores = policy.text(_QUALITY) != _ONLY_CLEAR_TEXT
    concerns = {
        UNENCRYPTED: session.tls_version is None,
        NOT_POLICED: not session.policed,
        POLICY_UNREADABLE: settings.policy_dn is not None and not policy.exists,
        NOT_RESTORABLE: not restores,
        TOO_YOUNG: _number(policy, _MINIMUM_AGE) > 0,
    }
    facts = {"product": _product(root), "server": session.server, "tls": session.tls_version or "none"}
    until = session.certificate_until
    return TargetReport(
        capabilities=Capabilities(undoes=ALL_CHANGES if restores else CHANGES_WITHOUT_PASSWORD, facts=facts),
        warnings=tuple(warning for warning, concerns_us in concerns.items() if concerns_us),
        certificates={session.server: until} if until else {},
        passwords=_limits(policy),
        foresees=True,
    )


def _expect_no_old_password(policy: Entry, session: LdapSession) -> None:
    if policy.text(_OLD_PASSWORD) == "TRUE":
        raise MisconfiguredError(
            "{server} sets no password without the old one, which nobody keeps",
            cure="set pwdSafeModify to FALSE in the password policy",
            server=session.server,
        )


def _limits(policy: Entry) -> PasswordLimits:
    """Return what a password policy demands. Lengths count only where passwords are judged."""
    judged = _number(policy, _QUALITY) > 0
    return PasswordLimits(
        minimum_length=_number(policy, _MINIMUM_LENGTH) if judged else 0,
        maximum_length=_number(policy, _MAXIMUM_LENGTH) or None if judged else None,
        maximum_age=_number(policy, _MAXIMUM_AGE) or None,
    )


def _number(policy: Entry, name: str) -> int:
    """Return a number of a password policy; 0 if it is not there, which means that nothing is demanded."""
    text = policy.text(name) or ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _not_usable(error: TargetError) -> Text:
    return Text("not every server can be used: {error}; {cure}", {"error": error.text, "cure": error.cure})


def _expect_switch(session: LdapSession, name: str) -> None:
    """See that the server can store what closes an account, even if it only copies that from another server."""
    if not session.schema().knows(name):
        raise UnfitServerError(
            "{server} does not know the attribute {name}, which closes accounts; as a replica, it would stop copying at"
            " the first closing",
            cure="load the module ppolicy on every server of the directory, also on replicas",
            server=session.server,
            name=name,
        )


def _expect_different_attributes(session: LdapSession, settings: LdapSettings) -> None:
    """See that no attribute is configured twice, under two of its names."""
    names: dict[str, str] = {}
    for name in (settings.rdn, *settings.attributes):
        other = names.setdefault(session.schema().attribute(name), name)
        if other != name:
            raise MisconfiguredError(
                "{one} and {other} are two names of one attribute",
                cure="give each attribute one template, and none to the attribute that rdn names",
                one=other,
                other=name,
            )


def _expect_support(root: Entry, session: LdapSession) -> None:
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


def _expect_base(base: str, session: LdapSession) -> None:
    try:
        exists = session.read(base, []).exists
    except ConflictError:  # it is a referral to another server
        exists = False
    if not exists:
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
