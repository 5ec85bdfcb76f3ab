"""No password leaves this machine before the other side has proved who it is."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.api.errors import MisconfiguredError, UnavailableError
from provisioner.testing import samples
from provisioner.testing.private import make_certificate
from provisioner.testing.slapd import Slapd
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.settings import TlsMode
from tests.plugins.ldap.conftest import BIND, EXTENDED, MakeDirectory, Proxy, settings_of

pytestmark = pytest.mark.server("slapd")

#: What a server answers that knows no StartTLS: protocolError, to the first request on a connection.
NO_STARTTLS = bytes.fromhex("300c02010178070a010204000400")


@pytest.fixture(name="url", params=["ldaps", "starttls"])
def _url(request: pytest.FixtureRequest, slapd: Slapd) -> str:
    return slapd.ldaps_url if request.param == "ldaps" else slapd.url


@pytest.fixture(name="strange_ca")
def _strange_ca(tmp_path: Path) -> Path:
    make_certificate(tmp_path / "strange.pem", tmp_path / "strange.key")
    return tmp_path / "strange.pem"


def test_both_ways_encrypt(make_directory: MakeDirectory, url: str) -> None:
    assert make_directory(urls=(url,)).check().capabilities.facts["tls"] == "TLSv1.3"


def test_both_ways_show_until_when_the_certificate_is_good(make_directory: MakeDirectory, url: str) -> None:
    """A rule set warns before it runs out (004 m.12/d)."""
    certificates = make_directory(urls=(url,)).check().certificates

    assert certificates.keys() == {url}
    assert timedelta(days=6) < certificates[url] - datetime.now(UTC) <= timedelta(days=7)


def test_without_tls_there_is_no_certificate(make_directory: MakeDirectory, slapd: Slapd) -> None:
    assert make_directory(urls=(slapd.url,), tls=TlsMode.NONE).check().certificates == {}


@pytest.mark.parametrize("tls", TlsMode)
def test_small_messages_do_not_wait(slapd: Slapd, url: str, tls: TlsMode) -> None:
    """Otherwise each new connection costs 40 ms."""
    with closing(LdapClient(settings_of(slapd, tls=tls)).connect(url)) as session:
        assert session._connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_certificate_of_somebody_else_is_refused(make_directory: MakeDirectory, url: str, strange_ca: Path) -> None:
    with pytest.raises(MisconfiguredError, match="certificate verification failed") as caught:
        make_directory(urls=(url,), ca_file=strange_ca).check()

    assert "ca_file" in str(caught.value.cure)


def test_without_a_ca_file_the_system_decides(make_directory: MakeDirectory, url: str) -> None:
    with pytest.raises(MisconfiguredError, match="certificate verification failed"):
        make_directory(urls=(url,), ca_file=None).check()


def test_a_certificate_for_another_name_is_refused(
    make_directory: MakeDirectory, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = socket.getaddrinfo("127.0.0.1", int(url.rpartition(":")[2]), type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: address)

    with pytest.raises(MisconfiguredError, match=r"certificate verification failed for .*mismatch"):
        make_directory(urls=(url.replace("localhost", "directory.example.org"),)).check()


def test_an_address_in_the_certificate_will_do(make_directory: MakeDirectory, url: str) -> None:
    """ldap3 itself would refuse it on Python 3.12 and later."""
    assert make_directory(urls=(url.replace("localhost", "127.0.0.1"),)).check().capabilities


def test_a_missing_ca_file_is_named(make_directory: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match=r"nowhere\.pem"):
        make_directory(ca_file=tmp_path / "nowhere.pem").check()


@pytest.mark.parametrize("answer", [NO_STARTTLS, b"garbage"])
def test_who_takes_starttls_away_gets_no_password(make_directory: MakeDirectory, proxy: Proxy, answer: bytes) -> None:
    proxy.garble[EXTENDED] = answer

    with pytest.raises((MisconfiguredError, UnavailableError)):
        make_directory(urls=(proxy.url,), connect_timeout=1).check()

    assert proxy.seen[BIND] == 0


def test_a_lost_connection_is_not_opened_again_in_clear_text(make_directory: MakeDirectory, proxy: Proxy) -> None:
    """ldap3 opens a closed connection for a bind, and forgets that it was encrypted."""
    directory = make_directory(urls=(proxy.url,))
    directory.probe(samples.probe(samples.SECRET))
    proxy.cut()
    directory.probe(samples.probe(samples.SECRET))

    assert proxy.seen[BIND] == 0


def test_a_server_that_speaks_no_tls_is_unavailable(make_directory: MakeDirectory, slapd: Slapd) -> None:
    settings: dict[str, Any] = {"urls": (f"ldaps://localhost:{slapd.port}",), "connect_timeout": 1}

    with pytest.raises(UnavailableError):
        make_directory(**settings).check()
