"""The processes of one store count the messages of a day together."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from provisioner.store import Store

DAY = date(2026, 11, 29)


def take_many(url: str) -> int:
    """Take as much as there is, as one process, and return how much that was."""
    with Store.open(url) as store:
        return sum(store.message_counts.take("sms", DAY, 50) for _ in range(40))


def test_two_processes_count_more_than_there_may_be(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with Store.create(url) as store:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            taken = list(pool.map(take_many, [url, url]))

        assert sum(taken) == store.message_counts.sent("sms", DAY) == 50


def test_a_day_or_a_channel_shares_the_count_of_another(tmp_path: Path) -> None:
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        counts = store.message_counts
        assert [counts.take("sms", DAY, 1) for _ in range(3)] == [True, False, False]
        assert counts.take("sms", date(2026, 11, 30), 1)
        assert counts.take("letter", DAY, 1)
        assert (counts.sent("sms", DAY), counts.sent("mail", DAY)) == (1, 0)


def test_what_is_given_back_stays_counted(tmp_path: Path) -> None:
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        counts = store.message_counts
        counts.take("sms", DAY, 1)
        counts.give_back("sms", DAY)
        counts.give_back("sms", DAY)

        assert counts.sent("sms", DAY) == 0
        assert counts.take("sms", DAY, 1)
