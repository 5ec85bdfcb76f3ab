"""What the console keeps in memory stays small, and nobody can push out what others have begun."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.console import attempts, lists
from provisioner.console.attempts import LogInAttempts
from provisioner.console.background import Background
from provisioner.console.lists import AppliedList, Lists

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def begun(known: LogInAttempts, address: str) -> str:
    return known.begin("browser", address=address, wanted="/", session=None).state


def test_log_ins_that_one_address_begins_push_out_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 requests for the page of the log-in made everybody who was at the provider log in again."""
    monkeypatch.setattr(attempts, "_ROOM_OF_ADDRESS", 3)
    known = LogInAttempts(now=lambda: NOW)
    state = begun(known, "10.0.0.1")

    many = [begun(known, f"2001:db8::{number}") for number in range(10)]

    assert known.end(state, "browser")
    assert [known.end(one, "browser") is not None for one in many] == [False] * 7 + [True] * 3
    assert not known._attempts
    assert not known._lines


def test_log_ins_of_many_addresses_have_an_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_ROOM", 3)
    known = LogInAttempts(now=lambda: NOW)

    states = [begun(known, f"10.0.0.{number}") for number in range(5)]

    assert [known.end(state, "browser") is not None for state in states] == [False, False, True, True, True]


def applied(name: str, person: str = "p1", items: int = 1, *, ended: bool = True) -> AppliedList:
    under_way: Future[Any] = Future()
    if ended:
        under_way.set_result(None)
    run: Any = SimpleNamespace(items=range(items))
    return AppliedList(id=name, person=person, run=run, under_way=under_way)


def kept(known: Lists, *persons: str) -> list[str]:
    return [one.id for person in persons for one in known.applied_by(person)]


@pytest.mark.parametrize(
    ("limit", "number", "left"),
    [
        ("_MOST_RUNS", 3, ["d", "a", "e"]),
        ("_MOST_RUNS_OF_PERSON", 2, ["d", "a", "e"]),
        ("_MOST_ITEMS", 1, ["d", "a", "e"]),
    ],
)
def test_lists_that_were_applied_are_few(
    monkeypatch: pytest.MonkeyPatch, limit: str, number: int, left: list[str]
) -> None:
    """Each of a hundred could have 20,000 units. What is under way is kept, and so is the latest."""
    monkeypatch.setattr(lists, limit, number)
    known = Lists(now=lambda: NOW)
    known.follow(applied("a", ended=False))
    known.follow(applied("b"))
    known.follow(applied("c"))
    known.follow(applied("e", "p2"))

    known.follow(applied("d"))

    assert kept(known, "p1", "p2") == left


def test_a_routine_goes_on_after_an_error() -> None:
    done, calls = threading.Event(), 0

    def act() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            done.set()
        raise OSError

    background = Background()
    repeat: Callable[..., None] = background.repeat
    repeat(act, every=0.001)
    try:
        assert done.wait(60)
    finally:
        background.close()
