"""A request that is sent again takes effect at most once, whatever happened to the first one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioner.core.api.errors import (
    BusyError,
    DeniedError,
    InputError,
    NotReadyError,
    StoppedError,
    StoreError,
    UnavailableError,
)
from provisioner.core.api.events import StoreMoved
from provisioner.core.model.keyed_requests import KeyedAnswer
from provisioner.services.keyed_requests import KEPT, InterruptedRequestError, KeyedRequests
from provisioner.store import Store
from provisioner.store.db.sqlite import SqliteDatabase
from provisioner.testing.clock import FakeClock

KEY, FINGERPRINT = "key-0001", "f" * 64
NOT_LATER = timedelta(0)
STATUSES: dict[type[Exception], int] = {BusyError: 409, DeniedError: 403}

#: Dies in the middle of a change, after it took effect.
KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from provisioner.services.keyed_requests import KeyedRequests
from provisioner.store import Store
from provisioner.store.db.sqlite import SqliteDatabase

def change():
    with open(sys.argv[2], "a") as file:
        file.write("done\\n")
    os.kill(os.getpid(), signal.SIGKILL)

store = Store.open(sys.argv[1])
requests = KeyedRequests(store=store, now=lambda: datetime.now(UTC))
requests.once("key-0001", "f" * 64, change, lambda error: None, actor="a")
"""


def answer(text: str, status: int = 200) -> KeyedAnswer:
    return KeyedAnswer(status=status, media_type="text/plain", body=text)


def refuse(error: Exception) -> KeyedAnswer:
    return answer(type(error).__name__, STATUSES.get(type(error), 500))


@pytest.fixture(name="url")
def _url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    Store.create(url).close()
    return url


class Changes:
    """Counts how often something was changed."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> KeyedAnswer:
        self.count += 1
        return answer(f"change {self.count}")


@pytest.fixture(name="send")
def _send(url: str) -> Iterator[Callable[..., KeyedAnswer]]:
    clock = FakeClock()

    def send(
        act: Callable[[], KeyedAnswer],
        fingerprint: str = FINGERPRINT,
        *,
        actor: str = "a",
        later: timedelta = NOT_LATER,
    ) -> KeyedAnswer:
        clock.advance(later)
        return requests.once(KEY, fingerprint, act, refuse, actor=actor)

    with Store.open(url) as store:
        requests = KeyedRequests(store=store, now=clock)
        yield send


def test_the_same_request_gets_the_first_answer_again(send: Callable[..., KeyedAnswer]) -> None:
    change = Changes()
    first = send(change)

    assert [send(change), send(change, later=KEPT - timedelta(seconds=1))] == [first, first]
    assert change.count == 1
    assert send(change, actor="b").body == "change 2"
    assert send(change, later=timedelta(seconds=1)).body == "change 3"


def test_another_request_with_the_same_key_changes_nothing(send: Callable[..., KeyedAnswer]) -> None:
    change = Changes()
    send(change)
    with pytest.raises(InputError, match="another request"):
        send(change, "0" * 64)

    assert change.count == 1


def test_a_refusal_is_an_answer_too(send: Callable[..., KeyedAnswer]) -> None:
    def deny() -> KeyedAnswer:
        raise DeniedError("no")

    change = Changes()
    assert send(deny) == send(change) == answer("DeniedError", 403)
    assert change.count == 0


@pytest.mark.parametrize(
    "error",
    [
        BusyError("another process has the account"),
        NotReadyError([UnavailableError("the directory does not answer")]),
        StoppedError("the program was stopped"),
        StoreError("the store is locked"),
        UnavailableError("the personnel system does not answer"),
        ZeroDivisionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_request_for_which_nothing_was_done_can_be_sent_again(
    send: Callable[..., KeyedAnswer], error: Exception
) -> None:
    """It got the error again for a day."""

    def fail() -> KeyedAnswer:
        raise error

    assert send(fail).body == type(error).__name__
    assert send(Changes()).body == "change 1"


@pytest.mark.parametrize("error", [BusyError("no"), StoreError("no"), ZeroDivisionError()], ids=str)
def test_a_request_that_broke_off_after_a_change_is_not_carried_out_again(
    url: str, send: Callable[..., KeyedAnswer], error: Exception
) -> None:
    change = Changes()

    def fail() -> KeyedAnswer:
        with Store.open(url) as store:
            store.write(StoreMoved(at=datetime.now(UTC), actor="a", destination="x"))
        raise error

    assert send(fail).body == type(error).__name__
    with pytest.raises(InterruptedRequestError, match="unknown whether it took effect"):
        send(change)
    assert change.count == 0


def test_a_request_that_the_failing_store_could_not_forget_can_be_sent_again(
    send: Callable[..., KeyedAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> KeyedAnswer:
        monkeypatch.setattr(SqliteDatabase, "begin", locked)
        raise StoreError("the store is locked")

    @contextmanager
    def locked(_: SqliteDatabase) -> Iterator[None]:
        raise StoreError("the store is locked")
        yield

    assert send(fail).body == "StoreError"
    monkeypatch.undo()
    assert send(Changes()).body == "change 1"


def test_a_request_that_comes_while_the_first_one_runs_waits_for_nothing(send: Callable[..., KeyedAnswer]) -> None:
    begun, may_end, change = threading.Event(), threading.Event(), Changes()
    answers: list[KeyedAnswer] = []

    def slow() -> KeyedAnswer:
        begun.set()
        may_end.wait(60)
        return change()

    thread = threading.Thread(target=lambda: answers.append(send(slow)))
    thread.start()
    try:
        assert begun.wait(60)
        with pytest.raises(BusyError):
            send(change)
    finally:
        may_end.set()
        thread.join()
    assert [send(change)] == answers == [answer("change 1")]


def test_a_change_whose_answer_could_not_be_kept_is_not_made_again(
    send: Callable[..., KeyedAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    change = Changes()
    monkeypatch.setattr("provisioner.store.keyed_requests.StoredKeyedRequests.answer", fail)
    with pytest.raises(StoreError):
        send(change)
    monkeypatch.undo()
    with pytest.raises(InterruptedRequestError, match="unknown whether it took effect"):
        send(change)

    assert change.count == 1


@pytest.mark.slow
def test_a_change_is_not_made_again_after_its_process_was_killed(url: str, tmp_path: Path) -> None:
    """The kill comes between the change and the storing of its answer."""
    place, file = str(url), tmp_path / "changes"
    killed = subprocess.run([sys.executable, "-c", KILLED, place, str(file)], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL

    change = Changes()
    with Store.open(url) as store:
        requests = KeyedRequests(store=store, now=lambda: datetime.now(UTC))
        with pytest.raises(InterruptedRequestError):
            requests.once(KEY, FINGERPRINT, change, refuse, actor="a")
    assert (file.read_text(), change.count) == ("done\n", 0)
