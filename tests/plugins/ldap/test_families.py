"""Which kinds of directories there are, and how one is recognised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from provisioner.core.api.errors import ConfigurationError, MisconfiguredError
from provisioner.core.model import Account
from provisioner.testing import samples
from provisioner.testing.slapd import Slapd
from provisioner_ldap import families
from provisioner_ldap.entry import Attributes, Entry
from provisioner_ldap.families.base import Family
from provisioner_ldap.families.openldap import OpenLdap
from tests.plugins.ldap.conftest import SEARCH, MakeDirectory, Proxy, settings_of

OPENLDAP = Entry("", {"objectclass": (b"top", b"OpenLDAProotDSE")})
STRANGE = Entry("", {"objectclass": (b"top",), "vendorname": (b"Example",)})


class Foreign(Family):
    """What another package may bring."""

    switch: ClassVar[str] = "loginDisabled"
    locks: ClassVar[tuple[str, ...]] = ("loginDisabled",)

    def recognises(self, root: Entry) -> bool:
        return root.text("vendorName") == "Example"

    def lock(self, entry: Entry, now: datetime) -> str:
        return "loginDisabled=TRUE" if entry.text(self.switch) == "TRUE" else ""

    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        return {} if self.lock(entry, now) else {self.switch: (b"TRUE",)}

    def enabling(self, entry: Entry) -> Attributes:
        return {self.switch: ()} if entry[self.switch] else {}


class Broken(Foreign):
    def __init__(self) -> None:
        raise ImportError("no module named example")


@pytest.fixture(name="foreign")
def _foreign(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    name = getattr(request, "param", "Foreign")
    found = EntryPoint("example", f"{__name__}:{name}", families.GROUP)
    monkeypatch.setattr(families, "entry_points", lambda *, group: [found] if group == families.GROUP else [])


@pytest.mark.parametrize("name", families.known())
def test_every_family_can_be_loaded(name: str) -> None:
    assert families.load(name).switch


def test_openldap_is_recognised_by_the_class_of_its_root_dse() -> None:
    assert isinstance(families.recognised(OPENLDAP, "ldap://a"), OpenLdap)


def test_a_directory_of_no_known_kind_is_a_wrong_setting() -> None:
    with pytest.raises(MisconfiguredError, match="ldap://a does not show") as caught:
        families.recognised(STRANGE, "ldap://a")

    assert "family" in str(caught.value.cure)


@pytest.mark.usefixtures("foreign")
class TestForeign:
    def test_a_family_of_another_package_is_recognised(self) -> None:
        assert isinstance(families.recognised(STRANGE, "ldap://a"), Foreign)
        assert isinstance(families.recognised(OPENLDAP, "ldap://a"), OpenLdap)

    def test_a_family_of_another_package_may_be_configured(self, slapd: Slapd) -> None:
        settings = settings_of(slapd, family="example")
        settings.verify("targets.directory")

        assert settings.family == "example"

    @pytest.mark.parametrize("foreign", ["Broken"], indirect=True)
    def test_one_that_cannot_be_loaded_is_named(self) -> None:
        with pytest.raises(MisconfiguredError, match="example cannot be loaded: ImportError"):
            families.load("example")


def test_a_family_that_nobody_brings_is_a_wrong_setting(slapd: Slapd) -> None:
    with pytest.raises(ConfigurationError, match=r"targets\.directory\.family: expected one of .*openldap"):
        settings_of(slapd, family="example").verify("targets.directory")


@pytest.mark.server("slapd")
class TestRecognising:
    def test_a_server_is_asked_once(self, make_directory: MakeDirectory, proxy: Proxy, account: Account) -> None:
        directory = make_directory(urls=(proxy.url,), tls="none", connections=1)
        directory.create(samples.create(account))
        asked = proxy.seen[SEARCH]
        directory.probe(samples.probe(account=account))

        assert proxy.seen[SEARCH] == asked + 1

    def test_a_configured_family_is_not_asked_for(
        self, make_directory: MakeDirectory, proxy: Proxy, account: Account
    ) -> None:
        directory = make_directory(urls=(proxy.url,), tls="none", family="openldap")
        directory.create(samples.create(account))
        directory.probe(samples.probe(account=account))

        assert proxy.seen[SEARCH] == 1


@pytest.mark.parametrize(
    ("family", "values", "told"),
    [
        ("openldap", {"pwdChangedTime": "20260105060000Z"}, datetime(2026, 1, 5, 6, tzinfo=UTC)),
        ("openldap", {"pwdChangedTime": "000001010000Z"}, None),
        ("openldap", {}, None),
        ("389ds", {"pwdUpdateTime": "20260105090000+0300"}, datetime(2026, 1, 5, 6, tzinfo=UTC)),
        ("389ds", {}, None),
        ("active-directory", {"pwdLastSet": "134120664000000000"}, datetime(2026, 1, 5, 6, tzinfo=UTC)),
        ("active-directory", {"pwdLastSet": "0"}, None),
        ("active-directory", {"pwdLastSet": str(2**63 - 1)}, None),
        ("active-directory", {}, None),
    ],
)
def test_the_age_of_a_password_is_read_or_unknown(
    family: str, values: Mapping[str, str], told: datetime | None
) -> None:
    """A time that was never set must not count as an old password."""
    entry = Entry("uid=a", {name.lower(): (value.encode(),) for name, value in values.items()})

    assert families.load(family).password_changed_at(entry) == told


def test_a_family_that_names_no_time_tells_none() -> None:
    assert Foreign().password_changed_at(Entry("uid=a", {"pwdchangedtime": (b"20260105060000Z",)})) is None
