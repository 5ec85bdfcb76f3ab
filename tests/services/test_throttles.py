"""What limits log-ins and tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from provisioner.config.settings import ConsoleSettings
from provisioner.services.throttles import LogInThrottles, TokenThrottles

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(("threads", "waiting"), [(2, 1), (8, 4)])
def test_log_ins_that_wait_for_a_target_leave_threads_for_others(threads: int, waiting: int) -> None:
    throttles = LogInThrottles(ConsoleSettings(threads=threads))

    taken = [throttles.waiting.acquire(blocking=False) for _ in range(threads + 1)]

    assert sum(taken) == waiting


def test_each_limit_is_the_one_of_the_settings() -> None:
    settings = ConsoleSettings(denied_per_login=1, denied_per_address=2, requests_per_minute=3)
    log_ins, tokens = LogInThrottles(settings), TokenThrottles(settings)

    tries = [
        sum(throttle.try_at("x", NOON) for _ in range(5))
        for throttle in (log_ins.per_login, log_ins.per_address, tokens.refused, tokens.requests)
    ]

    assert tries == [1, 2, 2, 3]
