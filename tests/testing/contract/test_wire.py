"""The checks of a target behind an unreliable network."""

from __future__ import annotations

import pytest

from provisioner.core.model.secret import Secret
from provisioner.testing.contract.sandbox import PEOPLE, Means, Sandbox, target_gateway
from provisioner.testing.contract.wire import WireChecks
from provisioner.testing.memory import MemoryTarget
from provisioner.testing.proxy import TcpProxy, WireFault


class Unlisted(MemoryTarget):
    """A target without the optional list."""

    account_list = None  # type: ignore[assignment]


def test_a_target_without_a_list_is_not_asked_for_one() -> None:
    wired = Sandbox(
        target=target_gateway(Unlisted()), means=Means(people=PEOPLE, make_secret=lambda: Secret("Ab1!Ab1!"))
    )
    with (
        TcpProxy(("127.0.0.1", 9)) as wire,
        pytest.raises(pytest.skip.Exception, match="the target has no account_list"),
    ):
        WireChecks().test_list_whose_answer_is_lost_is_an_error(wired, wire, WireFault.LOSE_REQUEST)
