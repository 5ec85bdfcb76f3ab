"""What the journal knows of a secret that is being replaced: never the secret."""

from __future__ import annotations

import attrs

from provisioner.core.gateways.credentials import (
    CredentialProved,
    CredentialRotated,
    CredentialRotation,
    CredentialRotationBegan,
)

EVENTS = (CredentialRotationBegan, CredentialProved, CredentialRotated)


def test_no_event_has_room_for_a_secret() -> None:
    own = {name for kind in EVENTS for name in attrs.fields_dict(kind)}

    assert own == {"at", "actor", "login", "operation_id", "target"}
    assert set(attrs.fields_dict(CredentialRotation)) == {"target", "began_at", "actor", "proved_at"}
