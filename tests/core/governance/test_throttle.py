"""How many tries there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.core.governance.throttle import Throttle

START = datetime(2026, 1, 5, tzinfo=UTC)
PERIOD = timedelta(minutes=30)


def test_a_try_too_many_waits_for_the_end_of_the_period() -> None:
    throttle = Throttle(2, PERIOD)
    later = START + timedelta(minutes=10)

    assert [throttle.try_at("a", at) for at in (START, later, later)] == [True, True, False]
    assert throttle.free_at("a", later) == START + PERIOD
    assert throttle.free_at("b", later) is None
    assert throttle.try_at("b", later)
    assert throttle.try_at("a", START + PERIOD)
    assert not throttle.try_at("a", START + PERIOD)


def test_tries_of_a_clock_that_was_ahead_lock_nobody_out() -> None:
    """A server begins with a wrong time and corrects it. Nobody could log in before that time, nor be forgotten."""
    throttle = Throttle(1, PERIOD)
    ahead = START + timedelta(days=400)
    throttle.try_at("a", ahead)
    throttle.try_at("b", ahead)
    assert not throttle.try_at("a", ahead - PERIOD + timedelta(seconds=1))

    assert throttle.free_at("a", START) is None
    assert throttle.try_at("a", START)
    assert not throttle.try_at("a", START)
    assert list(throttle._tries) == ["a"]


def test_a_try_that_did_not_fail_does_not_count() -> None:
    throttle = Throttle(1, PERIOD)
    throttle.try_at("a", START)
    throttle.uncount("a", START)
    throttle.uncount("a", START)

    assert throttle.try_at("a", START)


def test_keys_of_the_past_take_no_room() -> None:
    """An attacker could otherwise fill the memory with addresses."""
    throttle = Throttle(2, PERIOD)
    for number in range(1000):
        throttle.try_at(number, START)
    throttle.try_at(0, START + timedelta(minutes=1))  # the oldest key is not over yet
    for number in range(999):
        throttle.try_at(-number, START + PERIOD)

    assert len(throttle._tries) == 999
    assert not throttle.try_at(0, START + PERIOD)


def test_a_try_looks_at_few_keys_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attacker with many addresses would make each log-in slow."""
    throttle = Throttle(1, PERIOD)
    for number in range(20_000):
        throttle.try_at(number, START)
    looked_at = []
    monkeypatch.setattr(throttle, "_forget", lambda key, _: looked_at.append(key))

    throttle.try_at("a", START)

    assert len(looked_at) <= 3
