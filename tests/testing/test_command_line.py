"""Commands and scripts in processes of their own, as ``provisioner_cli`` runs them."""

from __future__ import annotations

import pytest

from provisioner.testing.command_line import CommandLine
from provisioner.testing.samples import HOLDER, UNIT
from provisioner_pys.mock import PysMock
from provisioner_sms.simulator import SmsSimulator

pytestmark = pytest.mark.slow

LIST = f"code,name,kind,login,custodian\n{UNIT.code},{UNIT.name},{UNIT.kind},{UNIT.login},{UNIT.custodian}\n"

FAULTY = """
[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "faults"
inner = "local"
database = "directory.sqlite"
faults = [{{ hook = "account_create", fault = "{fault}"{calls} }}]

[channels.phones]
plugin = "memory"
"""


@pytest.fixture(name="office")
def _office(provisioner_cli: CommandLine, pys_mock: PysMock) -> CommandLine:
    pys_mock.seed(people=[HOLDER], units=[UNIT])
    provisioner_cli.folder.joinpath("units.csv").write_text(LIST, encoding="utf-8")
    return provisioner_cli


def test_a_script_runs_commands_against_the_configured_services(
    office: CommandLine, pys_mock: PysMock, sms_inbox: SmsSimulator
) -> None:
    script = office.folder / "open-units.py"
    script.write_text('import subprocess\nsubprocess.run(["provisioner", "unit", "open", "units.csv"], check=True)\n')

    office.script(script)

    assert office.json("account", "show", str(UNIT.login))["state"] == "open"
    assert pys_mock.logs_in(str(UNIT.login), sms_inbox.last_password(str(HOLDER.mobile)))


def test_an_exit_code_that_was_not_expected_fails_with_what_was_written(office: CommandLine) -> None:
    with pytest.raises(AssertionError, match=r"ended with 2, not 0:(?s:.*)nobody@"):
        office.run("account", "show", "nobody@elsewhere.example")

    assert office.run("account", "show", "nobody@elsewhere.example", exit_code=2) == ""


class TestFaults:
    """Faults that the configuration asks for."""

    @pytest.fixture(name="provisioner_config")
    def _config(self, request: pytest.FixtureRequest) -> str:
        fault, calls = request.param
        return FAULTY.format(fault=fault, calls=calls)

    @pytest.fixture(name="opened")
    def _opened(self, office: CommandLine) -> str:
        person = f"id,name,mobile\n{HOLDER.id},{HOLDER.name},{HOLDER.mobile}\n"
        office.folder.joinpath("persons.csv").write_text(person, encoding="utf-8")
        office.run("person", "import", "persons.csv")
        [operation] = office.json("unit", "open", "units.csv", exit_code=None)["operations"]
        return str(operation["state"])

    @pytest.mark.parametrize(
        ("provisioner_config", "state"),
        [
            (("refuse", ""), "failed"),
            (("apply_and_lose_answer", ", calls = [1]"), "done"),
            (("refuse", ', item = "somebody-else"'), "done"),
            (("cannot_connect", ""), "incomplete"),
        ],
        indirect=["provisioner_config"],
    )
    def test_happen_in_processes_of_their_own(self, opened: str, state: str) -> None:
        assert opened == state
