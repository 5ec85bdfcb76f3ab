"""The page on authority, requests and trouble reports says what the program does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.cli.lazy import CommandGroup
from provisioner.cli.table import COMMANDS
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.incidents import Incident
from provisioner.core.governance.roles import Role, RoleAssignment
from provisioner.core.model import OperationKind
from provisioner.documents import form_document, grant_document, incident_document

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "requests.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DOCUMENTS = {
    "A grant": grant_document(RoleAssignment(id="1", person="1", role=Role.OFFICER, granted_by="1", granted_at=NOW)),
    "A request": form_document(
        AccessRequest(id="1", kind=OperationKind.CLOSE, login="1", unit="1", requester="1", reason="", submitted_at=NOW)
    ),
    "A report": incident_document(Incident(id="1", login="1", text="", reporter="1", reported_at=NOW, unit="1"), None),
}


@pytest.mark.parametrize("name", ["authority", "request", "trouble"])
def test_names_every_command(name: str) -> None:
    family = COMMANDS[name]
    assert isinstance(family, CommandGroup)

    assert [command for command in family.commands if not re.search(rf"{name} {command}\b", PAGE)] == []


def test_names_every_role() -> None:
    assert [role.value for role in Role if f"| `{role}` |" not in PAGE] == []


@pytest.mark.parametrize("noun", DOCUMENTS)
def test_shows_the_json_as_it_is(noun: str) -> None:
    found = re.search(rf"{noun}: `\{{(.*?)\}}`", PAGE, re.DOTALL)
    assert found

    assert re.findall(r'"(\w+)"', found[1]) == list(DOCUMENTS[noun])
