"""Commands are imported when they are used, and what they import is not searched for garbage."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.cli.lazy import load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules. What was imported before the test can be garbage again after it."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("sorted_out", "torn"):
        sys.modules.pop(name, None)
    gc.unfreeze()


def test_what_a_command_imports_is_never_searched_for_garbage(folder: Path) -> None:
    (folder / "sorted_out.py").write_text("import gc\ncommand = [gc.isenabled()]\n")
    load("sorted_out:command")
    command = sys.modules["sorted_out"].command
    assert command == [False]
    assert not any(thing is command for thing in gc.get_objects())
    assert gc.isenabled()


def test_a_command_that_cannot_be_imported_leaves_the_collector_on(folder: Path) -> None:
    (folder / "torn.py").write_text("raise RuntimeError('torn')\n")
    with pytest.raises(RuntimeError, match="torn"):
        load("torn:command")
    assert gc.isenabled()
