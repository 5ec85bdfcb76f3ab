"""Replacing the secret of the product's own account on a target: what the journal knows of it."""

from __future__ import annotations

from datetime import datetime

import attrs

from provisioner.core.api.events import Event


@attrs.frozen(kw_only=True)
class CredentialRotation:
    """A secret that is being replaced. The secrets are in the secret store, never in the journal."""

    #: The name of the target.
    target: str
    began_at: datetime
    #: Who started it.
    actor: str
    #: When every server accepted the new secret and refused the former one; ``None`` if that was not shown yet.
    proved_at: datetime | None = None


@attrs.frozen(kw_only=True)
class CredentialRotationBegan(Event):
    """A new secret for the product's own account on a target is stored as pending. The target has the former one."""

    kind = "credential_rotation_began"

    #: The name of the target.
    target: str


@attrs.frozen(kw_only=True)
class CredentialProved(Event):
    """Every server of a target accepts the pending secret and refuses the former one."""

    kind = "credential_proved"

    #: The name of the target.
    target: str


@attrs.frozen(kw_only=True)
class CredentialRotated(Event):
    """The pending secret replaced the former one in the secret store, and every server of the target accepts it."""

    kind = "credential_rotated"

    #: The name of the target.
    target: str
