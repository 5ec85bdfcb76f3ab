"""The private server that harnesses and the demo start."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner.testing import slapd
from provisioner.testing.slapd import Slapd
from tests.plugins.ldap.conftest import Administrator


@pytest.mark.server("slapd")
class TestServer:
    def test_it_is_gone_completely(self) -> None:
        with Slapd() as server:
            folder = server.folder

            assert folder.exists()
        assert not folder.exists()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", server.port))

    def test_it_listens_on_loopback_only(self) -> None:
        with Slapd() as server:
            listening = Path("/proc/net/tcp").read_text(encoding="ascii") + Path("/proc/net/tcp6").read_text(
                encoding="ascii"
            )

        addresses = [line.split()[1] for line in listening.splitlines() if f":{server.port:04X} 0" in line]
        assert {address for address in addresses if not address.startswith("0100007F")} == set()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give rights up")
    def test_it_does_not_run_as_root(self) -> None:
        with Slapd() as server:
            assert server.folder.stat().st_uid != 0

    def test_its_content_survives_a_crash(self) -> None:
        with Slapd(sync=True) as server:
            with closing(Administrator(server)) as administrator:
                administrator.add(f"uid=a,{server.base_dn}", ["account"], {})
            server.kill()
            server.start()

            with closing(Administrator(server)) as administrator:
                assert administrator.read(f"uid=a,{server.base_dn}")

    def test_nobody_else_can_read_the_service_password(self) -> None:
        with Slapd() as server:
            assert (server.folder / "bind.password").stat().st_mode & 0o077 == 0
            assert server.folder.stat().st_mode & 0o077 == 0

    def test_it_may_be_stopped_twice(self) -> None:
        server = Slapd()
        server.start()
        server.stop()
        server.stop()

        assert not server.folder.exists()

    def test_it_may_be_started_again_empty(self) -> None:
        server = Slapd()
        for _ in range(2):
            with server, closing(Administrator(server)) as administrator:
                administrator.add(f"uid=a,{server.base_dn}", ["account"], {})  # asserts that there is none yet

    def test_a_policy_that_makes_no_sense_is_reported(self) -> None:
        with pytest.raises(ConfigurationError, match="pwdFancy"), Slapd(policy={"pwdFancy": "1"}):
            pass


def test_missing_packages_are_named_with_the_command_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slapd, "PACKAGES", {"slapd": ("/usr/sbin/no-such-slapd",), "openssl": ("/",)})

    with pytest.raises(ConfigurationError, match="needs slapd") as caught:
        Slapd().start()

    assert "apt-get install slapd" in str(caught.value.cure)
