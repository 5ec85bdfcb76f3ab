"""Which rotations of credentials are unfinished: an end that is forgotten would leave the former secret valid."""

from __future__ import annotations

from provisioner.core.gateways.credentials import (
    CredentialProved,
    CredentialRotated,
    CredentialRotation,
    CredentialRotationBegan,
)
from provisioner.store import Store
from tests.store.conftest import NOON


def test_a_rotation_is_unfinished_until_it_has_ended(store: Store) -> None:
    begun = CredentialRotation(target="posta", began_at=NOON, actor="p1")
    store.write(CredentialRotationBegan(at=NOON, actor="p1", target="posta"))
    assert store.credential_rotations.get("posta") == begun
    assert store.credential_rotations.get("other") is None

    store.write(CredentialProved(at=NOON, actor="p1", target="posta"))
    [proved] = store.credential_rotations.all()
    assert proved.proved_at == NOON

    store.write(CredentialRotated(at=NOON, actor="p1", target="posta"))
    assert list(store.credential_rotations.all()) == []
