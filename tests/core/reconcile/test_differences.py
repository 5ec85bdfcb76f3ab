"""Every kind of difference has a cure that names the account and the target."""

from __future__ import annotations

import pytest

from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference


@pytest.mark.parametrize("kind", DifferenceKind)
def test_every_kind_has_a_cure_that_can_be_filled(kind: DifferenceKind) -> None:
    cure = str(Difference(kind=kind, target="posta", login="birim1").cure)

    assert cure
    assert "{" not in cure


def test_an_unknown_account_can_be_adopted() -> None:
    """To open it would give it another password."""
    assert "provisioner reconcile --adopt" in str(Difference(kind=DifferenceKind.EXTRA, target="posta", login="a").cure)
