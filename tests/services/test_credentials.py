"""A new secret for the product's own account: what may stop it, and that nobody is locked out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import ldap3
import pytest

from provisioner import files, hookimpl
from provisioner.config.load import load
from provisioner.core.api.errors import (
    BusyError,
    ConfigurationError,
    DeniedError,
    InputError,
    NotReadyError,
    SecretRefusedError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import CredentialReport, ProbeCredential, Receipt, SetCredential
from provisioner.core.model import Outcome
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.services.setup import prepare_store
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.slapd import Slapd

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


@pytest.mark.server("slapd")
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


@pytest.mark.server("slapd")
def test_what_ran_since_before_the_rotation_goes_on(site: Site) -> None:
    with site.application() as running:
        with site.application() as app:
            app.credentials.rotate("directory", actor="1001")

        assert running.plugins.targets["directory"].check()


@attrs.define(eq=False)
class Box(MemoryTarget):
    """A target with two servers, which the product logs in to with a secret."""

    valid: dict[str, set[str]] = attrs.field(factory=lambda: {"one": {"former-1"}, "two": {"former-1"}})
    #: What the next calls of ``credential_set`` raise, before or after they set the secret.
    before: list[Exception] = attrs.field(factory=list)
    after: list[Exception] = attrs.field(factory=list)
    #: The servers that don't have what is set.
    late: set[str] = attrs.field(factory=set)
    is_down: bool = False
    sets: int = 0

    @hookimpl
    def credential_set(self, request: SetCredential) -> Receipt:
        self.sets += 1
        if self.before:
            raise self.before.pop(0)
        for server in self.valid.keys() - self.late:
            self.valid[server] = {request.secret.reveal()}
        if self.after:
            raise self.after.pop(0)
        return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def credential_probe(self, request: ProbeCredential) -> CredentialReport:
        if self.is_down:
            raise UnavailableError("two does not answer")
        accepted = {server for server, valid in self.valid.items() if request.secret.reveal() in valid}
        return CredentialReport(
            accepted_by=tuple(sorted(accepted)), refused_by=tuple(sorted(self.valid.keys() - accepted))
        )


@attrs.define(eq=False)
class Office:
    """A harness with a box, and the file of its secret."""

    harness: Harness
    box: Box
    file: Path

    def rotate(self, **options: bool) -> Exception | None:
        return self.harness.app.credentials.rotate("box", actor="1001", **options).error

    def resume(self) -> list[Exception | None]:
        return [result.error for result in self.harness.app.credentials.resume()]

    @property
    def pending(self) -> str | None:
        file = self.file.with_name("secret.pending")
        return file.read_text().strip() if file.exists() else None

    def is_replaced(self) -> bool:
        secret = self.file.read_text().strip()
        return secret != "former-1" and self.box.valid == {"one": {secret}, "two": {secret}} and self.pending is None


def office_of(folder: Path, reference: str = "file:secret", **others: object) -> Office:
    (folder / "secret").write_text("former-1")
    (folder / "secret").chmod(0o600)
    box = Box()
    harness = Harness(
        folder / "store.sqlite",
        targets={"box": box, "other": MemoryTarget()},
        channels={"sms": MemoryChannel()},
        scopes={"box": {"password": reference}, **others},  # type: ignore[dict-item]
        administrators=["1001"],
    )
    harness.plugins.targets["box"].credential = "password"
    return Office(harness, box, folder / "secret")


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    office = office_of(tmp_path)
    with office.harness:
        yield office


class TestRefusals:
    """What is wrong before the first change ends without one."""

    @pytest.mark.parametrize("reference", ["env:BOX", "plain:former-1"])
    def test_a_secret_that_a_program_cannot_change(self, tmp_path: Path, reference: str) -> None:
        office = office_of(tmp_path, reference)
        with office.harness, pytest.raises(ConfigurationError, match="cannot change the secret") as caught:
            office.rotate()

        assert "file:PATH" in str(caught.value.cure)

    def test_a_secret_that_others_use(self, tmp_path: Path) -> None:
        """They would be locked out, or the rotation would never be shown."""
        office = office_of(tmp_path, other={"key": "file:secret"})
        with office.harness, pytest.raises(ConfigurationError, match="another table refers to the same secret"):
            office.rotate()

    def test_a_target_without_the_hooks(self, office: Office) -> None:
        with pytest.raises(ConfigurationError, match="other has no secret that can be replaced"):
            office.harness.app.credentials.rotate("other", actor="1001")

    def test_a_target_that_is_not_there(self, office: Office) -> None:
        with pytest.raises(InputError, match="there is no target yok"):
            office.harness.app.credentials.rotate("yok", actor="1001")

    def test_somebody_who_is_no_administrator(self, office: Office) -> None:
        with pytest.raises(DeniedError):
            office.harness.app.credentials.rotate("box", actor="1002")

    def test_a_stored_secret_that_does_not_log_in_everywhere(self, office: Office) -> None:
        office.box.valid["two"] = {"another"}
        with pytest.raises(NotReadyError, match="two refuses the stored secret"):
            office.rotate()

        assert (office.pending, office.box.sets) == (None, 0)

    def test_a_server_that_is_down(self, office: Office) -> None:
        office.box.is_down = True
        with pytest.raises(NotReadyError, match="two does not answer"):
            office.rotate()

        assert (office.pending, office.box.sets) == (None, 0)

    def test_another_process_that_does_the_same(self, office: Office) -> None:
        with files.locked(office.file.parent), pytest.raises(BusyError):
            office.rotate()

    def test_a_dry_run_changes_nothing(self, office: Office) -> None:
        assert office.rotate(dry_run=True) is None
        assert (office.pending, office.box.sets, office.file.read_text()) == (None, 0, "former-1")


class TestInterruptions:
    def test_a_lost_answer_is_found_out(self, office: Office) -> None:
        office.box.after = [UnknownOutcomeError("no answer")]

        assert office.rotate() is None
        assert office.is_replaced()

    def test_a_refused_secret_is_drawn_again(self, office: Office) -> None:
        office.box.before = [SecretRefusedError("too simple")]

        assert office.rotate() is None
        assert office.is_replaced()
        assert office.box.sets == 2

    def test_a_target_that_refuses_every_secret_keeps_the_former_one(self, office: Office) -> None:
        office.box.before = [SecretRefusedError("too simple")] * 9

        assert isinstance(office.rotate(), SecretRefusedError)
        assert office.file.read_text() == "former-1"
        assert office.resume() == [None]
        assert office.is_replaced()

    def test_a_server_that_has_not_received_it_keeps_both(self, office: Office) -> None:
        office.box.late = {"two"}

        assert "still valid at two" in str(office.rotate())
        assert (office.file.read_text(), office.pending) == ("former-1", *office.box.valid["one"])
        assert office.box.sets == 1

        office.box.valid["two"] = office.box.valid["one"]
        assert office.resume() == [None]
        assert office.is_replaced()
        assert office.box.sets == 1

    def test_a_former_secret_that_is_still_valid_is_made_void(self, office: Office) -> None:
        """Active Directory takes it for an hour, if the new one was set once and not twice."""
        office.box.late = {"one", "two"}
        office.rotate()
        office.box.late, office.box.valid["one"] = set(), {"former-1", office.pending or ""}

        assert office.resume() == [None]
        assert office.is_replaced()

    def test_what_is_finished_is_not_resumed(self, office: Office) -> None:
        office.rotate()

        assert office.resume() == []
        assert office.harness.app.credentials.unfinished() == []

    def test_another_process_that_resumes_is_left_alone(self, office: Office) -> None:
        office.box.late = {"two"}
        office.rotate()
        with files.locked(office.file.parent):
            [error] = office.resume()

        assert isinstance(error, BusyError)
