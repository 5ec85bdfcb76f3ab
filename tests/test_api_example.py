"""The example of the API works with a real console, also after the console was killed; its token is kept nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copy

import httpx
import pytest

from tests.acceptance import leaks
from tests.example_site import EXAMPLES

pytestmark = pytest.mark.slow

SCRIPT = EXAMPLES / "api" / "due_report.py"
ADMINISTRATOR = ("--actor", "460040")

#: Who may do everything.
ROLES = '\n[authority]\nadministrators = ["460040"]\n'


def provisioner(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "provisioner", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    provisioner(folder, "init")
    with (folder / "provisioner.toml").open("a", encoding="utf-8") as file:
        file.write(ROLES)
    for name in ("persons.csv", "units.csv"):
        copy(EXAMPLES / "kahramanmaras" / name, folder)
    provisioner(folder, *ADMINISTRATOR, "person", "import", "persons.csv")
    provisioner(folder, *ADMINISTRATOR, "unit", "import", "units.csv")
    provisioner(folder, *ADMINISTRATOR, "unit", "open", "avrupa-birligi")
    return folder


@pytest.fixture(name="token", scope="module")
def _token(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the token of a service that may do everything."""
    provisioner(folder, *ADMINISTRATOR, "authority", "grant", "service:report", "administrator")
    made = provisioner(folder, *ADMINISTRATOR, "token", "create", "report", "--service", "report", "--days", "9")
    file = tmp_path_factory.mktemp("secret") / "token.txt"
    file.write_text(made, encoding="ascii")
    return file


@contextmanager
def served(folder: Path, log: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve the console, and return its address."""
    command = [sys.executable, "-m", "provisioner", "--json", "--verbose", "console", "serve", "--demo", "--port", "0"]
    with log.open("a") as errors:
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
        with server:
            assert server.stdout
            yield json.loads(server.stdout.readline())["url"], server
            server.terminate()


def run(url: str, token: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(SCRIPT), url, str(token), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_example_reports_what_is_due_and_trouble_once(folder: Path, token: Path, tmp_path: Path) -> None:
    with served(folder, tmp_path / "log") as (url, _):
        due = run(url, token, "--days", "60")
        reported = [run(url, token, "--days", "0", "--report", "ab46") for _ in range(2)]
        refused = run(url, token, "--days", "0", "--report", "nobody46")

    assert (due.returncode, due.stdout.split()[0]) == (0, "ab46"), due.stderr
    assert [(one.returncode, one.stdout[:9]) for one in reported] == [(0, "reported:")] * 2
    assert reported[0].stdout == reported[1].stdout
    assert refused.returncode == 1
    assert refused.stderr.startswith("nobody46 is unknown -> ")
    secret = token.read_text(encoding="ascii").strip()
    found: Mapping[str, bytes] = leaks.files_in(folder, tmp_path)
    assert leaks.find([secret, secret.rpartition("_")[2]], found) == []


def test_an_answer_outlives_a_killed_console(folder: Path, token: Path, tmp_path: Path) -> None:
    secret, key = token.read_text(encoding="ascii").strip(), str(uuid.uuid4())
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": key}
    body = {"login": "ab46", "text": "one report"}
    answers = []
    for _ in range(2):
        with served(folder, tmp_path / "log") as (url, server):
            answers.append(httpx.post(f"{url}/api/v1/incidents", json=body, headers=headers, timeout=60))
            server.kill()

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    entries = provisioner(folder, *ADMINISTRATOR, "--json", "audit", "list", "--kind", "trouble_reported")
    texts = [json.loads(json.dumps(item)) for item in json.loads(entries)["items"]]
    assert len([one for one in texts if "one report" in json.dumps(one)]) == 1
