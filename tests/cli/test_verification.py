"""``account verify``: what each target has now, and 4 if a person has something to do."""

from __future__ import annotations

import pytest

from provisioner.testing.faults import Fault
from tests.cli.conftest import Office


@pytest.fixture(name="open_office")
def _open_office(office: Office) -> Office:
    office.type("unit", "open", "il-mem", "ar-ge")
    return office


def items(office: Office, code: int) -> list[tuple[str, str | None, str | None]]:
    answer = office.type("--json", "account", "verify", "arge46")
    assert answer.code == code
    return [
        (item["target"], item["actual"], item["difference"] and item["difference"]["difference"])
        for item in answer.json["items"]
    ]


def test_an_account_that_is_as_it_should_be(open_office: Office) -> None:
    assert items(open_office, 0) == [("posta", "enabled", None), ("pys", "enabled", None)]


def test_an_account_that_somebody_deleted(open_office: Office) -> None:
    open_office.plugin.targets["pys"]._entries.pop("arge46")

    assert items(open_office, 4) == [("posta", "enabled", None), ("pys", "absent", "missing")]
    assert "provisioner account rotate arge46" in open_office.type("account", "verify", "arge46").out


def test_a_target_that_does_not_answer(open_office: Office) -> None:
    open_office.faults("pys").on("account_probe", Fault.CANNOT_CONNECT)

    assert items(open_office, 4) == [("posta", "enabled", None), ("pys", None, None)]


def test_an_unknown_account(open_office: Office) -> None:
    assert open_office.type("account", "verify", "yok").code == 2
