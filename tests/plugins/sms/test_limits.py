"""A gateway gets no more messages than it allows, whatever the threads do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.errors import ThrottledError
from provisioner_sms import limits
from provisioner_sms.limits import Limits, Quota


@attrs.define
class Seconds:
    """A clock that only sleeping moves."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(rate=st.floats(0.2, 1000), pauses=st.lists(st.floats(0, 3), max_size=60))
def test_more_messages_are_sent_than_in_a_second_are_allowed(rate: float, pauses: list[float]) -> None:
    clock, sent = Seconds(), list[float]()
    bound = Limits(per_second=rate, seconds=clock, sleep=clock.sleep)
    for pause in pauses:
        clock.sleep(pause)
        with bound.admitted():
            sent.append(clock.now)

    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert all(gap >= 1 / rate - 1e-6 for gap in gaps)


def test_several_messages_count_as_one() -> None:
    clock, sent = Seconds(), list[float]()
    bound = Limits(per_second=10, seconds=clock, sleep=clock.sleep)
    for messages in (10, 5, 1):
        with bound.admitted(messages):
            sent.append(clock.now)

    assert sent == pytest.approx([100, 101, 101.5])


def test_a_message_waits_for_ever() -> None:
    clock = Seconds()
    bound = Limits(per_second=0.01, seconds=clock, sleep=lambda _: None)
    with bound.admitted():
        pass

    with pytest.raises(ThrottledError) as throttled, bound.admitted():
        raise AssertionError

    assert throttled.value.retry_after == pytest.approx(100)


def test_a_refused_message_takes_a_place() -> None:
    clock = Seconds()
    bound = Limits(per_second=0.05, at_once=1, seconds=clock, sleep=lambda _: None)
    with bound.admitted():
        pass
    for _ in range(3):
        with pytest.raises(ThrottledError), bound.admitted():
            raise AssertionError
    clock.sleep(20)

    with bound.admitted():
        pass


def test_more_messages_are_sent_at_the_same_time_than_are_allowed() -> None:
    bound, lock = Limits(at_once=3), threading.Lock()
    running, most = 0, 0

    def send(step: Callable[[], object]) -> None:
        nonlocal running, most
        with bound.admitted():
            with lock:
                running += 1
                most = max(most, running)
            step()
            with lock:
                running -= 1

    three = threading.Barrier(3, timeout=60)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, [three.wait] * 201))

    assert most == 3


def test_a_provider_is_asked_more_often_than_it_answers() -> None:
    time = 0.0
    quota = Quota(most=2, period=60, seconds=lambda: time)
    quota.take()
    time = 20
    quota.take()
    with pytest.raises(ThrottledError) as refused:
        quota.take()
    assert refused.value.retry_after == 40

    time = 60
    quota.take()
    with pytest.raises(ThrottledError):
        quota.take()


def test_a_full_gateway_blocks_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LONGEST_WAIT", 0.01)
    bound = Limits(at_once=1)

    with bound.admitted(), pytest.raises(ThrottledError), bound.admitted():
        raise AssertionError


def test_a_failed_message_keeps_its_place() -> None:
    bound = Limits(at_once=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), bound.admitted():
            raise ZeroDivisionError
