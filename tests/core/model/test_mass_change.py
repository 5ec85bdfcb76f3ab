from __future__ import annotations

from datetime import timedelta

from provisioner.core.model.mass_change import MassChangeLimit


def test_the_limit_of_no_configuration_holds_no_run() -> None:
    limit = MassChangeLimit()

    assert (limit.percent, limit.from_accounts, limit.window) == (20, 10, timedelta(hours=24))
