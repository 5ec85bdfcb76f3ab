"""The life of a request form: who may do which part of it, and what has to be current (001 ¶4)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.model import Person
from provisioner.testing.faults import Fault
from tests.cli.conftest import CONFIG, PERSONS, Answer, Office

#: The holder of the account asks, 1001 is the supervisor, 2001 the officer, 3001 the administrator.
ENFORCED = CONFIG + '[authority]\nadministrators = ["3001"]\n'
PEOPLE = [
    PERSONS[0],
    attrs.evolve(PERSONS[1], supervisor="1001"),
    Person(id="2001", name="Okan Yetkin", unit="il-mem", mobile="+905330000001"),
    Person(id="3001", name="Yıldız Yönetir", unit="il-mem", mobile="+905330000002"),
]


@pytest.fixture(name="desk")
def _desk(office: Office) -> Office:
    """Return an office with authority, an officer for everything below the province, and an open account."""
    office.config.write_text(ENFORCED)
    with office.open() as store:
        store.save_persons(PEOPLE)
    assert office.type("--actor", "3001", "authority", "grant", "2001", "officer", "--unit", "il-mem").code == 0
    assert office.type("--actor", "2001", "unit", "open", "ar-ge").code == 0
    return office


def submit(desk: Office, *more: object, kind: str = "rotate", actor: str = "1002", login: str = "arge46") -> Any:
    answer = desk.type("--json", "--actor", actor, "request", "submit", login, "--kind", kind, "--reason", "x", *more)
    assert answer.code == 0, answer
    return answer.json


def approved(desk: Office, *more: object, kind: str = "rotate") -> str:
    form_id = str(submit(desk, *more, kind=kind)["id"])
    assert desk.type("--actor", "1001", "request", "approve", form_id).code == 0
    return form_id


def act(desk: Office, actor: str, *command: object) -> Answer:
    return desk.type("--json", "--actor", actor, "request", *command)


def shown(desk: Office, form_id: str) -> Any:
    return desk.type("--json", "request", "show", form_id).json


def refusal(answer: Answer) -> str:
    """Return why it was denied, with the cure."""
    assert answer.code == 3, answer
    error = answer.json["error"]
    return f"{error['message']} -> {error['cure']}"


def messages(desk: Office) -> int:
    """Return how many passwords were sent."""
    return len(desk.plugin.channels["sms"].inbox("+905337654321"))


class TestWholeLife:
    """Submit, approve, execute, archived."""

    def test_ends_with_a_new_password_and_an_archived_form(self, desk: Office) -> None:
        before = messages(desk)
        form_id = approved(desk)

        answer = act(desk, "2001", "execute", form_id)

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        assert messages(desk) == before + 1
        form = shown(desk, form_id)
        assert (form["state"], form["requester"], form["approver"], form["officer"]) == (
            "archived",
            "1002",
            "1001",
            "2001",
        )
        assert form["operation"] == answer.json["operations"][0]["id"]
