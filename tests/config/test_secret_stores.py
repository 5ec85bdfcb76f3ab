"""Secrets that the product can replace: whatever ends the program, the current or the pending one is there."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

from provisioner.config.secret_stores import SecretStore, store_of, valid_now
from provisioner.config.secrets import find
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret


def revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def both(store: SecretStore) -> tuple[str | None, str | None]:
    return revealed(store.current()), revealed(store.pending())


class Ring(ModuleType):
    """A key ring in memory."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.entries = {("ldap", "admin"): "former-1"}

    def get_password(self, service: str, user: str) -> str | None:
        return self.entries.get((service, user))

    def set_password(self, service: str, user: str, text: str) -> None:
        self.entries[service, user] = text

    def delete_password(self, service: str, user: str) -> None:
        del self.entries[service, user]


@pytest.fixture(name="ring")
def _ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    ring = Ring()
    monkeypatch.setitem(sys.modules, "keyring", ring)
    return ring


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("former-1\n# from the directory team\n")
    file.chmod(0o600)
    return file


@pytest.fixture(name="store", params=["file:password", "keyring:ldap/admin"])
def _store(request: pytest.FixtureRequest, tmp_path: Path, file: Path, ring: Ring) -> SecretStore:
    store = store_of(request.param, tmp_path)
    assert store
    assert file
    assert ring
    return store


class TestEveryStore:
    def test_has_both_until_the_pending_one_is_adopted(self, store: SecretStore) -> None:
        store.propose(Secret("new-1"))
        assert both(store) == ("former-1", "new-1")
        store.adopt()

        assert both(store) == ("new-1", None)

    def test_keeps_only_the_last_pending_one(self, store: SecretStore) -> None:
        store.propose(Secret("refused-1"))
        store.propose(Secret("new-1"))

        assert both(store) == ("former-1", "new-1")

    def test_adopts_once(self, store: SecretStore) -> None:
        """The program may have been killed just after the first time."""
        store.propose(Secret("new-1"))
        store.adopt()
        store.adopt()

        assert both(store) == ("new-1", None)

    def test_can_be_replaced_and_is_not_by_the_check(self, store: SecretStore) -> None:
        store.expect_replaceable()

        assert both(store) == ("former-1", None)


@pytest.mark.usefixtures("file", "ring")
@pytest.mark.parametrize("reference", ["file:password", "keyring:ldap/admin"])
def test_who_has_the_former_secret_finds_the_others(tmp_path: Path, reference: str) -> None:
    """A program that runs while another one replaces it."""
    secret, store = find(reference, tmp_path), store_of(reference, tmp_path)
    assert store
    assert [other.reveal() for other in secret.valid_instead()] == []
    store.propose(Secret("new-1"))
    assert [other.reveal() for other in secret.valid_instead()] == ["new-1"]
    store.adopt()

    assert [other.reveal() for other in secret.valid_instead()] == ["new-1"]


@pytest.mark.parametrize("reference", ["env:PASSWORD", "plain:former-1"])
def test_a_place_that_a_program_cannot_change_for_others_has_no_store(tmp_path: Path, reference: str) -> None:
    assert store_of(reference, tmp_path) is None
    assert list(valid_now(reference, tmp_path)) == []


class TestFile:
    def test_keeps_its_owner_its_mode_and_its_other_lines(self, tmp_path: Path, file: Path) -> None:
        file.chmod(0o640)
        former = file.stat()
        store = store_of("file:password", tmp_path)
        assert store
        store.propose(Secret("new-1"))
        store.adopt()

        assert file.read_text() == "new-1\n# from the directory team\n"
        assert (file.stat().st_uid, file.stat().st_gid) == (former.st_uid, former.st_gid)
        assert stat.S_IMODE(file.stat().st_mode) == 0o640

    def test_is_never_readable_by_others_while_it_is_written(
        self, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        modes = []
        real = os.fsync

        def look(descriptor: int) -> None:
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", look)
        store = store_of(f"file:{file}", tmp_path)
        assert store
        store.propose(Secret("new-1"))

        assert modes[0] == 0

    def test_that_is_a_link_is_replaced_where_it_leads(self, tmp_path: Path, file: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(file)
        store = store_of("file:link", tmp_path)
        assert store
        store.propose(Secret("new-1"))
        store.adopt()

        assert link.is_symlink()
        assert both(store) == ("new-1", None)

    def test_that_everybody_can_read_is_refused(self, tmp_path: Path, file: Path) -> None:
        file.chmod(0o644)
        store = store_of("file:password", tmp_path)
        assert store
        with pytest.raises(ConfigurationError, match="everybody can read") as caught:
            store.expect_replaceable()

        assert "chmod 600" in str(caught.value.cure)


def test_a_key_ring_that_fails_is_not_quoted(tmp_path: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: str) -> None:
        raise RuntimeError(arguments)

    store = store_of("keyring:ldap/admin", tmp_path)
    assert store
    monkeypatch.setattr(ring, "set_password", fail)
    with pytest.raises(ConfigurationError, match="RuntimeError") as caught:
        store.propose(Secret("new-1"))

    assert "new-1" not in f"{caught.value} {caught.value.__cause__} {caught.value.cure}"
