"""Whether a directory is fit for what will be asked of it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import attrs

from provisioner.core.api.errors import ConflictError, MisconfiguredError, TargetError
from provisioner.core.api.messages import Capabilities, TargetReport
from provisioner.core.model.text import Text, marked
from provisioner_ldap.client import LdapSession
from provisioner_ldap.entry import OBJECT_CLASS, Entry
from provisioner_ldap.errors import ReadOnlyServerError, no_base
from provisioner_ldap.families import ROOT
from provisioner_ldap.settings import LdapSettings, is_local
from provisioner_ldap.times import CLOCK_SKEW

UNENCRYPTED = marked("passwords cross the network in clear text; use ldaps:// servers, or remove tls = 'none'")
CLOCKS_APART = marked(
    "the clocks of this machine and of the directory are more than five minutes apart, so times of closing are wrong;"
    " synchronise both"
)
POLICY_UNREADABLE = marked(
    "the password policy in policy_dn cannot be read; correct the name, or give the service account access to it"
)


class UnfitServerError(MisconfiguredError):
    """A server would be harmed by what the others are to do."""


def check_all(settings: LdapSettings, connect: Callable[[str], LdapSession]) -> TargetReport:
    """Check that every server has everything that the changes need.

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
    for url in settings.servers:
        try:
            with closing(connect(url)) as session:
                _expect_switch(session, session.family.switch)
                look = _check_writer if url in settings.urls else check_replica
                reports.append(look(session, settings))
        except UnfitServerError:
            raise
        except TargetError as error:
            errors.append(error)
    if not any(url in settings.urls for url in map(_server_of, reports)):
        raise max(errors, key=lambda error: isinstance(error, MisconfiguredError))
    warnings = [warning for report in reports for warning in report.warnings]
    unusable = [error for error in errors if not _is_listed_replica(error, settings)]
    return attrs.evolve(
        reports[0],
        warnings=tuple(dict.fromkeys([*warnings, *map(_not_usable, unusable)])),
        certificates={url: until for report in reports for url, until in report.certificates.items()},
    )


def _check_writer(session: LdapSession, settings: LdapSettings) -> TargetReport:
    _expect_different_attributes(session, settings)
    for base in settings.bases:
        session.expect_changes(base)
    return check(session, settings)


def check_replica(session: LdapSession, settings: LdapSettings) -> TargetReport:
    """Check that a server which takes no changes can show whether they have arrived.

    Raises:

        MisconfiguredError: It can't.
    """
    for base in settings.bases:
        if not session.read(base, ()).exists:
            raise no_base(session.server, base)
    until = session.certificate_until
    root = session.read("", ROOT)
    concerns = _concerns(session, root)
    return TargetReport(
        capabilities=Capabilities(facts=_facts(session, root)),
        warnings=tuple(warning for warning, concerns_us in concerns.items() if concerns_us),
        certificates={session.server: until} if until else {},
    )


def check(session: LdapSession, settings: LdapSettings) -> TargetReport:
    """Check that one server has everything that the changes need.

    Raises:

        MisconfiguredError: Something is not there.
    """
    root, family = session.read("", ROOT), session.family
    family.expect_support(root, session.server)
    for base in settings.bases:
        _expect_base(base, session, settings)
    policies = [session.read(place, family.policy) for place in family.policy_places(settings.policy_dn, root)]
    policy = Entry("", dict(ChainMap(*(dict(found.values) for found in policies))))
    judgement = family.judge(policy, session.server, policed=session.policed)
    unreadable = any(found.dn == settings.policy_dn and not found.exists for found in policies)
    concerns = {**_concerns(session, root), POLICY_UNREADABLE: unreadable}
    until = session.certificate_until
    return TargetReport(
        capabilities=Capabilities(
            sets_entitlements=True,
            moves_accounts=settings.container is not None,
            undoes=judgement.undoes | ({"account_rename"} if settings.container is not None else frozenset()),
            facts=_facts(session, root),
        ),
        warnings=(*(warning for warning, concerns_us in concerns.items() if concerns_us), *judgement.warnings),
        certificates={session.server: until} if until else {},
        passwords=judgement.passwords,
        foresees=True,
    )


def _concerns(session: LdapSession, root: Entry) -> dict[str, bool]:
    """Return what is wrong with a server, whether or not it takes changes."""
    return {
        UNENCRYPTED: session.tls_version is None and not is_local(session.server),
        CLOCKS_APART: _is_far(session.family.clock(root)),
    }


def _facts(session: LdapSession, root: Entry) -> dict[str, str]:
    return {"product": _product(root), "server": session.server, "tls": session.tls_version or "none"}


def _server_of(report: TargetReport) -> str:
    return report.capabilities.facts["server"]


def _is_listed_replica(error: TargetError, settings: LdapSettings) -> bool:
    """Whether a server takes no changes, and is there so that changes are verified at it."""
    return settings.proves_everywhere and isinstance(error, ReadOnlyServerError)


def _not_usable(error: TargetError) -> Text:
    return Text("not every server can be used: {error}; {cure}", {"error": error.text, "cure": error.cure})


def _expect_switch(session: LdapSession, name: str) -> None:
    """Check that the server can store what closes an account, even if it only copies that from another server."""
    if not session.schema().knows(name):
        raise UnfitServerError(
            marked(
                "{server} does not support the attribute {name}, which closes accounts; as a replica, it would "
                "stop the replication at the first closure"
            ),
            cure=marked("load the module ppolicy on every server of the directory, also on replicas"),
            server=session.server,
            name=name,
        )


def _expect_different_attributes(session: LdapSession, settings: LdapSettings) -> None:
    """Check that no attribute is configured twice, under two of its names."""
    names: dict[str, str] = {}
    for name in (settings.rdn, *settings.attributes):
        other = names.setdefault(session.schema().attribute(name), name)
        if other != name:
            raise MisconfiguredError(
                "{one} and {other} are two names of the same attribute",
                cure="set one template for each attribute, and none for the attribute in rdn",
                one=other,
                other=name,
            )


def _expect_base(base: str, session: LdapSession, settings: LdapSettings) -> None:
    family = session.family
    try:
        found = session.read(base, family.rights, family.rights_control(settings.bind_dn))
    except ConflictError:  # it is a referral to another server
        found = Entry(base)
    if not found.exists:
        raise no_base(session.server, base)
    if not family.may_create(found, settings.object_classes):
        raise MisconfiguredError(
            "{server} does not let the service account make accounts below {base}",
            cure="give the service account the rights that the README of the plug-in lists",
            server=session.server,
            base=base,
        )
    if settings.create_containers and not family.may_create(found, settings.container_classes):
        raise MisconfiguredError(
            "{server} does not let the service account create containers below {base}",
            cure="give it this right, or create the containers yourself and remove create_containers",
            server=session.server,
            base=base,
        )


def _is_far(time: datetime | None) -> bool:
    """Return whether a clock is further from ours than closings allow for."""
    return time is not None and abs(datetime.now(UTC) - time) > CLOCK_SKEW


def _product(root: Entry) -> str:
    if b"OpenLDAProotDSE" in root[OBJECT_CLASS]:
        return "OpenLDAP"
    return " ".join(part for part in (root.text("vendorName"), root.text("vendorVersion")) if part) or "unknown"
