"""Messages that threads are sending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from provisioner.core.api.rules import Action, Deadline
from provisioner.core.model.text import Text
from provisioner.core.policy.notice_jobs import NoticeJob, NoticeJobs, SentTogether
from provisioner.core.policy.notice_messages import Notice, NoticeMessage, NoticeResult


def result(subject: str) -> NoticeResult:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    deadline = Deadline(action=Action.WARN, at=at, reason=Text("closes"), source="", rule_set="r")
    notice = Notice(subject=subject, deadline=deadline, recipient="1")
    return NoticeResult(message=NoticeMessage(id=subject, recipient="1", notices=[notice]))


def job(subject: str, wait: Callable[[], object] = bool, left: Sequence[NoticeJob] = ()) -> NoticeJob:
    def run() -> SentTogether:
        wait()
        return SentTogether(results=[result(subject)], left=left)

    return NoticeJob(size=1, run=run)


def ids(results: Sequence[NoticeResult]) -> list[str]:
    return [one.message.id for one in results]


def test_nobody_waits_for_a_slow_one_and_notices_are_told_in_their_order() -> None:
    jobs, answered = NoticeJobs(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        jobs.start(pool, job("slow", answered.wait))
        jobs.start(pool, job("quick"))

        assert ids(jobs.ended(pool, 1)) == ["quick"]
        assert (jobs.under_way, list(jobs.told())) == (1, [])
        answered.set()
        assert ids(jobs.ended(pool, 0)) == ["slow"]
    assert [notice.subject for notice in jobs.told()] == ["slow", "quick"]


def test_what_is_left_of_several_is_waited_for_and_told() -> None:
    jobs = NoticeJobs()
    with ThreadPoolExecutor(1) as pool:
        jobs.start(pool, job("first", left=[job("left")]))

        assert ids(jobs.ended(pool, 0)) == ["first", "left"]
    assert [notice.subject for notice in jobs.told()] == ["first", "left"]
    assert jobs.under_way == 0
