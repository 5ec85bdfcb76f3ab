"""A target whose passwords can't be undone is changed last."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from provisioner import hookimpl
from provisioner.core.api.messages import Capabilities, EndSessions, Receipt, RotateSecret
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import Outcome
from provisioner.core.model.days import utc_now
from provisioner.services.health_check.undo_order import check_undo_order
from provisioner.testing.harness import ORIGIN

UNDOES, KEEPS = Capabilities(undoes=frozenset({"account_rotate"})), Capabilities()


class Rotating:
    """A target that sets passwords."""

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        """Nobody calls it."""
        return Receipt(outcome=Outcome.APPLIED)


class EndingSessions:
    """A target without passwords."""

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        """Nobody calls it."""
        return Receipt(outcome=Outcome.APPLIED)


def targets(plugins: Mapping[str, object]) -> list[Target]:
    known = Plugins(make_breaker=lambda name: Breaker(name=name, now=utc_now))
    return [known.add_target(name, plugin, ORIGIN) for name, plugin in plugins.items()]


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"a": UNDOES, "b": KEEPS}, []),
        ({"a": KEEPS, "b": KEEPS}, []),
        ({"a": KEEPS, "b": UNDOES}, ["put the table of a after those of b"]),
        ({"a": KEEPS, "b": UNDOES, "c": KEEPS, "d": UNDOES}, ["a after those of b, d", "c after those of d"]),
        ({"b": UNDOES}, []),
    ],
)
def test_a_password_that_cannot_be_undone_is_set_before_others_are_refused(
    capabilities: Mapping[str, Capabilities], expected: list[str]
) -> None:
    found = list(check_undo_order(targets({name: Rotating() for name in "abcd"}), capabilities))

    assert [str(result.cure).removeprefix("put the table of ") for result in found] == [
        cure.removeprefix("put the table of ") for cure in expected
    ]


def test_a_target_without_passwords_is_told_to_be_changed_last() -> None:
    known = targets({"mail": EndingSessions(), "directory": Rotating()})

    assert list(check_undo_order(known, {"mail": KEEPS, "directory": UNDOES})) == []
