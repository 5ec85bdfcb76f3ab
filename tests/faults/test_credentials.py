"""The rotation of the secret of the service account, killed at every point, on a real directory.

Whenever it is killed, the next program logs in, and ``resume`` ends with one secret that is valid, the stored one.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest

from provisioner.config.load import load
from provisioner.services.bootstrap import application
from provisioner.services.setup import prepare_store
from provisioner.testing.slapd import Slapd
from tests.acceptance.leaks import files_in, find
from tests.forks import STDERR, STDOUT, ForkServer
from tests.plugins.ldap.conftest import Administrator

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd")]

#: What writes a file, the journal, or to the server: killed before and after each of them.
FUNCTIONS = ("flock", "write", "fsync", "replace", "sendall")
WITHIN = ("provisioner.files", "provisioner.store.journal.writer", "provisioner_ldap.wire")

CONFIG_FILE = "provisioner.toml"
CONFIG = """\
language = "en"

[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "ldap"
urls = ["{url}"]
tls = "none"
bind_dn = "{bind_dn}"
bind_password = "file:bind-password"
base_dn = "{base_dn}"
"""


@attrs.define(eq=False)
class Site:
    """A folder with a configuration, and the directory that it names."""

    folder: Path
    server: Slapd
    forks: ForkServer
    administrator: Administrator
    #: Every secret that was stored.
    seen: set[str] = attrs.field(factory=set)

    @property
    def stored(self) -> list[str]:
        """The stored secret, and the pending one if there is one."""
        files = (self.folder / "bind-password", self.folder / "bind-password.pending")
        found = [file.read_text().strip() for file in files if file.exists()]
        self.seen.update(found)
        return found

    def valid(self, *secrets: str) -> set[str]:
        """Return the secrets that log in. Some refused ones in a row would lock the account, so they are few."""
        return {secret for secret in secrets if self.administrator.logs_in(self.server.bind_dn, secret)}

    def rotate_until(self, point: int) -> int:
        """Rotate, and return the exit code; negative if it was killed."""
        arguments = ("target", "rotate-credential", "directory")
        self.forks.start(self.folder, *arguments, die_at=point, within=WITHIN, functions=FUNCTIONS)
        return self.forks.wait()

    def resume(self) -> None:
        """Do what ``provisioner resume`` does, without the time that another process takes."""
        with application(load(self.folder / CONFIG_FILE)) as app:
            assert [result.error for result in app.credentials.resume()] in ([], [None])
            assert app.credentials.unfinished() == []
            app.plugins.targets["directory"].check()


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        server = stack.enter_context(Slapd(policy={"pwdInHistory": "3", "pwdLockout": "TRUE", "pwdMaxFailure": "5"}))
        administrator = Administrator(server)
        stack.callback(administrator.close)
        secret = tmp_path / "bind-password"
        secret.write_text(server.bind_password.reveal())
        secret.chmod(0o600)
        config = tmp_path / CONFIG_FILE
        config.write_text(CONFIG.format(url=server.url, bind_dn=server.bind_dn, base_dn=server.base_dn))
        prepare_store(load(config))
        yield Site(tmp_path, server, stack.enter_context(ForkServer.running()), administrator)


def test_killed_at_any_point_the_program_logs_in_and_resume_finishes(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for point in itertools.count(1):
        former = site.stored[0]
        code = site.rotate_until(point)
        stored = site.stored
        if code == 0:
            break
        assert code == -signal.SIGKILL, (site.folder / STDERR).read_text()
        assert site.valid(*stored), f"point {point}: no stored secret logs in"
        site.resume()
        [current, *pending] = site.stored
        assert site.valid(former, current) == {current}, f"point {point}"
        assert not pending or current == former, f"point {point}: a pending secret is left of a rotation that began"

    [current] = site.stored
    assert site.valid(former, current) == {current}
    assert len(site.seen) > point / 3
    with capsys.disabled():
        print(f"\nkilled at {point - 1} points, {len(site.seen)} secrets")
    others = {name: data for name, data in files_in(site.folder).items() if "bind-password" not in name}
    assert {str(site.folder / name) for name in ("provisioner.sqlite", STDOUT, STDERR)} <= others.keys()
    assert find(site.seen, others) == []
