"""Commands are imported when they are used, and what they import is not searched for garbage."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.cli.lazy import load
from tests.cli.conftest import Office


@pytest.fixture(autouse=True)
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module with a command, which is forgotten after the test."""
    (tmp_path / "with_command.py").write_text("import gc\ncommand = [gc.isenabled()]\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    gc.enable()
    sys.modules.pop("with_command", None)


def test_a_process_never_searches_what_its_command_imports_for_garbage() -> None:
    gc.disable()
    load("with_command:command")
    command = sys.modules["with_command"].command
    try:
        assert command == [False]
        assert not any(thing is command for thing in gc.get_objects())
        assert gc.isenabled()
    finally:
        gc.unfreeze()


def test_garbage_of_a_program_that_calls_a_command_is_still_found() -> None:
    before = gc.get_freeze_count()
    load("with_command:command")
    assert sys.modules["with_command"].command == [True]
    assert gc.get_freeze_count() == before


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["akount", "list"], "No such command 'akount'. Did you mean 'account'?"),
        (["account", "rotaet", "arge46"], "No such command 'rotaet'. Did you mean 'rotate'?"),
        (["--lang", "tr", "akount"], "Şunu mu demek istediniz: 'account'?"),
        (["account", "zzz"], "No such command 'zzz'.\n"),
    ],
)
def test_a_mistyped_command_is_recognised(office: Office, typed: list[str], said: str) -> None:
    answer = office.type(*typed)

    assert answer.code == 2
    assert said in answer.err


def test_the_usage_of_a_default_names_only_its_group(office: Office) -> None:
    assert "Usage: provisioner handover [OPTIONS] LOGIN\n" in office.type("handover", "arge46").err
