"""What each command does if the store fails before anything was changed: it says so, and exits with 5.

Scripts continue with ``resume`` after 4, and try again later after 5.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from docs.json_documents import EXAMPLE, LINES, RULES, _fill, _first_id, _with_other_number
from provisioner.core.api.errors import StoreUnavailableError
from provisioner.store.db.sqlite import SqliteDatabase
from tests.cli.conftest import Answer, typed

#: Commands that have an answer without the store.
WITHOUT_STORE = ("plugins", "new-plugin")

#: How many transactions of a command begin before the store fails.
PLACES = range(12)


@contextmanager
def failing(*names: str, after: int = 0) -> Iterator[list[str]]:
    """Let transactions of these kinds fail after some others, and yield the kinds of all that failed or would have."""
    met: list[str] = []

    def failing_after(name: str) -> Callable[..., Any]:
        real = getattr(SqliteDatabase, name)

        def fail(*args: Any, **values: Any) -> Any:
            met.append(name)
            if len(met) > after:
                raise StoreUnavailableError("the store is locked")
            return real(*args, **values)

        return fail

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(SqliteDatabase, name, failing_after(name))
        yield met


def content(site: Path) -> Mapping[str, list[str]]:
    """Return all that is in the store and on the targets."""
    found = {}
    for file in site.glob("*.sqlite"):
        with closing(sqlite3.connect(file)) as connection:
            found[file.name] = [line for line in connection.iterdump() if line.startswith("INSERT")]
    return {name: lines for name, lines in found.items() if lines}


def run(site: Path, command: str) -> Answer:
    with chdir(site):
        return typed("--lang", "en", "--json", *command.split())


def commands(site: Path) -> Iterator[str]:
    """Yield the command lines of the documentation, and carry each out after it was yielded."""
    for file in EXAMPLE.glob("*.csv"):
        shutil.copy(file, site)
    (site / "numbers.csv").write_text(_with_other_number(site / "persons.csv"), encoding="utf-8")
    found = ""
    for line in LINES.strip().splitlines():
        command = line.strip("()").replace(" ID", f" {found}")
        if command != "init":
            yield command
        found = _first_id(json.loads(run(site, command).out)) or found
        if command == "init":
            with (site / "provisioner.toml").open("a", encoding="utf-8") as configuration:
                configuration.write(RULES)
        if command == "check":
            _fill(site / "directory.sqlite")


@pytest.mark.slow
def test_no_command_calls_a_store_that_can_not_be_written_incomplete_work(tmp_path: Path) -> None:
    """``resume`` and a sweep exited with 4, as if something had been done."""
    wrong = []
    for command in commands(tmp_path):
        before = content(tmp_path)
        with failing("begin") as met:
            answer = run(tmp_path, command)
        assert content(tmp_path) == before, command
        if met and answer.code != 5:
            wrong.append((command, answer.code))

    assert wrong == []


@pytest.mark.slow
def test_no_command_takes_what_it_can_not_read_for_nothing(tmp_path: Path) -> None:
    """``target maintenance --off`` said that the target was not in maintenance."""
    wrong = []
    for command in commands(tmp_path):
        if command.startswith(WITHOUT_STORE):
            continue
        before = content(tmp_path)
        for place in PLACES:
            with failing("look", "find", "begin", after=place) as met:
                answer = run(tmp_path, command)
            if len(met) <= place or content(tmp_path) != before:
                break
            if answer.code != 5:
                wrong.append((command, place, answer.code))

    assert wrong == []
