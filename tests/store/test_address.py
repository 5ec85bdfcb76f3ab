"""An address may be no more than a URL, and never shows its password."""

from __future__ import annotations

from provisioner.core.model.secret import Secret
from provisioner.store.address import StoreAddress, address_of


def test_a_url_is_an_address() -> None:
    assert address_of("sqlite:////a").url == "sqlite:////a"


def test_an_address_shows_no_password() -> None:
    assert "hunter2" not in repr(StoreAddress("postgresql://db/store", password=Secret("hunter2")))
