"""Several servers of one directory, of which some take no changes: a real provider and a real replica of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import MisconfiguredError, MissingError, UnavailableError
from provisioner.core.api.messages import Presence
from provisioner.core.model import Account, Outcome
from provisioner.testing import samples
from provisioner.testing.proxy import TcpProxy, WireFault
from provisioner.testing.samples import OTHER_SECRET, SECRET
from provisioner.testing.slapd import Slapd
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.directory import Directory
from provisioner_ldap.errors import ReadOnlyServerError
from provisioner_ldap.replicas import NotReplicatedError
from provisioner_ldap.settings import ProveAt
from tests.plugins.ldap.conftest import Administrator, MakeDirectory, settings_of

pytestmark = pytest.mark.server("slapd")


@pytest.fixture(scope="module", name="provider")
def _provider() -> Iterator[Slapd]:
    with Slapd(replicated=True) as server:
        yield server


@pytest.fixture(scope="module", name="wire")
def _wire(provider: Slapd) -> Iterator[TcpProxy]:
    """Return what carries the changes from the provider to the replica."""
    with TcpProxy(("127.0.0.1", provider.port)) as proxy:
        yield proxy


@pytest.fixture(scope="module", name="replica")
def _replica(provider: Slapd, wire: TcpProxy) -> Iterator[Slapd]:
    with Slapd(provider=provider, provider_port=wire.port) as server:
        with closing(Administrator(server)) as administrator:
            _wait(lambda: administrator.read(provider.policy_dn) is not None)
        yield server


@attrs.frozen
class Replication:
    """The way from the provider to the replica."""

    _wire: TcpProxy
    _replica: Slapd

    def stop(self) -> None:
        self._wire.fail(WireFault.REFUSE)

    def start(self) -> None:
        self._wire.heal()

    def wait_for(self, account: Account, *, is_there: bool = True) -> None:
        """Wait until an account has come to the replica, or gone from it."""
        with closing(Administrator(self._replica)) as administrator:
            _wait(lambda: (administrator.read(administrator.dn(account)) is not None) == is_there)


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it did not happen within two minutes"
        time.sleep(0.02)


@pytest.fixture(name="replication")
def _replication(wire: TcpProxy, replica: Slapd) -> Iterator[Replication]:
    yield Replication(wire, replica)
    wire.heal()


@pytest.fixture(name="both")
def _both(make_directory: MakeDirectory, provider: Slapd, replica: Slapd, both_trusted: Any) -> Directory:
    """Return a directory whose first server is the replica."""
    return make_directory(provider, urls=(replica.ldaps_url, provider.ldaps_url), ca_file=both_trusted)


@pytest.fixture(scope="module", name="both_trusted")
def _both_trusted(provider: Slapd, replica: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("ca") / "both.pem"
    file.write_text(provider.ca_file.read_text() + replica.ca_file.read_text())
    return file


@pytest.fixture(name="at_provider")
def _at_provider(make_directory: MakeDirectory, provider: Slapd) -> Directory:
    """Return what other programs do, without any replica."""
    return make_directory(provider)


class TestReplicaIsBehind:
    """The replica is first in ``urls``, and has not heard of the account."""

    @pytest.fixture(name="late", autouse=True)
    def _late(self, replication: Replication, at_provider: Directory, account: Account) -> None:
        replication.stop()
        at_provider.create(samples.create(account))

    def test_a_closing_closes(self, both: Directory, at_provider: Directory, account: Account) -> None:
        assert both.shut(samples.close(account)).outcome is Outcome.APPLIED
        assert at_provider.probe(samples.probe(SECRET, account)).secret_accepted is False

    def test_a_deletion_deletes(self, both: Directory, at_provider: Directory, account: Account) -> None:
        assert both.delete(samples.delete(account)).outcome is Outcome.APPLIED
        assert at_provider.probe(samples.probe(None, account)).presence is Presence.ABSENT

    def test_a_probe_finds_it(self, both: Directory, account: Account) -> None:
        assert both.probe(samples.probe(None, account)).presence is Presence.ENABLED

    def test_a_password_is_tried_where_it_was_set(self, both: Directory, account: Account) -> None:
        assert both.probe(samples.probe(SECRET, account)).secret_accepted

    def test_a_new_password_is_set(self, both: Directory, at_provider: Directory, account: Account) -> None:
        both.rotate(samples.rotate(account))

        assert at_provider.probe(samples.probe(OTHER_SECRET, account)).secret_accepted

    def test_an_undo_reaches_the_provider(self, both: Directory, at_provider: Directory, account: Account) -> None:
        undo = both.hand_over(samples.handover(account)).undo
        assert undo
        undo()

        assert at_provider.probe(samples.probe(SECRET, account)).attributes == {}
        assert at_provider.probe(samples.probe(None, account)).attributes["displayName"] == samples.HOLDER.name


class TestReplicaIsStale:
    """The replica is first in ``urls``, and has what was true a while ago."""

    def test_an_account_that_was_opened_again_is_closed(
        self, replication: Replication, both: Directory, at_provider: Directory, account: Account
    ) -> None:
        at_provider.create(samples.create(account))
        at_provider.shut(samples.close(account))
        replication.wait_for(account)
        replication.stop()
        at_provider.create(samples.create(account, OTHER_SECRET))

        assert both.shut(samples.close(account)).outcome is Outcome.APPLIED
        assert at_provider.probe(samples.probe(OTHER_SECRET, account)).secret_accepted is False

    def test_what_is_absent_at_the_provider_is_absent(
        self, replication: Replication, both: Directory, at_provider: Directory, account: Account
    ) -> None:
        at_provider.create(samples.create(account))
        replication.wait_for(account)
        replication.stop()
        at_provider.delete(samples.delete(account))

        assert both.shut(samples.close(account)).outcome is Outcome.UNCHANGED
        assert both.probe(samples.probe(None, account)).presence is Presence.ABSENT
        with pytest.raises(MissingError):
            both.rotate(samples.rotate(account))


class TestEveryServerProves:
    """A change counts when every server that can be reached has it."""

    @pytest.fixture(name="everywhere")
    def _everywhere(
        self, make_directory: MakeDirectory, provider: Slapd, replica: Slapd, both_trusted: Any
    ) -> Callable[..., Directory]:
        def make(*more: str, patience: int = 10) -> Directory:
            return make_directory(
                provider,
                urls=(replica.ldaps_url, provider.ldaps_url, *more),
                ca_file=both_trusted,
                prove_at=ProveAt.ALL,
                replication_patience=patience,
            )

        return make

    @pytest.fixture(name="behind")
    def _behind(
        self, replication: Replication, everywhere: Callable[..., Directory], account: Account
    ) -> Callable[..., Directory]:
        """Return a directory whose replica has the account as it was opened, and hears of nothing more."""

        def make(patience: int = 10) -> Directory:
            directory = everywhere(patience=patience)
            directory.create(samples.create(account))
            replication.wait_for(account)
            replication.stop()
            return directory

        return make

    def test_a_password_that_a_replica_refuses_is_not_proved(
        self, behind: Callable[..., Directory], account: Account
    ) -> None:
        directory = behind(patience=1)
        directory.rotate(samples.rotate(account))

        with pytest.raises(NotReplicatedError, match="has not received the change yet"):
            directory.probe(samples.probe(OTHER_SECRET, account))

    def test_a_closed_account_that_a_replica_lets_in_is_not_proved(
        self, behind: Callable[..., Directory], replica: Slapd, account: Account
    ) -> None:
        directory = behind(patience=1)
        directory.shut(samples.close(account))

        with pytest.raises(NotReplicatedError, match=replica.ldaps_url):
            directory.probe(samples.probe(None, account))

    def test_a_late_replica_is_waited_for(
        self, replication: Replication, behind: Callable[..., Directory], account: Account
    ) -> None:
        directory = behind()
        directory.rotate(samples.rotate(account))
        with ThreadPoolExecutor(1) as pool:
            proof = pool.submit(directory.probe, samples.probe(OTHER_SECRET, account))
            replication.start()

            assert proof.result().secret_accepted

    def test_a_refused_password_is_tried_only_where_it_arrived(
        self, behind: Callable[..., Directory], replica: Slapd, account: Account
    ) -> None:
        """Each refused log-in counts, and a directory locks the account after some."""
        directory = behind(patience=2)
        directory.rotate(samples.rotate(account))
        with pytest.raises(NotReplicatedError):
            directory.probe(samples.probe(OTHER_SECRET, account))

        with closing(Administrator(replica)) as administrator:
            entry = administrator.read(administrator.dn(account)) or {}
        assert "pwdFailureTime" not in entry

    def test_a_replica_among_the_servers_is_no_mistake(self, everywhere: Callable[..., Directory]) -> None:
        assert everywhere().check().warnings == ()

    def test_a_server_that_is_down_lets_nobody_in(
        self, replication: Replication, everywhere: Callable[..., Directory], account: Account
    ) -> None:
        directory = everywhere("ldaps://127.0.0.1:1")
        directory.create(samples.create(account))

        assert directory.probe(samples.probe(SECRET, account)).secret_accepted
        directory.shut(samples.close(account))
        assert directory.probe(samples.probe(None, account)).presence is Presence.DISABLED


class TestDeclaredReplica:
    """The replica is in ``replicas``, so it is never asked for a change."""

    @pytest.fixture(name="declared")
    def _declared(
        self, make_directory: MakeDirectory, provider: Slapd, replica: Slapd, both_trusted: Any
    ) -> Callable[..., Directory]:
        def make(**settings: Any) -> Directory:
            table = {"urls": (provider.ldaps_url,), "replicas": (replica.ldaps_url,), "ca_file": both_trusted}
            return make_directory(provider, **{**table, **settings})

        return make

    def test_no_change_goes_to_it(
        self, declared: Callable[..., Directory], account: Account, provider: Slapd, connected: list[str]
    ) -> None:
        directory = declared()
        directory.create(samples.create(account))
        directory.rotate(samples.rotate(account))
        directory.probe(samples.probe(OTHER_SECRET, account))
        directory.shut(samples.close(account))

        assert set(connected) == {provider.ldaps_url}

    def test_is_checked_without_a_warning(
        self, declared: Callable[..., Directory], provider: Slapd, replica: Slapd
    ) -> None:
        report = declared().check()

        assert report.warnings == ()
        assert report.capabilities.facts["server"] == provider.ldaps_url
        assert report.certificates.keys() == {provider.ldaps_url, replica.ldaps_url}

    def test_that_is_down_is_named(self, declared: Callable[..., Directory]) -> None:
        [warning] = declared(replicas=("ldaps://127.0.0.1:1",)).check().warnings

        assert "ldaps://127.0.0.1:1 does not answer" in str(warning)

    def test_that_could_not_store_a_closing_stops_everything(
        self, make_directory: MakeDirectory, provider: Slapd, tmp_path: Any
    ) -> None:
        poor = Slapd(ppolicy=False)
        poor.bind_password = provider.bind_password
        with poor:
            trusted = tmp_path / "ca.pem"
            trusted.write_text(provider.ca_file.read_text() + poor.ca_file.read_text())
            directory = make_directory(
                provider, urls=(provider.ldaps_url,), replicas=(poor.ldaps_url,), ca_file=trusted
            )

            with pytest.raises(MisconfiguredError, match=f"{poor.ldaps_url} does not support the attribute pwdEndTime"):
                directory.check()

    def test_is_no_substitute_for_a_server_that_takes_changes(self, declared: Callable[..., Directory]) -> None:
        with pytest.raises(UnavailableError):
            declared(urls=("ldaps://127.0.0.1:1",)).check()

    def test_proves_a_change_if_all_shall(
        self, declared: Callable[..., Directory], replication: Replication, replica: Slapd, account: Account
    ) -> None:
        directory = declared(prove_at=ProveAt.ALL, replication_patience=1)
        directory.create(samples.create(account))
        replication.wait_for(account)
        replication.stop()
        directory.shut(samples.close(account))

        with pytest.raises(NotReplicatedError, match=replica.ldaps_url):
            directory.probe(samples.probe(None, account))


class TestNoProvider:
    """No server takes changes, so nothing is known of what is not there."""

    @pytest.mark.parametrize("hook", ["shut", "delete", "probe", "rotate", "create", "hand_over"])
    def test_the_servers_that_there_are_conclude_nothing(
        self, make_directory: MakeDirectory, provider: Slapd, replica: Slapd, account: Account, hook: str
    ) -> None:
        requests = {
            "shut": samples.close(account),
            "delete": samples.delete(account),
            "probe": samples.probe(None, account),
            "rotate": samples.rotate(account),
            "create": samples.create(account),
            "hand_over": samples.handover(account),
        }
        directory = make_directory(provider, urls=(replica.ldaps_url,), ca_file=replica.ca_file)

        with pytest.raises(MisconfiguredError, match=rf"{replica.ldaps_url} accepts no changes: referral") as caught:
            getattr(directory, hook)(requests[hook])

        assert "urls" in str(caught.value.cure)

    def test_a_provider_that_is_down_is_what_is_wrong(
        self, make_directory: MakeDirectory, provider: Slapd, replica: Slapd, account: Account
    ) -> None:
        """It will be back, so what is to be done is tried again later."""
        directory = make_directory(provider, urls=(replica.ldaps_url, "ldaps://127.0.0.1:1"), ca_file=replica.ca_file)

        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
            directory.shut(samples.close(account))

    def test_a_password_that_is_set_on_a_replica_gets_a_referral(self, provider: Slapd, replica: Slapd) -> None:
        """ldap3 raises ``KeyError: 3`` for one; and an unknown outcome would never end."""
        client = LdapClient(settings_of(provider, ca_file=replica.ca_file))

        with closing(client.connect_service(replica.ldaps_url)) as session, pytest.raises(ReadOnlyServerError):
            session.set_password(f"uid=a,{provider.base_dn}", SECRET)

    def test_a_database_that_is_read_only_is_no_server_that_takes_changes(
        self, make_directory: MakeDirectory, account: Account
    ) -> None:
        """It answers otherwise: unwillingToPerform."""
        with Slapd(read_only=True) as server, pytest.raises(MisconfiguredError, match="accepts no changes: unwilling"):
            make_directory(server).shut(samples.close(account))


class TestCheck:
    def test_a_replica_among_the_servers_is_named(self, both: Directory, provider: Slapd, replica: Slapd) -> None:
        report = both.check()

        assert report.capabilities.facts["server"] == provider.ldaps_url
        [warning] = report.warnings
        assert f"{replica.ldaps_url} accepts no changes" in str(warning)

    def test_a_server_that_is_down_is_named(self, make_directory: MakeDirectory, slapd: Slapd) -> None:
        [warning] = make_directory(urls=(slapd.ldaps_url, "ldaps://127.0.0.1:1")).check().warnings

        assert "ldaps://127.0.0.1:1 does not answer" in str(warning)

    def test_the_certificates_of_all_servers_are_shown(
        self, make_directory: MakeDirectory, slapd: Slapd, provider: Slapd
    ) -> None:
        urls = (slapd.ldaps_url, slapd.ldaps_url.replace("localhost", "127.0.0.1"))

        assert make_directory(urls=urls).check().certificates.keys() == set(urls)

    def test_a_replica_alone_is_a_wrong_setting(
        self, make_directory: MakeDirectory, provider: Slapd, replica: Slapd
    ) -> None:
        with pytest.raises(MisconfiguredError, match="accepts no changes"):
            make_directory(provider, urls=(replica.ldaps_url,), ca_file=replica.ca_file).check()

    def test_a_server_that_could_not_store_a_closing_stops_everything(
        self, make_directory: MakeDirectory, provider: Slapd, tmp_path: Any
    ) -> None:
        """As a replica it would stop copying, all entries and for good, at the first account that is closed."""
        poor = Slapd(ppolicy=False)
        poor.bind_password = provider.bind_password
        with poor:
            trusted = tmp_path / "ca.pem"
            trusted.write_text(provider.ca_file.read_text() + poor.ca_file.read_text())
            directory = make_directory(provider, urls=(provider.ldaps_url, poor.ldaps_url), ca_file=trusted)

            with pytest.raises(MisconfiguredError, match=f"{poor.ldaps_url} does not support the attribute pwdEndTime"):
                directory.check()


@pytest.fixture(name="connected")
def _connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the servers to which connections were opened."""
    connected: list[str] = []
    real = LdapClient._connected

    def connect(client: LdapClient, url: str, *arguments: Any) -> Any:
        connected.append(url)
        return real(client, url, *arguments)

    monkeypatch.setattr(LdapClient, "_connected", connect)
    return connected


def test_a_replica_is_not_asked_each_time(
    both: Directory, account: Account, replica: Slapd, connected: list[str]
) -> None:
    both.create(samples.create(account))
    both.rotate(samples.rotate(account))
    both.probe(samples.probe(OTHER_SECRET, account))
    both.shut(samples.close(account))

    assert connected.count(replica.ldaps_url) == 1
