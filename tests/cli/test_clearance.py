from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from provisioner import hookimpl
from provisioner.core.api.errors import UnknownOutcomeError
from provisioner.testing.faults import Fault
from tests.cli.conftest import FaultyPlugin, Office


@pytest.fixture(name="open_office")
def _open_office(office: Office) -> Office:
    office.type("unit", "open", "ar-ge")
    return office


def _blocks(office: Office, person: str, passage: str) -> dict[str, str]:
    answer = office.type("--json", "clearance", person, passage)
    assert answer.code == (3 if answer.json["blocks"] else 0)
    assert answer.json["clear"] is not bool(answer.json["blocks"])
    return {one["subject"]: one["reason"] for one in answer.json["blocks"]}


class TestLeaving:
    """``clearance PERSON --leaving``."""

    def test_is_blocked_by_an_account_that_is_held(self, open_office: Office) -> None:
        answer = open_office.type("--json", "clearance", "1002", "--leaving")

        assert answer.code == 3
        assert answer.json == {
            "person": "1002",
            "passage": "leaving",
            "clear": False,
            "blocks": [
                {
                    "subject": "arge46",
                    "reason": "the account arge46 is still held",
                    "cure": "run 'provisioner handover arge46 --to PERSON'",
                }
            ],
        }

    def test_is_free_after_the_handover(self, open_office: Office) -> None:
        open_office.type("handover", "arge46", "--to", "1001")

        answer = open_office.type("--json", "clearance", "1002", "--leaving")

        assert (answer.code, answer.json["clear"], answer.json["blocks"]) == (0, True, [])

    def test_tells_people_every_block_and_its_cure(self, open_office: Office) -> None:
        answer = open_office.type("clearance", "1002", "--leaving")

        assert answer.out.splitlines() == [
            "1002: may not be processed yet",
            "  arge46: the account arge46 is still held",
            "  -> run 'provisioner handover arge46 --to PERSON'",
        ]

    def test_tells_people_that_it_may_be_processed(self, office: Office) -> None:
        assert office.type("clearance", "1003", "--leaving").out == "1003: may be processed\n"

    def test_speaks_turkish(self, open_office: Office) -> None:
        out = open_office.type("--lang", "tr", "clearance", "1002", "--leaving").out

        assert "hâlâ bu kişinin üzerinde" in out


class TestStarting:
    """``clearance PERSON --starting``."""

    def test_is_blocked_until_the_account_of_the_post_is_received(self, office: Office) -> None:
        assert set(_blocks(office, "1001", "--starting")) == {"il-mem"}

        office.type("unit", "open", "il-mem")

        assert _blocks(office, "1001", "--starting") == {}


class TestUnfinishedHandover:
    """A handover that was begun and has not ended."""

    @pytest.fixture(autouse=True)
    def _stuck(self, open_office: Office) -> Iterator[None]:
        open_office.faults("sms").on("secret_deliver", Fault.APPLY_AND_LOSE_ANSWER)
        open_office.faults("sms").on("delivery_probe", Fault.CANNOT_CONNECT)
        assert open_office.type("handover", "arge46", "--to", "1001").code == 4
        yield
        open_office.faults("sms").clear()

    def test_blocks_the_one_who_leaves(self, open_office: Office) -> None:
        assert "arge46" in _blocks(open_office, "1002", "--leaving")

    def test_blocks_the_one_who_starts(self, open_office: Office) -> None:
        assert _blocks(open_office, "1001", "--starting")["arge46"].endswith("is not finished")

    def test_blocks_nobody_once_it_is_driven_to_its_end(self, open_office: Office) -> None:
        open_office.faults("sms").clear()
        assert open_office.type("--json", "resume").states == {"arge46": "done"}

        assert _blocks(open_office, "1002", "--leaving") == {}
        assert "arge46" not in _blocks(open_office, "1001", "--starting")


class TestNoAnswer:
    """What cannot be told is never a permission."""

    @pytest.mark.parametrize("hook", ["person_find", "clearance_blocks"])
    def test_of_a_system_that_is_down_exits_with_5(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, hook: str
    ) -> None:
        def down(_: FaultyPlugin, request: Any) -> None:
            raise UnknownOutcomeError("the personnel system does not answer")

        monkeypatch.setattr(FaultyPlugin, hook, hookimpl(down), raising=False)

        answer = office.type("--json", "clearance", "1003", "--leaving")

        assert (answer.code, answer.json["error"]["class"]) == (5, "UnknownOutcomeError")

    def test_of_a_plugin_with_a_defect_exits_with_5(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_: FaultyPlugin, request: Any) -> None:
            raise KeyError(request.person_id)

        monkeypatch.setattr(FaultyPlugin, "clearance_blocks", hookimpl(broken), raising=False)

        assert office.type("clearance", "1003", "--leaving").code == 5

    def test_of_somebody_whom_nobody_knows_exits_with_2(self, office: Office) -> None:
        """A wrong number must not be cleared because nothing is known of it."""
        answer = office.type("--json", "clearance", "9999", "--leaving")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "person 9999 not found"

    def test_of_neither_passage_exits_with_2(self, office: Office) -> None:
        assert office.type("clearance", "1003").code == 2
