"""A lease is taken over only from a process that has certainly ended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from provisioner.store.journal.owners import new_owner, owner_is_gone


def renamed(owner: str, **parts: str) -> str:
    names = ("host", "machine", "pid", "start_time", "random")
    return "/".join({**dict(zip(names, owner.split("/"), strict=True)), **parts}.values())


def test_a_process_knows_that_it_lives() -> None:
    assert not owner_is_gone(new_owner())


def test_two_stores_of_one_process_have_two_names() -> None:
    assert new_owner() != new_owner()


def test_a_process_that_has_ended_is_gone() -> None:
    code = "from provisioner.store.journal.owners import new_owner; print(new_owner())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert owner_is_gone(ended.stdout.strip())


def test_a_process_that_nobody_has_waited_for_yet_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        assert owner_is_gone(renamed(new_owner(), pid=str(pid), start_time="1"))
    finally:
        os.waitpid(pid, 0)


def test_a_later_process_with_the_same_number_is_another() -> None:
    assert owner_is_gone(renamed(new_owner(), start_time="1"))


@pytest.mark.parametrize("part", ["host", "machine"])
def test_a_process_of_another_machine_is_not_judged(part: str) -> None:
    """Its number says nothing here; that of a container neither."""
    nobody = "4194304"

    assert owner_is_gone(renamed(new_owner(), pid=nobody))
    assert not owner_is_gone(renamed(new_owner(), pid=nobody, **{part: "other"}))
    assert not owner_is_gone(renamed(new_owner(), pid=nobody, machine=""))


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, __: int) -> None:
        raise PermissionError

    owner = new_owner()
    monkeypatch.setattr("provisioner.store.journal.owners.os.kill", refuse)

    assert not owner_is_gone(owner)
