"""The demo proves what it says, says when it cannot, and shows no password."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from provisioner_sms.simulator import Inbox
from tests.translations import turkish

pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[1] / "provisioner" / "demo"

TURKISH = turkish(DEMO.parent)

#: How many claims the story makes.
CLAIMS = 24


def _demo(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run the demo as a program, after something was done to it."""
    program = f"{before}; from provisioner.cli import main; main()"
    return subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True)


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(name="told", scope="module")
def _told(folder: Path) -> subprocess.CompletedProcess[str]:
    """The story in Turkish, with its files kept."""
    return _demo("--lang", "tr", "demo", "--keep", str(folder))


@pytest.mark.server("slapd")
def test_the_story_is_told_on_a_real_directory_and_everything_is_proved(
    told: subprocess.CompletedProcess[str],
) -> None:
    proofs = re.findall(r"^  ([+-]) +(\d+)/(\d+) +(.+)$", told.stdout, re.MULTILINE)

    assert told.returncode == 0, told.stderr
    assert "ldaps://localhost" in told.stdout
    assert [mark for mark, *_ in proofs] == ["+"] * CLAIMS
    assert all(found == expected != "0" for _, found, expected, _ in proofs)
    assert {claim for *_, claim in proofs} <= set(TURKISH.values())


@pytest.mark.server("slapd")
def test_no_password_is_shown(told: subprocess.CompletedProcess[str], folder: Path) -> None:
    messages = Inbox(folder / "phones.sqlite").messages()
    passwords = [
        message.password for message in messages if "password:" in message.text or "parolaniz:" in message.text
    ]

    assert len(passwords) == 74
    assert not [password for password in passwords if password in told.stdout + told.stderr]


@pytest.mark.server("slapd")
def test_nothing_is_left_running(told: subprocess.CompletedProcess[str]) -> None:
    places = re.findall(r"http://127\.0\.0\.1:\d+", told.stdout)

    assert len(places) == 2
    for place in places:
        with pytest.raises(httpx.ConnectError):
            httpx.get(place, trust_env=False)


@pytest.mark.server("slapd")
def test_a_folder_in_use_is_left_alone(told: subprocess.CompletedProcess[str], folder: Path) -> None:
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
