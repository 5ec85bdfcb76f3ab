"""Officers list letters and say what became of them; the password is nowhere but in the letter."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner import Account, Secret
from provisioner.core.api.messages import ProbeAccount
from provisioner.local import LocalDirectory
from provisioner_letter.outbox import Outbox
from tests.acceptance.leaks import files_in, find
from tests.cli.conftest import typed
from tests.plugins.letter.letters import AgeReader

LOGIN, OWNER, OFFICER, STRANGER = "temel46", "460001", "460002", "460003"

CONFIGURATION = """
language = "en"

[accounts]
domain = "meb.gov.tr"

[authority]
administrators = ["460000"]

[targets.directory]
plugin = "local"
database = "directory.sqlite"

[channels.letter]
plugin = "letter"
cannot = ["notice_deliver"]
outbox = "outbox"
keys = "keys"
help_desk = "0344 000 00 00"
on_undelivered = "renew"
"""

#: Runs a command, and kills itself when a letter is written.
KILLED = """
import os, signal
from provisioner.cli import main
from provisioner_letter.outbox import Outbox
put = Outbox.put
def put_and_die(*arguments):
    put(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
Outbox.put = put_and_die
main()
"""


@attrs.frozen(kw_only=True)
class Site:
    """A folder with a configuration that writes letters."""

    folder: Path
    reader: AgeReader

    def act(self, *arguments: str, actor: str = "460000", exit_code: int = 0) -> Any:
        options = ("--config", self.folder / "provisioner.toml", "--actor", actor)
        answer = typed("--json", *options, *arguments)
        assert answer.code == exit_code, answer.err
        return answer.json

    def letter(self) -> str:
        """Return the ID of the last letter."""
        return str(self.act("account", "show", LOGIN)["delivery"]["id"])

    def password(self, letter: str) -> str:
        lines = self.reader.text(Outbox(self.folder / "outbox"), letter).splitlines()
        return lines[lines.index("Password:") + 1]

    def kill_after_writing(self, *arguments: str) -> None:
        """Run a command in another process, which is killed when it has written a letter."""
        command = [sys.executable, "-c", KILLED, "--actor", "460000", *arguments]
        assert subprocess.run(command, cwd=self.folder, check=False, capture_output=True).returncode == -signal.SIGKILL

    def opens(self, password: str) -> bool:
        directory = LocalDirectory(self.folder / "directory.sqlite")
        account = Account(login=LOGIN, domain="meb.gov.tr", unit="46")
        return bool(directory.account_probe(ProbeAccount(account=account, secret=Secret(password))).secret_accepted)


@pytest.fixture(name="site")
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder, reader = tmp_path / "site", AgeReader()
    for path in (folder, folder / "outbox", tmp_path / "tmp"):
        path.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(folder)
    reader.write(folder / "keys" / "persons" / OWNER)
    (folder / "provisioner.toml").write_text(CONFIGURATION)
    (folder / "persons.csv").write_text(
        "id,name,unit,title,mobile\n"
        f"{OWNER},Işıl Çağrı,46,Şef,\n{OFFICER},İsmail Öğüt,46,Memur,\n{STRANGER},Ümit Şen,46,Memur,\n"
    )
    (folder / "units.csv").write_text(
        f"code,name,kind,parent,login,custodian\n46,Temel Eğitim,office,,{LOGIN},{OWNER}\n"
    )
    site = Site(folder=folder, reader=reader)
    site.act("init")
    site.act("person", "import", "persons.csv")
    site.act("unit", "open", "units.csv")
    site.act("authority", "grant", OFFICER, "officer", "--unit", "46")
    return site


def test_a_channel_without_numbers_ignores_that_it_is_to_send_to_one(site: Site) -> None:
    file = site.folder / "provisioner.toml"
    file.write_text(file.read_text() + 'number = "other"\n')

    refused = site.act("account", "rotate", LOGIN, exit_code=2)
    checked = site.act("check", exit_code=2)

    assert "channels.letter.number: plug-in letter sends to no number" in refused["error"]["message"]
    assert "plug-in letter sends to no number" in str(checked)


def test_a_letter_that_was_handed_over_stays_open(site: Site) -> None:
    letter = site.letter()
    password = site.password(letter)
    [listed] = site.act("letter", "list")["items"]
    assert (listed["id"], listed["login"], listed["person"], listed["void"]) == (letter, LOGIN, OWNER, False)

    site.act("letter", "handed-over", letter[:8], actor=STRANGER, exit_code=3)
    site.act("letter", "handed-over", letter[:8], "--dry-run", actor=OFFICER)
    assert [item["id"] for item in site.act("letter", "list")["items"]] == [letter]
    site.act("letter", "handed-over", letter[:8], actor=OFFICER)

    [entry] = site.act("audit", "list", "--kind", "delivery_changed")["items"]
    assert (entry["event"]["actor"], entry["event"]["state"]) == (OFFICER, "delivered")
    assert site.act("account", "show", LOGIN)["delivery"]["state"] == "delivered"
    assert site.act("letter", "list")["items"] == []
    assert list((site.folder / "outbox").iterdir()) == []
    assert site.opens(password)
    site.act("letter", "returned", letter, actor=OFFICER)
    site.act("letter", "handed-over", letter, actor=OFFICER, exit_code=2)
    site.act("letter", "handed-over", "nothing", actor=OFFICER, exit_code=2)


def test_a_returned_letter_still_opens_and_can_be_handed_over(site: Site) -> None:
    first = site.letter()
    old = site.password(first)

    site.act("letter", "returned", first, actor=OFFICER)
    site.act("resume")

    second = site.letter()
    new = site.password(second)
    assert [site.opens(password) for password in (old, new)] == [False, True]
    site.act("letter", "handed-over", first, actor=OFFICER, exit_code=2)
    site.act("letter", "handed-over", second, actor=OFFICER)


def test_a_void_letter_is_handed_over(site: Site) -> None:
    first = site.letter()
    site.act("account", "rotate", LOGIN)
    second = site.letter()

    assert {item["id"]: item["void"] for item in site.act("letter", "list")["items"]} == {first: True, second: False}
    error = site.act("letter", "handed-over", first, second, actor=OFFICER, exit_code=2)
    assert "void" in json.dumps(error)
    assert len(site.act("letter", "list")["items"]) == 2


def test_a_stranger_sees_who_holds_an_account(site: Site) -> None:
    assert [item["person"] for item in site.act("letter", "list", actor=STRANGER)["items"]] == ["***"]
    for reader in (OFFICER, OWNER, "460000"):
        assert [item["person"] for item in site.act("letter", "list", actor=reader)["items"]] == [OWNER]


@pytest.mark.parametrize("command", ["handed-over", "returned"])
def test_a_letter_is_recorded_and_stays_because_the_outbox_is_not_mounted(site: Site, command: str) -> None:
    letter, outbox = site.letter(), site.folder / "outbox"
    outbox.rename(site.folder / "away")

    error = site.act("letter", command, letter, actor=OFFICER, exit_code=5)
    site.act("letter", command, letter, "--dry-run", actor=OFFICER, exit_code=5)

    assert str(outbox) in json.dumps(error)
    assert [item["state"] for item in site.act("letter", "list")["items"]] == ["handed_over"]
    (site.folder / "away").rename(outbox)
    site.act("letter", command, letter, actor=OFFICER)
    assert list(outbox.iterdir()) == []


def test_a_file_that_cannot_be_removed_is_not_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = site.letter()
    [file] = (site.folder / "outbox").iterdir()

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        answer = typed(
            "--json", "--config", site.folder / "provisioner.toml", "--actor", OFFICER, "letter", "handed-over", letter
        )

    assert answer.code == 4
    assert str(file) in answer.err
    assert [item["state"] for item in answer.json["items"]] == ["delivered"]
    site.act("letter", "handed-over", letter, actor=OFFICER)
    assert not file.exists()


def test_a_letter_of_a_killed_process_looks_like_any_other(site: Site) -> None:
    first = site.letter()
    site.kill_after_writing("account", "rotate", LOGIN)
    [killed] = {file.name.split(".")[0] for file in (site.folder / "outbox").iterdir()} - {first}
    assert {item["id"] for item in site.act("letter", "list")["items"]} == {first, killed}
    assert "resume" in json.dumps(site.act("letter", "handed-over", killed, actor=OFFICER, exit_code=2))

    site.act("resume")

    last = site.letter()
    listed = {item["id"]: item["void"] for item in site.act("letter", "list")["items"]}
    assert listed == {first: True, killed: True, last: False}
    assert "void" in json.dumps(site.act("letter", "handed-over", killed, actor=OFFICER, exit_code=2))
    site.act("letter", "returned", first, killed, actor=OFFICER)
    assert [item["id"] for item in site.act("letter", "list")["items"]] == [last]
    assert [file.name.split(".")[0] for file in (site.folder / "outbox").iterdir()] == [last]


def test_a_letter_for_a_closed_account_is_handed_over(site: Site) -> None:
    letter = site.letter()
    site.act("account", "close", LOGIN)

    assert [item["void"] for item in site.act("letter", "list")["items"]] == [True]
    error = site.act("letter", "handed-over", letter, actor=OFFICER, exit_code=2)
    assert "not open" in json.dumps(error)
    assert site.act("account", "show", LOGIN)["delivery"]["state"] == "handed_over"
    site.act("letter", "returned", letter, actor=OFFICER)
    assert list((site.folder / "outbox").iterdir()) == []


@pytest.mark.slow
def test_a_password_is_outside_of_the_letter(site: Site, tmp_path: Path) -> None:
    """In a process of its own, whose temporary files and log would be among those that are searched."""
    command = [sys.executable, "-m", "provisioner", "-vv", "--actor", "460000", "account", "rotate", LOGIN]
    rotated = subprocess.run(command, cwd=site.folder, check=True, capture_output=True)
    password = site.password(site.letter())

    assert site.opens(password)
    assert b"letter_written" in rotated.stderr
    assert find([password], {**files_in(tmp_path), "stdout": rotated.stdout, "stderr": rotated.stderr}) == []
