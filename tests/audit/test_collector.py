"""What is believed of a collector's connection, and what is not."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.audit import collector as module
from provisioner.audit.collector import Collector, CollectorConnection
from provisioner.core.api.errors import InputError, MisconfiguredError, UnavailableError
from provisioner.testing.kannel import wait_until
from provisioner.testing.private import make_certificate
from tests.audit.peer import Peer, leave_early, leave_silently

#: More than fits into the buffers of both sides.
MUCH = b"x" * 20_000_000


def certificate(folder: Path, name: str = "peer", host: str = "127.0.0.1") -> Path:
    """Return a new certificate with its key in one file."""
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    make_certificate(made, key, host)
    made.write_bytes(made.read_bytes() + key.read_bytes())
    return made


class TestAddress:
    """Where the audit log may go."""

    @pytest.mark.parametrize(
        "address",
        ["siem.example:6514", "tls://siem.example", "udp://siem:514", "tls://:6514", "tls://siem:0x", "tls://s:1/x"],
    )
    def test_what_is_no_address_is_refused(self, address: str) -> None:
        with pytest.raises(InputError, match="tls://HOST:PORT"):
            Collector.at(address)

    def test_nothing_leaves_this_machine_unencrypted(self) -> None:
        with pytest.raises(InputError, match="isn't encrypted"):
            Collector.at("tcp://192.0.2.1:601")

    def test_unless_somebody_says_so(self) -> None:
        assert Collector.at("tcp://192.0.2.1:601", insecure=True).address == "tcp://192.0.2.1:601"

    def test_ipv6_address_is_one(self) -> None:
        assert Collector.at("tcp://[::1]:601").address == "tcp://[::1]:601"


class TestFinish:
    """Everything was read, or it is not believed."""

    def test_everything_was_read(self) -> None:
        peer = Peer()
        with peer.listening() as collector:
            link = collector.connect()
            link.send(MUCH)
            link.finish()

            assert peer.received == MUCH

    def test_everything_was_read_with_tls(self, tmp_path: Path) -> None:
        peer = Peer(certificate=certificate(tmp_path))
        with peer.listening() as collector:
            link = collector.connect()
            link.send(b"entry")
            link.finish()

            assert peer.received == b"entry"

    def test_collector_that_leaves_early_has_not_read_everything(self) -> None:
        """Its side of TCP has acknowledged all bytes by then."""
        with Peer(leave_early).listening() as collector, closing(collector.connect()) as link:
            link.send(b"entries")

            with pytest.raises(UnavailableError):
                link.finish()

    def test_end_of_tls_must_be_said(self, tmp_path: Path) -> None:
        """Every machine on the way can end the connection of TCP."""
        peer = Peer(leave_silently, certificate(tmp_path))
        with peer.listening() as collector, closing(collector.connect()) as link:
            link.send(b"entries")

            with pytest.raises(UnavailableError):
                link.finish()

    def test_collector_that_reads_nothing_is_not_waited_for_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PATIENCE", 0.2)
        peer = Peer(lambda _, __: time.sleep(1))
        with peer.listening() as collector:
            link = collector.connect()
            with closing(link), pytest.raises(UnavailableError, match="timed out"):
                link.send(MUCH)


class TestCertificate:
    """A wrong one is a clear error, and nothing is sent."""

    def test_of_another_authority(self, tmp_path: Path) -> None:
        peer = Peer(certificate=certificate(tmp_path))
        with peer.listening():
            with pytest.raises(MisconfiguredError, match="not accepted: self-signed certificate"):
                peer.at("localhost", certificate(tmp_path, "other")).connect()

            assert peer.received == b""

    def test_of_another_name(self, tmp_path: Path) -> None:
        peer = Peer(certificate=certificate(tmp_path, host="127.0.0.9"))
        with peer.listening():
            with pytest.raises(MisconfiguredError, match=r"not accepted: IP address mismatch"):
                peer.at("127.0.0.1").connect()

            assert peer.received == b""


def is_closed(link: CollectorConnection) -> bool:
    try:
        link.expect_open()
    except UnavailableError:
        return True
    return False


def test_closed_connection_is_noticed_before_anything_is_sent() -> None:
    peer = Peer()
    with peer.listening() as collector, closing(collector.connect()) as link:
        assert not is_closed(link)
        wait_until(lambda: peer.connections)
        peer.hang_up()

        wait_until(lambda: is_closed(link))


def test_nobody_there() -> None:
    with Peer().listening() as collector:
        pass

    with pytest.raises(UnavailableError, match="no connection to tcp://localhost"):
        collector.connect()
