"""A request with a key begins once, and its answer is kept until it is too old."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from provisioner.core.model.keyed_requests import KeyedAnswer, KeyedRequest
from provisioner.store import Store
from tests.store.conftest import NOON

DAY = timedelta(days=1)
ANSWER = KeyedAnswer(status=201, media_type="application/json", body='{"ı": "ş"}', location="/api/v1/x")


def begin(store: Store, key: str = "k", actor: str = "a", at: timedelta = timedelta(0)) -> KeyedRequest | None:
    return store.keyed_requests.begin(actor, key, "f" * 64, at=NOON + at, keep=DAY)


def test_a_request_begins_once_for_each_actor(store: Store) -> None:
    assert [begin(store), begin(store, actor="b"), begin(store, key="l")] == [None, None, None]
    again = begin(store, at=DAY / 2)

    assert again
    assert (again.begun_at, again.expires_at, again.answer) == (NOON, NOON + DAY, None)
    assert store.keyed_requests.is_under_way(again)


def test_an_answer_is_given_again_until_it_is_too_old(store: Store) -> None:
    begin(store)
    store.keyed_requests.answer("a", "k", ANSWER)
    store.keyed_requests.end("a", "k")
    again = begin(store, at=DAY - timedelta(seconds=1))

    assert again
    assert again.answer == ANSWER
    assert begin(store, at=DAY) is None


def test_answers_are_forgotten_although_no_other_request_comes(store: Store) -> None:
    """They contain personal data, and stayed until somebody sent another request with a key."""
    begin(store)
    begin(store, key="l", at=timedelta(seconds=1))
    store.keyed_requests.forget_old(NOON + DAY)

    assert begin(store) is None
    assert begin(store, key="l", at=timedelta(seconds=1))


def test_a_request_that_ended_without_an_answer_is_not_under_way(store: Store) -> None:
    begin(store)
    store.keyed_requests.end("a", "k")
    again = begin(store)

    assert again
    assert not store.keyed_requests.is_under_way(again)


def test_a_request_that_changed_nothing_can_be_sent_again(store: Store) -> None:
    begin(store)
    store.keyed_requests.forget("a", "k")

    assert begin(store) is None


def test_a_request_of_a_process_that_has_ended_is_not_under_way(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have taken effect or not."""
    begin(store)
    with Store.open(url) as other:
        again = begin(other)
        assert again
        assert other.keyed_requests.is_under_way(again)
        monkeypatch.setattr("provisioner.store.keyed_requests.owner_is_gone", lambda _: True)
        assert not other.keyed_requests.is_under_way(again)


def test_of_requests_that_come_at_once_one_begins(store: Store, url: str) -> None:
    barrier, found = threading.Barrier(4), []

    def send() -> None:
        with Store.open(url) as other:
            barrier.wait()
            found.append(begin(other))
            barrier.wait()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found.count(None) == 1
