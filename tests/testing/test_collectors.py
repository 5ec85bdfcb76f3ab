"""The configurations of the documentation, in real collectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event

import attrs
import pytest

from provisioner.audit import follower
from provisioner.audit.collector import Collector
from provisioner.audit.framing import Framing
from provisioner.audit.received import compare
from provisioner.audit.syslog import Syslog
from provisioner.core.api.errors import ConfigurationError, MisconfiguredError, UnavailableError
from provisioner.core.governance.authority import Authority
from provisioner.core.model.days import utc_now
from provisioner.services.collectors import RSYSLOG_SIZE, Collectors
from provisioner.store import Store
from provisioner.testing import collectors as module
from provisioner.testing.collectors import PrivateCollector, Rsyslog
from provisioner.testing.private import make_certificate
from tests.collector_pages import rsyslog, syslog_ng
from tests.planted import plant
from tests.store.conftest import Story

pytestmark = pytest.mark.slow

CASES = [
    pytest.param(rsyslog, Framing.OCTET_COUNTING, marks=pytest.mark.server("rsyslog"), id="rsyslog-octets"),
    pytest.param(rsyslog, Framing.LINES, marks=pytest.mark.server("rsyslog"), id="rsyslog-lines"),
    *(
        pytest.param(
            partial(syslog_ng, framing), framing, marks=pytest.mark.server("syslog-ng"), id=f"syslog-ng-{framing}"
        )
        for framing in Framing
    ),
]


#: An actor whose name is all that structured data escape, and more than ASCII.
ACTOR = 'Gül "Öz" ]\\'


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    """A store with long entries and strange ones."""
    url = f"sqlite:///{tmp_path}/store.db"
    with Store.create(url) as store:
        plant(url)
        for number, reason in enumerate(["", "ü" * 3000, "x" * 6000, "x" * 9000, "ü" * 9000]):
            planned = Story(f"hesap{number}").planned()
            operation = attrs.evolve(planned.operation, reason=reason)
            store.write(attrs.evolve(planned, actor=ACTOR, operation=operation))
        yield store


def follow(store: Store, collector: Collector, syslog: Syslog) -> None:
    authority = Authority(records=store, administrators=(), enforced=False, now=utc_now)
    assert not Collectors(store=store, authority=authority, now=utc_now).follow(
        collector, viewer="1001", syslog=syslog, stop=Event(), tell=lambda _: None, once=True, settle=0.2
    )


@pytest.mark.parametrize(("make", "framing"), CASES)
def test_documented_configuration_stores_every_entry_whole(
    store: Store, make: Callable[[], PrivateCollector], framing: Framing
) -> None:
    with make() as private:
        collector = Collector.at(private.address, ca_file=private.ca_file)
        follow(store, collector, Syslog(framing=framing, max_size=RSYSLOG_SIZE))

        found = compare([private.received], store.audit_log.after(0), 5)

        assert found.is_complete, found
        assert (found.arrived, found.repeated) == (5, 0)
        assert len(private.received.read_bytes().splitlines()) == 5, "nothing is split"
        assert private.received.read_bytes().count(b"omitted=") == 2


@pytest.mark.server("rsyslog")
def test_message_beyond_the_limit_of_rsyslog_is_cut_if_it_is_sent(store: Store) -> None:
    """This is why there is a limit."""
    with rsyslog() as private:
        collector = Collector.at(private.address, ca_file=private.ca_file)
        follow(store, collector, Syslog(framing=Framing.OCTET_COUNTING))

        assert compare([private.received], store.audit_log.after(0), 5).damaged == [4, 5]


@pytest.mark.server("rsyslog")
def test_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    make_certificate(tmp_path / "other.pem", tmp_path / "other.key")
    with rsyslog() as private, pytest.raises(MisconfiguredError, match="is not accepted"):
        Collector.at(private.address, ca_file=tmp_path / "other.pem").connect()


@pytest.mark.server("rsyslog")
def test_collector_that_asks_for_a_certificate(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page says it is configured; without one, nothing is confirmed."""
    monkeypatch.setattr(follower, "_ONCE", 0.0)
    asking = rsyslog()
    asking.configuration = asking.configuration.replace(
        'streamDriver.authMode="anon"', 'streamDriver.authMode="x509/name" permittedPeer=["localhost"]'
    )
    syslog = Syslog(framing=Framing.OCTET_COUNTING, max_size=RSYSLOG_SIZE)
    with asking as private:
        stranger = Collector.at(private.address, ca_file=private.ca_file)
        # rsyslog refuses it after the handshake: either what it says is read, or the end of the connection.
        with pytest.raises((MisconfiguredError, UnavailableError)):
            follow(store, stranger, syslog)
        assert store.collectors.all() == []

        known = Collector.at(
            private.address,
            ca_file=private.ca_file,
            client_certificate=private.ca_file,
            client_key=private.folder / "collector.key",
        )
        follow(store, known, syslog)

        assert compare([private.received], store.audit_log.after(0), 5).is_complete


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "UNPACKED", tmp_path)
    monkeypatch.setattr(module, "RSYSLOGD", "nowhere/rsyslogd")

    with pytest.raises(ConfigurationError, match=r"needs rsyslog"):
        Rsyslog(configuration="").start()
