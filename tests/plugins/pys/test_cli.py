"""``provisioner pys-mock serve``, as a program of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click.testing
import pytest

from provisioner.core.api.errors import ConfigurationError, InputError
from provisioner.core.model.secret import Secret
from provisioner_pys.cli import group
from provisioner_pys.client import PysClient
from provisioner_pys.mock import PysMock

KEY = "key-of-the-test"
COMMAND = [sys.executable, "-c", "from provisioner_pys.cli import group; group()", "serve", "--port", "0"]


@pytest.fixture(autouse=True)
def _no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep commands that run in this process from setting the log up for all tests after them."""
    monkeypatch.setattr("provisioner.cli.logs.set_up", lambda **_: None)


@pytest.fixture(name="key_file")
def _key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file


def invoke(*arguments: object) -> None:
    click.testing.CliRunner().invoke(group, ["serve", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, key_file: Path, number: signal.Signals) -> None:
    people, ready = tmp_path / "people.csv", tmp_path / "ready"
    people.write_text("id,name,mobile\n1001,Ayşe Işık,+905321234567\n")
    database = tmp_path / "pys.sqlite"
    options: list[str | Path] = ["--api-key", f"file:{key_file}", "--seed", people, "--database", database]
    process = subprocess.Popen(
        [*COMMAND, *options, "--ready-file", ready], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert ready.read_text().strip() == url
        with closing(PysClient.connect(url, Secret(KEY), timeout=60)) as client:
            person = client.person("1001")
            assert person is not None
            assert person.mobile == "+905321234567"
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)

    assert process.returncode == 0
    assert not ready.exists()
    assert KEY not in output + errors
    assert database.exists()


def test_the_key_may_come_from_the_environment(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--api-key", "env:PYS_KEY"], stdout=subprocess.PIPE, text=True, env={"PYS_KEY": KEY}
    )
    with process:
        assert process.stdout is not None
        with closing(PysClient.connect(process.stdout.readline().strip(), Secret(KEY), timeout=60)) as client:
            assert client.status().undo
        process.terminate()
    assert process.returncode == 0


def test_json_is_one_document(key_file: Path) -> None:
    command = [*COMMAND, "--json", "--api-key", f"file:{key_file}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with closing(PysClient.connect(url, Secret(KEY), timeout=60)) as client:
            client.status()
        process.terminate()
        assert process.communicate()[0] == ""


def test_a_key_on_the_command_line_is_refused() -> None:
    """Everybody on the machine can read a command line."""
    with pytest.raises(ConfigurationError) as caught:
        invoke("--api-key", KEY)

    assert KEY not in str(caught.value)


def test_a_bad_seed_stops_it_before_it_starts(tmp_path: Path, key_file: Path) -> None:
    seed, database = tmp_path / "seed.csv", tmp_path / "pys.sqlite"
    seed.write_text("nothing,known\n")

    with pytest.raises(InputError):
        invoke("--api-key", f"file:{key_file}", "--seed", seed, "--database", database)
    assert not database.exists()


def test_a_port_that_is_taken_is_named(mock: PysMock, key_file: Path) -> None:
    port = mock.url.rpartition(":")[2]

    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} cannot be listened on"):
        invoke("--api-key", f"file:{key_file}", "--port", port)


def test_a_database_that_cannot_be_used_is_named(tmp_path: Path, key_file: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing"):
        invoke("--api-key", f"file:{key_file}", "--port", 0, "--database", tmp_path / "missing" / "pys.sqlite")


def test_a_ready_file_that_cannot_be_written_is_named(tmp_path: Path, key_file: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing"):
        invoke("--api-key", f"file:{key_file}", "--port", 0, "--ready-file", tmp_path / "missing" / "ready")


def test_another_address_than_loopback_is_warned_of() -> None:
    command = [*COMMAND, "--host", "0.0.0.0", "--api-key", "env:PYS_KEY"]  # noqa: S104 - what is warned of
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PYS_KEY": KEY})
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert "plain HTTP" in process.communicate()[1]
