"""An address may be no more than a URL, and never shows its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.model.secret import Secret
from provisioner.store.address import StoreAddress, address_of


def test_a_url_is_an_address() -> None:
    assert address_of("sqlite:////a").url == "sqlite:////a"


def test_the_files_of_a_bare_url_are_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder in which a program starts would have a key of its own, so that numbers could not be compared."""
    file = tmp_path / "etc" / "provisioner.toml"
    monkeypatch.setenv("PROVISIONER_CONFIG", str(file))
    monkeypatch.chdir(tmp_path)

    assert address_of("postgresql://db/store").folder == file.parent


def test_the_files_of_a_bare_url_do_not_move_with_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVISIONER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    address = address_of("postgresql://db/store")

    monkeypatch.chdir("/")

    assert address.folder == tmp_path
    assert address.folder.is_absolute()


def test_an_address_shows_no_password() -> None:
    assert "hunter2" not in repr(StoreAddress("postgresql://db/store", password=Secret("hunter2")))
