"""What a person with many accounts reads."""

from __future__ import annotations

from datetime import UTC, datetime

from provisioner.core.api.rules import Action, Deadline
from provisioner.core.model.text import Text
from provisioner.core.policy.digest import MOST_NAMED, Reminder, texts

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def subject(number: int, day: str | None = "3 December") -> Reminder:
    digest = Text.counted("{count} account expires on {day}", "{count} accounts expire on {day}", count=1, day=day)
    reason = Text("birim{number} expires", {"number": number})
    deadline = Deadline(action=Action.WARN, at=NOON, reason=reason, source="", digest=digest if day else None)
    return Reminder(f"birim{number}", deadline)


def test_one_account_has_its_own_text() -> None:
    assert texts([subject(7)], str) == ["birim7 expires"]


def test_each_shorter_text_names_one_account_less() -> None:
    assert texts([subject(1), subject(2), subject(3)], str) == [
        "3 accounts expire on 3 December: birim1, birim2, birim3",
        "3 accounts expire on 3 December: birim1, birim2 and 1 more",
        "3 accounts expire on 3 December: birim1 and 2 more",
        "3 accounts expire on 3 December",
    ]


def test_accounts_of_another_day_are_told_apart() -> None:
    found = texts([subject(1), subject(2), subject(3, "4 December")], str)

    assert found[0] == "2 accounts expire on 3 December: birim1, birim2\nbirim3 expires"


def test_the_number_of_names_is_bounded() -> None:
    longest, *_, shortest = texts([subject(number) for number in range(500)], str)

    assert longest.count("birim") == MOST_NAMED
    assert longest.endswith(f" and {500 - MOST_NAMED} more")
    assert shortest == "500 accounts expire on 3 December"
