from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from provisioner import DeliveryState
from provisioner_sms.reports import CAPACITY, Reports

Report = Callable[[str, str], int]


@pytest.fixture(name="reports")
def _reports() -> Iterator[Reports]:
    reports = Reports.listen("127.0.0.1:0")
    yield reports
    reports.close()


@pytest.fixture(name="report")
def _report(reports: Reports) -> Report:
    """What Kannel does."""
    return lambda place, kind: httpx.get(reports.url.replace("{id}", place).replace("%d", kind)).status_code


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("1", DeliveryState.DELIVERED),
        ("2", DeliveryState.REJECTED),
        ("4", DeliveryState.ACCEPTED),
        ("8", DeliveryState.ACCEPTED),
        ("16", DeliveryState.REJECTED),
        ("34", DeliveryState.REJECTED),
    ],
)
def test_each_kind_of_report_has_its_meaning(reports: Reports, report: Report, kind: str, state: DeliveryState) -> None:
    assert report("op-1-sms", kind) == 200
    assert reports.state("op-1-sms") is state


@pytest.mark.parametrize("kinds", [("8", "1"), ("1", "8")])
def test_reports_that_overtake_each_other_mean_the_same(reports: Reports, report: Report, kinds: list[str]) -> None:
    for kind in kinds:
        report("op-1-sms", kind)

    assert reports.state("op-1-sms") is DeliveryState.DELIVERED


@pytest.mark.parametrize("kind", ["2", "16"])
def test_a_late_delivery_after_a_failure_is_believed(reports: Reports, report: Report, kind: str) -> None:
    report("op-1-sms", kind)
    report("op-1-sms", "1")

    assert reports.state("op-1-sms") is DeliveryState.REJECTED


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        (("1", ""), DeliveryState.UNKNOWN),
        (("1", "8"), DeliveryState.ACCEPTED),
        (("8", "1"), DeliveryState.ACCEPTED),
        (("1", "1"), DeliveryState.DELIVERED),
        (("1", "2"), DeliveryState.REJECTED),
        (("16", ""), DeliveryState.REJECTED),
    ],
)
def test_a_message_in_parts_is_delivered_with_its_first_part(
    reports: Reports, report: Report, kinds: tuple[str, str], state: DeliveryState
) -> None:
    reports.expect("op-1-sms", ["op-1-sms.a.1", "op-1-sms.a.2"])
    for part, kind in enumerate(kinds, 1):
        for _ in range(2 if kind else 0):  # Kannel repeats what was not answered
            report(f"op-1-sms.a.{part}", kind)

    assert reports.state("op-1-sms") is state


def test_a_part_of_an_earlier_attempt_counts_for_a_later_one(reports: Reports, report: Report) -> None:
    """The phone joins no parts of two attempts."""
    for attempt, part in (("a", 1), ("b", 2)):
        reports.expect("op-1-sms", [f"op-1-sms.{attempt}.1", f"op-1-sms.{attempt}.2"])
        report(f"op-1-sms.{attempt}.{part}", "1")

    assert reports.state("op-1-sms") is DeliveryState.UNKNOWN


@pytest.mark.parametrize("kind", ["", "3", "x"])
def test_a_report_that_says_nothing_changes_nothing(reports: Reports, report: Report, kind: str) -> None:
    assert report("op-1-sms", kind) == 404
    assert reports.state("op-1-sms") is DeliveryState.UNKNOWN


def test_nobody_reports_who_does_not_know_the_address(reports: Reports) -> None:
    base = reports.url.split("/", 3)
    status = httpx.get(f"{base[0]}//{base[2]}/guessed/op-1-sms?type=1").status_code

    assert status == 404
    assert reports.state("op-1-sms") is DeliveryState.UNKNOWN
    assert base[3].split("/")[0] not in repr(reports)


def test_whoever_asks_too_early_waits_for_the_report(reports: Reports, report: Report) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(reports.state, "op-1-sms", 10)
        report("op-1-sms", "8")

        assert asked.result(5) is DeliveryState.ACCEPTED


def test_only_so_many_messages_are_remembered(reports: Reports, report: Report) -> None:
    for n in range(CAPACITY):
        reports._note(f"old-{n}", DeliveryState.ACCEPTED)
    report("new", "1")

    assert reports.state("old-0") is DeliveryState.UNKNOWN
    assert reports.state("old-1") is DeliveryState.ACCEPTED
    assert reports.state("new") is DeliveryState.DELIVERED
