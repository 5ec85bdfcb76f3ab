"""Commands are imported when they are used, and what they import is not searched for garbage."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.cli.lazy import load


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
