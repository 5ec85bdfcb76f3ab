"""What waits for a maintenance moves with its end, and nothing else does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from provisioner.core.gateways.maintenance import Maintenance, MaintenanceBegan, MaintenanceEnded, OperationPutOff
from provisioner.core.model import OperationState, StepError
from provisioner.store import Store
from tests.store.conftest import NOON

if TYPE_CHECKING:
    from tests.store.conftest import Story

HOUR = timedelta(hours=1)
WHY = StepError(name="InMaintenanceError", message="posta is in maintenance")


@pytest.fixture(name="waiting")
def _waiting(store: Store, story: type[Story]) -> Store:
    """A maintenance of two hours; one operation waits for its end, and one for its own next try."""
    began(store, NOON + 2 * HOUR)
    for login in ("waits", "retries"):
        store.write(story(login).planned())
    put_off(store, "waits", 2)
    put_off(store, "retries", 3)
    return store


def began(store: Store, until: object) -> None:
    store.write(MaintenanceBegan(at=NOON, actor="p1", target="posta", until=until, reason="update"))  # type: ignore[arg-type]


def put_off(store: Store, login: str, hours: int) -> None:
    put = {"at": NOON, "actor": "p1", "login": login, "operation_id": f"op-{login}"}
    store.write(OperationPutOff(next_try_at=NOON + hours * HOUR, error=WHY, **put))  # type: ignore[arg-type]


def hours(store: Store, login: str) -> float | None:
    at = store.operations.unended([login])[login].next_try_at
    return (at - NOON) / HOUR if at else None


def test_it_is_read_as_it_was_said_last(waiting: Store) -> None:
    began(waiting, NOON + 5 * HOUR)

    assert waiting.maintenance.all() == [
        Maintenance(name="posta", since=NOON, until=NOON + 5 * HOUR, actor="p1", reason="update")
    ]


def test_another_end_moves_what_waits_for_it(waiting: Store) -> None:
    began(waiting, NOON + 5 * HOUR)

    assert (hours(waiting, "waits"), hours(waiting, "retries")) == (5, 3)


def test_an_early_end_lets_what_waits_go_on_at_once(waiting: Store) -> None:
    waiting.write(MaintenanceEnded(at=NOON + HOUR, actor="p1", target="posta"))

    assert (hours(waiting, "waits"), hours(waiting, "retries")) == (1, 3)
    assert waiting.maintenance.all() == []


def test_an_operation_that_somebody_has_begun_is_not_put_off(store: Store, story: type[Story]) -> None:
    told = story("a")
    store.write(told.planned(), told.started(), told.begun())
    put_off(store, "a", 2)
    operation = store.operations.unended(["a"])["a"]

    assert (operation.state, operation.next_try_at, operation.error) == (OperationState.RUNNING, None, None)
