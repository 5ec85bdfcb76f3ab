"""``unit apply``."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from openpyxl import Workbook

from provisioner.core.model import Unit
from provisioner.store import Store
from provisioner.testing.faults import Fault
from tests.cli.conftest import PERSONS, UNITS, Office
from tests.cli.test_hostile_text import is_safe

HEADER = "code,name,kind,parent,login,custodian\n"
LIST = f"""{HEADER}\
il-mem,İl Millî Eğitim Müdürlüğü,province,,kmarasmem,1001
ar-ge,AR-GE Birimi,office,il-mem,arge46,1002
hukuk,Hukuk Birimi,branch,il-mem,hukuk46,1001
"""
TOML = """\
# the whole list
[[unit]]
code = "hukuk"
name = "Hukuk Birimi"
kind = "branch"
parent = "il-mem"
login = "hukuk46"
custodian = "1001"
"""


@pytest.fixture(name="manifest")
def _manifest(office: Office) -> Path:
    return office.write("units.csv", LIST)


def workbook() -> bytes:
    book, content = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for line in LIST.splitlines():
        sheet.append(line.split(","))
    book.save(content)
    return content.getvalue()


class TestPlan:
    """What changes is shown."""

    def test_as_a_dry_run_changes_nothing(self, office: Office, manifest: Path) -> None:
        answer = office.type("unit", "apply", manifest, "--dry-run")

        assert answer.code == 0
        assert "+ open hukuk46: Hukuk Birimi (hukuk), custodian 1001" in answer.out
        assert "3 to open, 0 unchanged" in answer.out
        assert "hukuk" not in office.units()
        assert office.states() == {}

    def test_says_old_and_new_and_what_is_left(self, office: Office, manifest: Path) -> None:
        office.type("unit", "apply", manifest, "--yes")
        office.type("unit", "open", "istatistik")
        changed = LIST.replace("Hukuk Birimi", "Hukuk Müşavirliği").replace("arge46,1002", "arge46,1001")
        changed = changed.replace("branch,il-mem", "branch,ar-ge")

        answer = office.type("unit", "apply", office.write("changed.csv", changed), "--dry-run")

        assert answer.out.splitlines() == [
            '~ update ar-ge: custodian "1002" → "1001"',
            "> handover arge46: account is held by 1002, custodian is 1001",
            "  -> provisioner handover arge46 --to 1001",
            '→ move hukuk: parent "il-mem" → "ar-ge"',
            '~ update hukuk: name "Hukuk Birimi" → "Hukuk Müşavirliği"',
            "2 to update, 1 to move, 1 unchanged",
            "1 account is held by another person than the custodian; use --handover to hand it over",
            "1 unit with an open account is not in the list; use --close-missing to close the account",
        ]

    def test_says_who_gets_a_reopened_account(self, office: Office, manifest: Path) -> None:
        office.type("unit", "apply", manifest, "--yes")
        office.type("unit", "close", "hukuk")
        changed = office.write("changed.csv", LIST.replace("hukuk46,1001", "hukuk46,1002"))

        answer = office.type("unit", "apply", changed, "--dry-run")

        assert "+ reopen hukuk46: account was held by 1001, custodian is 1002" in answer.out

    def test_in_json_has_changes_totals_and_operations(self, office: Office, manifest: Path) -> None:
        for options in (["--dry-run"], ["--yes"]):
            document = office.type("--json", "unit", "apply", manifest, *options).json

            assert [(change["kind"], change["login"]) for change in document["changes"]] == [
                ("open", "kmarasmem"),
                ("open", "arge46"),
                ("open", "hukuk46"),
            ]
            assert document["totals"]["open"] == 3
            assert [operation["kind"] for operation in document["operations"]] == ["create"] * 3

    def test_shows_hostile_names_as_they_are(self, office: Office) -> None:
        """A name must not clear the terminal, turn the line around, or forge another line of the plan."""
        with office.open() as store:
            name = "Birim\u2028x \u202e\x1b[2J\n- close"
            store.units.save([Unit(code="tem", name=name, kind="office", login="tem46", custodian="1001")])
        office.type("unit", "open", "tem")

        for options in ([], ["--json"]):
            answer = office.type(*options, "unit", "apply", office.write("a.csv", LIST), "--close-missing", "--dry-run")

            assert answer.code == 0
            assert "tem46" in answer.out
            assert is_safe(answer.out + answer.err)
            assert not any(line.startswith("- close:") for line in answer.out.splitlines())


class TestRun:
    """The list is applied."""

    def test_opens_the_accounts_and_adds_the_units(self, office: Office, manifest: Path) -> None:
        answer = office.type("unit", "apply", manifest, "--yes")

        assert answer.code == 0
        assert office.states() == {"kmarasmem": "open", "arge46": "open", "hukuk46": "open"}
        assert "hukuk" in office.units()

    def test_a_second_time_says_nothing_to_do(self, office: Office, manifest: Path) -> None:
        office.type("unit", "apply", manifest, "--yes")
        before = len(office.operations())

        for options in ([], ["--json"]):
            answer = office.type(*options, "unit", "apply", manifest, "--close-missing", "--handover", "--yes")

            assert answer.code == 0
            assert options or "nothing to do" in answer.out
            assert not options or (answer.json["changes"], answer.json["totals"]["unchanged"]) == ([], 3)
        assert len(office.operations()) == before

    def test_a_closed_one_of_a_missing_unit_is_not_missing(self, office: Office, manifest: Path) -> None:
        office.type("unit", "open", "istatistik")
        office.type("unit", "apply", manifest, "--close-missing", "--yes")

        answer = office.type("unit", "apply", manifest, "--close-missing", "--yes")

        assert office.states()["istatistik46"] == "closed"
        assert "nothing to do" in answer.out

    def test_hands_over_with_the_option(self, office: Office, manifest: Path) -> None:
        office.type("unit", "apply", manifest, "--yes")
        changed = office.write("changed.csv", LIST.replace("arge46,1002", "arge46,1001"))

        answer = office.type("--json", "unit", "apply", changed, "--handover", "--yes")

        assert answer.code == 0
        assert [operation["kind"] for operation in answer.json["operations"]] == ["handover"]
        assert office.type("--json", "account", "show", "arge46").json["holder"] == "1001"

    def test_names_the_lines_of_a_wrong_list(self, office: Office) -> None:
        wrong = office.write("units.csv", f"{LIST}a,,office,,,\nb,B,Office,nowhere,,\n")

        answer = office.type("--json", "unit", "apply", wrong, "--yes")

        assert answer.code == 2
        assert [(one["line"], one["field"]) for one in answer.json["error"]["items"]] == [(5, "name"), (6, "kind")]
        assert office.states() == {}

    def test_an_empty_list_closes_nobody(self, office: Office, manifest: Path) -> None:
        office.type("unit", "apply", manifest, "--yes")

        answer = office.type("unit", "apply", office.write("empty.csv", HEADER), "--close-missing", "--yes")

        assert answer.code == 2
        assert set(office.states().values()) == {"open"}

    def test_a_list_that_was_cut_off_closes_nobody(self, office: Office, manifest: Path) -> None:
        """The last unit that is left of it has lost its custodian, and the unit after it is missing."""
        office.type("unit", "apply", manifest, "--yes")
        cut = office.write("cut.csv", LIST[: LIST.index(",1002")])

        answer = office.type("--json", "unit", "apply", cut, "--close-missing", "--yes")

        assert answer.code == 2
        [problem] = answer.json["error"]["items"]
        assert problem["message"].startswith("the list may be truncated, so accounts would be closed by mistake; ")
        assert set(office.states().values()) == {"open"}
        whole = office.write("whole.csv", f"{cut.read_text()}\n")
        office.type("unit", "apply", whole, "--close-missing", "--yes")
        assert office.states()["hukuk46"] == "closed"

    def test_with_a_target_that_is_down_imports_nothing(self, office: Office, manifest: Path) -> None:
        office.faults("pys").on("target_check", Fault.CANNOT_CONNECT)

        answer = office.type("--json", "unit", "apply", manifest, "--yes")

        assert answer.code == 5
        assert answer.json["error"]["class"] == "NotReadyError"
        assert "hukuk" not in office.units()

    def test_takes_a_workbook(self, office: Office) -> None:
        assert office.type("unit", "apply", office.write("units.xlsx", workbook()), "--yes").code == 0
        assert "hukuk46" in office.states()


class TestStdin:
    """``-`` is stdin."""

    @pytest.mark.parametrize("content", [LIST.encode(), TOML.encode(), workbook()], ids=["csv", "toml", "xlsx"])
    def test_is_read_whatever_its_form(self, office: Office, content: bytes) -> None:
        answer = office.type("unit", "apply", "-", "--yes", stdin=content)

        assert answer.code == 0, answer.err
        assert office.states()["hukuk46"] == "open"

    def test_may_begin_with_many_blank_lines(self, office: Office) -> None:
        """The search for what the list is took twice as long with each, and would never have ended."""
        answer = office.type("unit", "apply", "-", "--yes", stdin=b"\n" * 1000 + LIST.encode())

        assert answer.code == 0, answer.err

    def test_names_the_lines(self, office: Office) -> None:
        answer = office.type("unit", "apply", "-", "--yes", stdin=f"{HEADER}a,,office,,,\n".encode())

        assert answer.code == 2
        assert "-:2:name: it is missing" in answer.err

    def test_cannot_be_asked_on_too(self, office: Office) -> None:
        answer = office.type("unit", "apply", "-", stdin=LIST.encode())

        assert answer.code == 2
        assert "--yes" in answer.err
        assert office.states() == {}


ON_DISK = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
[targets.directory]
plugin = "local"
database = "directory.sqlite"
[channels.sms]
plugin = "memory"
"""


def asked(folder: Path, reply: str) -> tuple[int, str]:
    """Run ``unit apply`` on a terminal, and answer its question; return how it ended and what it said."""
    ours, theirs = pty.openpty()
    os.write(ours, reply.encode())
    command = [sys.executable, "-m", "provisioner", "unit", "apply", "units.csv"]
    with subprocess.Popen(
        command, cwd=folder, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        reader = threading.Thread(target=drain, args=(ours,))
        reader.start()
        said, _ = process.communicate()
    reader.join()
    os.close(ours)
    return process.returncode, said


def drain(terminal: int) -> None:
    """Read what a process writes on a terminal, until it ends."""
    with suppress(OSError):
        while os.read(terminal, 4096):
            pass


class TestQuestion:
    """A person is asked once."""

    @pytest.fixture(name="folder")
    def _folder(self, tmp_path: Path) -> Path:
        """Return a folder with a configuration, a store and a list, for a process of its own."""
        (tmp_path / "provisioner.toml").write_text(ON_DISK)
        (tmp_path / "units.csv").write_text(LIST)
        with Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}") as store:
            store.units.save(UNITS)
            store.persons.save(PERSONS)
        return tmp_path

    def test_yes_applies_what_was_shown(self, folder: Path) -> None:
        code, said = asked(folder, "yes\n")

        assert (code, said.count("+ open hukuk46")) == (0, 1)
        assert "3 done" in said

    def test_no_changes_nothing(self, folder: Path) -> None:
        code, said = asked(folder, "no\n")

        assert (code, "nothing was changed" in said) == (0, True)
        with Store.open(f"sqlite:///{folder / 'provisioner.sqlite'}") as store:
            assert not store.units.get_many(["hukuk"])

    def test_without_a_terminal_nothing_is_changed(self, office: Office, manifest: Path) -> None:
        """A job that nobody watches must not wait for an answer, nor take silence for one."""
        answer = office.type("unit", "apply", manifest)

        assert answer.code == 2
        assert "--yes" in answer.err
        assert "hukuk" not in office.units()


class TestImport:
    """``unit import`` of a unit with an open account."""

    def test_updates_it_on_the_targets(self, office: Office, manifest: Path) -> None:
        office.type("unit", "apply", manifest, "--yes")
        changed = office.write("changed.csv", LIST.replace("Hukuk Birimi", "Hukuk Müşavirliği"))

        answer = office.type("--json", "unit", "import", changed)

        assert answer.code == 0
        assert [item["code"] for item in answer.json["items"]] == ["hukuk"]
        assert [(one["kind"], one["login"]) for one in answer.json["operations"]] == [("update", "hukuk46")]
