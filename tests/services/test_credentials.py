"""A new secret for the product's own account, on a real directory, with the configuration read from files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import ldap3
import pytest

from provisioner.config.load import load
from provisioner.core.api.errors import ConfigurationError, NotReadyError
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.services.setup import prepare_store
from provisioner.testing.slapd import Slapd

pytestmark = pytest.mark.server("slapd")

CONFIG = """\
[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "ldap"
urls = ["{url}"]
tls = "none"
bind_dn = "{bind_dn}"
bind_password = "{reference}"
base_dn = "{base_dn}"
"""


@attrs.define(eq=False)
class Site:
    """A folder with a configuration, its store, and the secret of the service account."""

    folder: Path
    server: Slapd
    reference: str = "file:bind-password"

    @property
    def file(self) -> Path:
        return self.folder / "bind-password"

    @property
    def pending(self) -> Path:
        return self.folder / "bind-password.pending"

    @property
    def secret(self) -> str:
        return self.file.read_text().splitlines()[0]

    def configure(self) -> Path:
        """Write the configuration and the secret that the server has."""
        self.file.write_text(self.server.bind_password.reveal())
        self.file.chmod(0o600)
        config = self.folder / "provisioner.toml"
        config.write_text(
            CONFIG.format(
                url=self.server.url,
                bind_dn=self.server.bind_dn,
                base_dn=self.server.base_dn,
                reference=self.reference,
            )
        )
        prepare_store(load(config))
        return config

    @contextmanager
    def application(self) -> Iterator[Application]:
        with application(load(self.folder / "provisioner.toml")) as app:
            yield app

    def logs_in(self, secret: str) -> bool:
        server = ldap3.Server("127.0.0.1", port=self.server.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, user=self.server.bind_dn, password=secret)
        bound = connection.bind()
        connection.unbind()
        return bool(bound)


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with Slapd(policy={"pwdMustChange": "TRUE", "pwdInHistory": "3", "pwdCheckQuality": "1"}) as server:
        site = Site(tmp_path, server)
        site.configure()
        yield site


def test_the_new_secret_logs_in_and_the_former_one_does_not(site: Site) -> None:
    former = site.secret
    with site.application() as app:
        assert app.credentials.rotate("directory", actor="1001").error is None
        kinds = [entry.kind for entry in app.store.audit_log.entries()]

    assert site.secret != former
    assert site.logs_in(site.secret)
    assert not site.logs_in(former)
    assert not site.pending.exists()
    assert site.file.stat().st_mode & 0o777 == 0o600
    assert kinds == ["credential_rotation_began", "credential_proved", "credential_rotated"]
