"""The demo proves what it says, says when it cannot, and shows no password."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from provisioner_sms.simulator import Inbox
from tests.translations import turkish

pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[1] / "provisioner" / "demo"

PLACES = re.compile(r"http://127\.0\.0\.1:\d+")

#: The phone of the last person whom the demo names.
OFFICERS_NUMBER = "+905940004611"

TURKISH = turkish(DEMO.parent)

#: How many claims the story makes.
CLAIMS = 24


def _command(*arguments: str, before: str = "pass") -> list[str]:
    """Return how to run the demo as a program, after something was done to it."""
    return [sys.executable, "-c", f"{before}; from provisioner.cli import main; main()", *arguments]


def _demo(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*arguments, before=before), check=False, capture_output=True, text=True)


@attrs.frozen
class Told:
    """The story as it was told, with the console in the end."""

    stdout: str
    stderr: str
    returncode: int
    #: The answers to log-ins of the people whom the demo names, by login.
    log_ins: dict[str, int]


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(name="told", scope="module")
def _told(folder: Path) -> Told:
    """The story in Turkish, with its files kept."""
    command = _command("--lang", "tr", "demo", "--keep", str(folder), "--console", "--port", "0")
    errors = folder.parent / "errors.txt"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            ["env", "--default-signal", *command], stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as demo,
    ):
        assert demo.stdout
        lines = []
        try:
            for line in demo.stdout:
                lines.append(line)
                if OFFICERS_NUMBER in line:
                    break
            log_ins = _log_ins("".join(lines), folder)
        finally:
            demo.send_signal(signal.SIGINT)
            rest, _ = demo.communicate(timeout=120)
    return Told("".join(lines) + rest, errors.read_text(), demo.returncode, log_ins)


def _passwords(folder: Path, number: str | None = None) -> list[str]:
    """Return the passwords that a phone has received, or all phones."""
    messages = Inbox(folder / "phones.sqlite").messages(number)
    return [message.password for message in messages if "password:" in message.text or "parolaniz:" in message.text]


def _log_ins(told: str, folder: Path) -> dict[str, int]:
    """Log in as everybody whom the demo names, with the password on the phone."""
    url = PLACES.findall(told)[-1]
    found = {}
    for login, number in re.findall(r"^  (\S+) \(.+\)\n.+sms-simulator inbox .+ (\+\d+)$", told, re.MULTILINE):
        password = _passwords(folder, number)[-1]
        with httpx.Client(base_url=url, trust_env=False) as browser:
            csrf = re.findall(r'name="csrf" value="([^"]+)"', browser.get("/login").text)[0]
            form = {"csrf": csrf, "login": login, "password": password, "next": "/"}
            found[login] = browser.post("/login", data=form, headers={"origin": url}).status_code
    return found


@pytest.mark.server("slapd")
def test_the_story_is_told_on_a_real_directory_and_everything_is_proved(
    told: Told,
) -> None:
    proofs = re.findall(r"^  ([+-]) +(\d+)/(\d+) +(.+)$", told.stdout, re.MULTILINE)

    assert told.returncode == 0, told.stderr
    assert "ldaps://localhost" in told.stdout
    assert [mark for mark, *_ in proofs] == ["+"] * CLAIMS
    assert all(found == expected != "0" for _, found, expected, _ in proofs)
    assert {claim for *_, claim in proofs} <= set(TURKISH.values())


@pytest.mark.server("slapd")
def test_the_people_it_names_log_in_at_the_console(told: Told) -> None:
    assert told.log_ins == dict.fromkeys(("stratejigelistirme46", "kmarasmem", "bilgiislemegitek46"), 303)


@pytest.mark.server("slapd")
def test_no_password_is_shown(told: Told, folder: Path) -> None:
    passwords = _passwords(folder)

    assert len(passwords) == 74
    assert not [password for password in passwords if password in told.stdout + told.stderr]


@pytest.mark.server("slapd")
def test_nothing_is_left_running(told: Told) -> None:
    places = PLACES.findall(told.stdout)

    assert len(places) == 3
    for place in places:
        with pytest.raises(httpx.ConnectError):
            httpx.get(place, trust_env=False)


@pytest.mark.server("slapd")
def test_a_folder_in_use_is_left_alone(told: Told, folder: Path) -> None:
    assert told.returncode == 0
    before = {path: path.read_bytes() for path in folder.iterdir()}
    again = _demo("demo", "--keep", str(folder))

    assert again.returncode == 2
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_without_a_directory_server_a_file_stands_in_and_is_named() -> None:
    missing = "import provisioner.testing.slapd as slapd; slapd.PACKAGES = {'slapd': ('/nowhere',)}"
    told = _demo("--json", "demo", before=missing)
    document: dict[str, Any] = json.loads(told.stdout)

    assert told.returncode == 0
    assert document["directory"] == "local"
    assert document["proved"] is True
    assert len(document["proofs"]) == CLAIMS
    assert all(proof["proved"] and proof["found"] == proof["expected"] > 0 for proof in document["proofs"])


def test_a_claim_that_does_not_hold_fails_the_demo() -> None:
    """A personnel system that lets nobody in."""
    locked = (
        "import provisioner.testing.slapd as slapd; slapd.PACKAGES = {'slapd': ('/nowhere',)};"
        "import provisioner.demo.doors as doors; doors.PysDoor.__call__ = lambda *_: False"
    )
    told = _demo("--lang", "en", "demo", before=locked)

    assert told.returncode == 1
    assert re.search(r"- +0/39 +delivered passwords log in at the personnel system", told.stdout)
    assert "Some checks failed." in told.stdout


def test_every_sentence_has_its_turkish() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in DEMO.glob("*.py"))
    said = re.findall(r"""(?:\bsay\(|claim=|Error\(|cure=)\s*"((?:[^"\\]|\\.)+)\"""", source)

    assert len(said) > CLAIMS
    assert [sentence for sentence in said if sentence not in TURKISH] == []
    for english, translated in TURKISH.items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", translated)), english
