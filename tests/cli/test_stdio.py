"""A plug-in that says its passwords in every way there is: stdout stays one document, and nobody reads one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TextIO, cast

import attrs
import pytest

from provisioner.cli import stdio
from provisioner.core.gateways.plugin_code import entered
from provisioner.core.model import spellings
from provisioner.core.model.secret import Secret

#: Says the password of each change everywhere, and keeps it in a file for the test.
NOISY = """
import base64, html, logging, os, subprocess, sys, threading, time, warnings
from urllib.parse import quote

import structlog

from provisioner import hookimpl
from provisioner.core.api.messages import Receipt
from provisioner.testing.memory import MemoryTarget

print("noise: import")
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))


class Unraisable:
    def __init__(self, text):
        self.text = text

    def __del__(self):
        raise ValueError(self.text)


class Noisy(MemoryTarget):
    def _shout(self, request):
        clear = request.secret.reveal()
        with open(os.environ["NOISY_PASSWORDS"], "a") as file:
            file.write(clear + "\\n")
        print("noise: print", clear)
        print("noise: original", file=sys.__stdout__, flush=True)
        subprocess.run([sys.executable, "-c", "print('noise: program')"])
        sys.stderr.write(f"noise: stderr {quote(clear)}\\n")
        sys.stderr.writelines(["noise: ", "lines ", clear, "\\n"])
        logging.getLogger("some.library").warning("noise: log %s", base64.b64encode(clear.encode()).decode())
        structlog.get_logger("noisy").warning("noise: structlog", answer=clear.encode().hex())
        warnings.warn(f"noise: warning {clear.upper()}")
        thread = threading.Thread(target=self._fail, args=(clear,))
        thread.start()
        thread.join()
        Unraisable("noise: unraisable " + html.escape(clear))

    def _fail(self, clear):
        print("noise: thread", clear)
        raise RuntimeError("noise: traceback " + clear)

    @hookimpl
    def account_create(self, request):
        self._shout(request)
        receipt = super().account_create(request)
        return Receipt(outcome=receipt.outcome, reference="id " + request.secret.reveal())

    @hookimpl
    def account_rotate(self, request):
        self._shout(request)
        sys.exit("noise: exit " + request.secret.reveal())


@hookimpl
def provisioner_register(settings, register):
    print("noise: register")
    for section in settings.targets:
        register.target(section.name, Noisy())
"""

CONFIG = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
plate_code = "46"
[targets.loud]
plugin = "noisy"
[channels.sms]
plugin = "memory"
"""

PERSONS = "id,name,unit,title,mobile,supervisor\n1001,Ayşe Işık,,,05321234567,\n"
UNITS = "code,name,kind,parent,login,custodian\nar-ge,AR-GE,office,,arge46,1001\nil-mem,İl,office,,ilmem46,1001\n"


@attrs.frozen
class Loud:
    """An office with that plug-in."""

    folder: Path

    def run(self, *arguments: str, closed: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "lib"),
            "NOISY_PASSWORDS": str(self.folder / "passwords"),
        }
        command = [sys.executable, "-m", "provisioner", "--config", str(self.folder / "provisioner.toml"), *arguments]
        if closed:
            command = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def passwords(self) -> list[str]:
        return (self.folder / "passwords").read_text().splitlines()


@pytest.fixture(name="loud")
def _loud(tmp_path: Path) -> Loud:
    distribution = tmp_path / "lib" / "noisy-1.0.dist-info"
    distribution.mkdir(parents=True)
    (tmp_path / "lib" / "noisy.py").write_text(NOISY)
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[provisioner.plugins]\nnoisy = noisy\n")
    (tmp_path / "provisioner.toml").write_text(CONFIG)
    (tmp_path / "persons.csv").write_text(PERSONS)
    (tmp_path / "units.csv").write_text(UNITS)
    loud = Loud(tmp_path)
    for command in (["init"], ["person", "import", str(tmp_path / "persons.csv")]):
        assert loud.run(*command).returncode == 0
    return loud


NOISE = ("print", "original", "program", "stderr", "lines", "log", "structlog", "warning", "thread", "traceback")


@pytest.mark.slow
def test_nobody_reads_what_a_plug_in_says(loud: Loud) -> None:
    opened = loud.run("--json", "--verbose", "unit", "open", str(loud.folder / "units.csv"))
    rotated = loud.run("--json", "--verbose", "account", "rotate", "arge46")

    assert (opened.returncode, rotated.returncode) == (0, 4), opened.stderr
    assert [load["state"] for load in json.loads(opened.stdout)["operations"]] == ["done", "done"]
    assert json.loads(rotated.stdout)["operations"]
    for kind in (*NOISE, "import", "register", "unraisable"):
        assert f"noise: {kind}" in opened.stderr
    kept = {
        path.name: path.read_bytes() for path in loud.folder.iterdir() if path.is_file() and path.name != "passwords"
    }
    said = {"stdout": opened.stdout + rotated.stdout, "stderr": opened.stderr + rotated.stderr}
    places = {**kept, **{name: text.encode() for name, text in said.items()}}
    assert len(loud.passwords()) >= 3
    assert [
        name for name, data in places.items() for password in loud.passwords() if spellings.find(password, data)
    ] == []


@pytest.mark.slow
def test_noise_that_nobody_can_hear_changes_nothing(loud: Loud) -> None:
    """Files that are opened get the numbers of closed streams, and noise would be written into them."""
    answer = loud.run("--json", "unit", "open", str(loud.folder / "units.csv"), closed="2>&- >&-")
    verified = loud.run("--json", "audit", "verify")

    assert answer.returncode == 0
    assert json.loads(verified.stdout)["whole"]
    assert not any(b"noise" in path.read_bytes() for path in loud.folder.glob("*.sqlite*"))


class TestMasked:
    """What goes to stderr."""

    def test_is_masked_although_it_comes_in_pieces(self) -> None:
        secret, below = Secret("Kx7!mPq2?vRt9"), io.StringIO()
        masked = stdio.Masked(cast("TextIO", below))

        for piece in ("error: Kx7!", "mPq2?v", "Rt9 was", " refused\nnext "):
            masked.write(piece)

        assert below.getvalue() == "error: <secret> was refused\n"
        masked.flush()
        assert below.getvalue() == "error: <secret> was refused\nnext "
        assert secret

    def test_is_written_by_many_threads_without_loss(self) -> None:
        below = io.StringIO()
        masked = stdio.Masked(cast("TextIO", below))
        threads = [threading.Thread(target=masked.write, args=(f"line {n}\n" * 50,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(below.getvalue().splitlines()) == 400


def test_answers_and_noise_go_their_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)

    with stdio.guarded():
        print("answer")
        with entered():
            print("inside")
        thread = threading.Thread(target=print, args=("aside",))
        thread.start()
        thread.join()

    assert out.getvalue() == "answer\n"
    assert err.getvalue() == "inside\naside\n"
    assert (sys.stdout, sys.stderr) == (out, err)
